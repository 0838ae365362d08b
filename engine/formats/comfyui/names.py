"""The named inputs and outputs of a file.

They are those of app mode (`extra.linearData`: `[node, widget]`, and ids of output nodes), or our own, which
written files keep in `extra`.  Either may name what lies in a sub-graph.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from engine.coercion import brief
from engine.formats.comfyui.levels import INPUT, Report, identifier, index_of, items, mapping
from engine.formats.comfyui.routes import Place, Routes, Source
from engine.formats.comfyui.scopes import Scope
from engine.formats.document import KEY, VERSION
from engine.problems import Problem

#: Nobody fills in a longer form.
MOST: Final = 1000


@dataclass
class Names:
    """Finds in the plain graph what a file names."""

    scopes: Sequence[Scope]
    graph: Mapping[str, Any]
    routes: Routes
    report: Report

    def read(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """What a document of ours says under `_workflow`; nothing when the file names nothing."""
        if isinstance(about := extra.get(KEY), dict):
            named = {"inputs": dict(self._inputs(about)), "outputs": dict(self._outputs(about))}
            return {**about, **{key: value for key, value in named.items() if key in about}}
        data = mapping(extra.get("linearData"))
        inputs: dict[str, list[str]] = {}
        for entry in items(data.get("inputs"))[:MOST]:
            if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[1], str):
                node = (identifier(entry[0]) or "").removesuffix(f":{entry[1]}")
                if (place := self._one(node, entry[1], entry[1])) is not None:
                    inputs[_free(entry[1].rpartition(".")[2], inputs)] = place
        outputs: dict[str, str] = {}
        for entry in items(data.get("outputs"))[:MOST]:
            if (found := self._find(identifier(entry) or "")) is not None:
                outputs[_free(str(self.graph[found]["class_type"]), outputs)] = found
        return {"version": VERSION, "inputs": inputs, "outputs": outputs} if inputs or outputs else {}

    def _inputs(self, about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, entry in mapping(about.get("inputs")).items():
            place = entry.get("at") if isinstance(entry, dict) else entry
            if isinstance(place, list) and len(place) == 2 and isinstance(place[1], str):
                place = self._one(identifier(place[0]) or "", place[1], name)
                if place is None:
                    continue
            yield name, {**entry, "at": place} if isinstance(entry, dict) else place

    def _outputs(self, about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, entry in mapping(about.get("outputs")).items():
            place = entry
            if isinstance(entry, list) and len(entry) == 2:
                node, output = identifier(entry[0]), index_of(entry[1])
                if node in self.scopes[0].level.nodes and node is not None and output is not None:
                    end = self.routes.end(Place(self.scopes[0], node, output), "*")
                    place = list(end) if isinstance(end, Source) else entry
            yield name, place

    def _one(self, node: str, name: str, called: str) -> list[str] | None:
        """The one input of the graph that an input of the file stands for."""
        places = list(self._ends(node, name))
        if len(places) == 1:
            return list(places[0])
        why = "leads to several nodes" if places else "is not there"
        said = f"the input {brief(called)} that the file names ({name} of node {brief(node)}) {why}"
        self.report(Problem("invalid_workflow", said, severity="warning"))
        return None

    def _ends(self, node: str, name: str) -> Iterator[tuple[str, str]]:
        """An input of the graph, or those inside that an input of an instance leads to."""
        root = self.scopes[0]
        if node not in root.children:
            if (found := self._find(node)) is not None:
                yield found, name
            return
        waiting = [(root.children[node], name)]
        for scope, called in waiting:
            ports = scope.definition.inputs if scope.definition is not None else ()
            port = next((index for index, each in enumerate(ports) if each.name == called), None)
            for inner in scope.level.nodes.values():
                for slot in inner.inputs:
                    wire = scope.level.links.get(slot.link) if slot.link is not None else None
                    if wire is None or wire.source != INPUT or wire.output != port:
                        continue
                    if inner.id in scope.children:
                        waiting.append((scope.children[inner.id], slot.widget or slot.name))
                    elif scope.prefix + inner.id in self.graph:
                        yield scope.prefix + inner.id, slot.widget or slot.name

    def _find(self, node: str) -> str | None:
        """The id in the graph of what a file calls `node`, `definition:node`, or by its inner id alone."""
        if node in self.graph:
            return node
        return self._inner.get(node) or self._inner.get(node.partition(":")[2])

    @cached_property
    def _inner(self) -> dict[str, str]:
        """Ids in the graph, by the ids of inner nodes and by `definition:node`; the first of each holds."""
        found: dict[str, str] = {}
        for scope in self.scopes:
            for node in scope.level.nodes:
                if scope.prefix + node in self.graph:
                    found.setdefault(node, scope.prefix + node)
                    if scope.definition is not None:
                        found.setdefault(f"{scope.definition.id}:{node}", scope.prefix + node)
        return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that is not taken: `image`, `image_2`, ..."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
