"""App mode: the inputs and outputs that a file shows to people, as a workflow's named ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.coercion import brief
from engine.formats.editor import INPUT, Report, identifier, items, mapping
from engine.formats.scopes import Scope
from engine.problems import Problem


def named_places(
    document: Mapping[str, Any], scopes: Sequence[Scope], graph: Mapping[str, Any], report: Report
) -> dict[str, dict[str, Any]]:
    """What `extra.linearData` names, as `inputs` and `outputs` of a document of ours."""
    data = mapping(mapping(document.get("extra")).get("linearData"))
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for entry in items(data.get("inputs")):
        if not (isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[1], str)):
            continue
        node = (identifier(entry[0]) or "").removeprefix(f"{document.get('id')}:")
        node = node.removesuffix(f":{entry[1]}")
        places = list(_inputs(node, entry[1], scopes, graph))
        if len(places) != 1:
            why = "leads to several nodes" if places else "is not there"
            said = f"the input {brief(entry[1])} of node {brief(entry[0])} that app mode shows {why}"
            report(Problem("invalid_workflow", said, severity="warning"))
            continue
        inputs[_free(entry[1].rpartition(".")[2], inputs)] = list(places[0])
    for entry in items(data.get("outputs")):
        if (found := _found(identifier(entry) or "", scopes, graph)) is not None:
            outputs[_free(str(graph[found]["class_type"]), outputs)] = found
    return {"inputs": inputs, "outputs": outputs}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that is not taken: `image`, `image_2`, ..."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _found(node: str, scopes: Sequence[Scope], graph: Mapping[str, Any]) -> str | None:
    """The id in the graph of what a file calls `node`, `definition:node`, or by its inner id alone."""
    if node in graph:
        return node
    definition, colon, inner = node.partition(":")
    for scope in scopes[1:]:
        if colon and scope.definition is not None and scope.definition.id == definition:
            found = scope.prefix + inner
        else:
            found = scope.prefix + node
        if found in graph:
            return found
    return None


def _inputs(
    node: str, name: str, scopes: Sequence[Scope], graph: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """The inputs of the graph that an input of a file stands for; those inside, for one of an instance."""
    if node not in scopes[0].children:
        if (found := _found(node, scopes, graph)) is not None:
            yield found, name
        return
    waiting = [(scopes[0].children[node], name)]
    for scope, port in waiting:
        index = next((i for i, each in enumerate(_ports(scope)) if each == port), None)
        for inner in scope.level.nodes.values():
            for slot in inner.inputs:
                wire = scope.level.links.get(slot.link) if slot.link is not None else None
                if wire is None or wire.source != INPUT or wire.output != index:
                    continue
                if inner.id in scope.children:
                    waiting.append((scope.children[inner.id], slot.widget or slot.name))
                elif scope.prefix + inner.id in graph:
                    yield scope.prefix + inner.id, slot.widget or slot.name


def _ports(scope: Scope) -> list[str]:
    return [port.name for port in scope.definition.inputs] if scope.definition is not None else []
