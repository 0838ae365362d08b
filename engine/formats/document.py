"""Our own form: an API graph with `_meta` on its nodes and one extra key, `_workflow`.

Lowering expands sub-graphs, takes muted nodes out, bridges bypassed ones, and reads the named inputs and
outputs.  Inner nodes get the ids `outer:inner`.  What is malformed in `_workflow` becomes a problem, as it
does in nodes.
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Final, NamedTuple, TypeGuard

from engine.coercion import nearest
from engine.errors import DocumentError, UserError
from engine.problems import Problem
from engine.prompt import Document
from engine.spec import NodeSpec
from engine.types import WIDGETS, compatible

VERSION: Final = 1
KEY: Final = "_workflow"
SUBGRAPH: Final = "subgraph:"

#: Definitions that hold each other twice would grow without end.
MOST_NODES: Final = 100_000


class Parameter(NamedTuple):
    """A named input: where its value goes, and what people are told about it."""

    node: str
    input: str
    title: str = ""
    help: str = ""
    order: float = 0


class Result(NamedTuple):
    """A named output: an output node, or one output of any node."""

    node: str
    output: int | None = None


@dataclass
class Lowered:
    """A plain graph, with what people call its parts."""

    graph: dict[str, Any]
    title: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Parameter] = field(default_factory=dict)
    outputs: dict[str, Result] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def lower_document(document: Document, specs: Mapping[str, NodeSpec]) -> Lowered:
    """See the module; `specs` say the types that bypassing goes by.

    Raises:
        DocumentError: the document is of a newer version, or its sub-graphs are too large.
    """
    about = document.get(KEY, {})
    lowered = Lowered({})
    if not isinstance(about, dict):
        lowered.problems.append(Problem("invalid_workflow", f"{KEY} must be an object"))
        about = {}
    version = about.get("version", VERSION)
    if isinstance(version, int | float) and version > VERSION:
        raise DocumentError(f"this workflow is of version {version}; this Safelight reads up to {VERSION}")
    lowered.title = _text(about.get("title"))
    lowered.inputs = dict(_parameters(about.get("inputs"), lowered.problems))
    lowered.outputs = dict(_results(about.get("outputs"), lowered.problems))
    flat = _Flat(specs, _mapping(about.get("subgraphs")), lowered.problems)
    flat.add({node: raw for node, raw in document.items() if node != KEY})
    for node, raw in flat.emit():
        lowered.graph[node] = raw
        if title := _text(_mapping(_mapping(flat.nodes[node]).get("_meta")).get("title")):
            lowered.titles[node] = title
    lowered.outputs = {name: flat.locate(result) for name, result in lowered.outputs.items()}
    places = [
        (name, each.node) for named in (lowered.inputs, lowered.outputs) for name, each in named.items()
    ]
    for name, node in places:
        if node not in lowered.graph and node not in document:
            said = f"{name!r} is the name of something in node {node}, which is not there"
            lowered.problems.append(Problem("invalid_workflow", said, severity="warning"))
    return lowered


def with_inputs(document: Document, values: Mapping[str, Any], specs: Mapping[str, NodeSpec]) -> Document:
    """A document whose named inputs have these values; `6.text` names an input directly.

    Texts are read as what the input takes, so that a shell's `seed=3` is a number.

    Raises:
        UserError: there is no such input.
    """
    parameters = dict(_parameters(_mapping(document.get(KEY)).get("inputs"), []))
    changed = dict(document)
    for name, value in values.items():
        parameter = parameters.get(name)
        if parameter is None and "." in name:
            node, _, input_name = name.rpartition(".")
            parameter = Parameter(node, input_name)
        raw = changed.get(parameter.node) if parameter else None
        if parameter is None or not isinstance(raw, dict) or not isinstance(raw.get("inputs", {}), dict):
            known = ", ".join(parameters) or "none; name one as node.input, such as 6.text"
            hint = nearest(name, list(parameters))
            raise UserError(f"no input {name!r} (there is {known})" + (f"; {hint}" if hint else ""))
        spec = specs.get(str(raw.get("class_type")))
        if spec is not None and parameter.input not in spec.inputs:
            hint = nearest(parameter.input, list(spec.inputs))
            raise UserError(
                f"{name!r}: {spec.class_type} has no input {parameter.input!r}; {hint}".rstrip("; ")
            )
        wire = spec.inputs[parameter.input].socket.wire if spec is not None else ""
        changed[parameter.node] = {
            **raw,
            "inputs": {**raw.get("inputs", {}), parameter.input: _read_as(wire, name, value)},
        }
    return changed


def _read_as(wire: str, name: str, value: Any) -> Any:
    """A value as JSON has it, a shell's text as the type of its input; what does not fit is left as it is.

    Raises:
        UserError: a workflow cannot hold it.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise UserError(
            f"{name}: a value of type {type(value).__name__} cannot be put into a workflow"
        ) from None
    if isinstance(value, str) and wire not in WIDGETS and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            return json.loads(value)  # a link, written as in the file
    if isinstance(value, str) and wire in {"INT", "FLOAT"}:
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
    if isinstance(value, str) and wire == "BOOLEAN":
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    if isinstance(value, list):
        return {"__value__": value}
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_place(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)


def _parameters(raw: Any, problems: list[Problem]) -> Iterator[tuple[str, Parameter]]:
    for name, entry in _mapping(raw).items():
        place = entry.get("at") if isinstance(entry, dict) else entry
        if not _is_place(place) or not isinstance(place[1], str):
            problems.append(
                Problem("invalid_workflow", f"named input {name!r} must be [node id, input name]")
            )
            continue
        facts = _mapping(entry)
        order = facts.get("order", 0)
        yield (
            name,
            Parameter(
                str(place[0]), place[1], _text(facts.get("title")), _text(facts.get("help")),
                order if isinstance(order, int | float) else 0,
            ),
        )  # fmt: skip


def _results(raw: Any, problems: list[Problem]) -> Iterator[tuple[str, Result]]:
    for name, entry in _mapping(raw).items():
        if isinstance(entry, str | int):
            yield name, Result(str(entry))
        elif _is_place(entry) and isinstance(entry[1], int):
            yield name, Result(str(entry[0]), entry[1])
        else:
            problems.append(
                Problem("invalid_workflow", f"named output {name!r} must be a node id or [node id, output]")
            )


@dataclass
class _Flat:
    """All nodes at one level, with what stands in for sub-graph instances."""

    specs: Mapping[str, NodeSpec]
    definitions: Mapping[str, Any]
    problems: list[Problem]
    nodes: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, Sequence[Any]] = field(default_factory=dict)  # id -> the links of its outputs

    def add(self, graph: Mapping[str, Any]) -> None:
        """Take nodes in, and replace instances by what they stand for, the outermost first."""
        waiting = deque[tuple[str, Any, tuple[str, ...]]]((node, raw, ()) for node, raw in graph.items())
        while waiting:
            node, raw, within = waiting.popleft()
            definition = self._definition(raw)
            if definition is None or _mode(raw) in {"mute", "bypass"}:
                self.nodes[node] = raw
                continue
            if definition in within:
                names = " -> ".join([*within, definition])
                self._refuse(node, "dependency_cycle", f"sub-graph definitions form a cycle: {names}")
                continue
            if definition not in self.definitions:
                hint = nearest(definition, list(self.definitions))
                self._refuse(node, "missing_node_type", f"there is no sub-graph {definition!r}", hint)
                continue
            waiting += [
                (inner, inner_raw, (*within, definition))
                for inner, inner_raw in self._expand(node, raw, _mapping(self.definitions[definition]))
            ]
            if len(self.nodes) + len(waiting) > MOST_NODES:
                raise DocumentError(f"the sub-graphs of this workflow hold more than {MOST_NODES} nodes")

    def _definition(self, raw: Any) -> str | None:
        class_type = _mapping(raw).get("class_type")
        if isinstance(class_type, str) and class_type.startswith(SUBGRAPH):
            return class_type.removeprefix(SUBGRAPH)
        return None

    def _expand(self, node: str, raw: Any, definition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The inner nodes of one instance, under their full ids and with the instance's values."""
        inner = _mapping(definition.get("graph"))
        given = _mapping(raw.get("inputs"))
        overrides: dict[tuple[str, str], Any] = {}
        places = {name: entry.get("to") for name, entry in _named(definition, "inputs")}
        exposed = {name: [place] for name, place in _mapping(definition.get("exposed")).items()}
        for name, targets in {**places, **exposed}.items():
            for target in targets if isinstance(targets, list) else ():
                if name in given and _is_place(target):
                    overrides[str(target[0]), str(target[1])] = given[name]
        for name in given:
            if name not in places and name not in exposed:
                hint = nearest(name, [*places, *exposed])
                self._refuse(node, "unknown_input", "this sub-graph has no such input", hint, name)
        self.instances[node] = [
            [f"{node}:{place[0]}", place[1]] if _is_place(place) else None
            for place in _mapping(definition.get("outputs")).values()
        ]
        for inner_id, inner_raw in inner.items():
            if not isinstance(inner_raw, dict) or not isinstance(inner_raw.get("inputs", {}), dict):
                yield f"{node}:{inner_id}", inner_raw
                continue
            inputs = {
                name: [f"{node}:{value[0]}", value[1]] if _is_place(value) else value
                for name, value in inner_raw.get("inputs", {}).items()
            }
            inputs |= {name: value for (target, name), value in overrides.items() if target == inner_id}
            yield f"{node}:{inner_id}", {**inner_raw, "inputs": inputs}

    def emit(self) -> Iterator[tuple[str, Any]]:
        """The nodes that stay, with their links led to where they end."""
        for node, raw in self.nodes.items():
            if _mode(raw) in {"mute", "bypass"}:
                continue
            if not isinstance(raw, dict) or not isinstance(raw.get("inputs", {}), dict):
                yield node, raw
                continue
            inputs = {}
            for name, value in raw.get("inputs", {}).items():
                if _is_place(value):
                    if (link := self._lead(value, self._wire(raw, name))) is not None:
                        inputs[name] = link
                else:
                    inputs[name] = value
            yield node, {"class_type": raw.get("class_type"), "inputs": inputs}

    def locate(self, result: Result) -> Result:
        """A named output of an instance, as an output of the inner node."""
        if result.output is None:
            return result
        link = self._lead([result.node, result.output], "*")
        return Result(str(link[0]), link[1]) if link is not None else result

    def _lead(self, link: list[Any], wanted: str) -> list[Any] | None:
        """Follow a link through instances and bypassed nodes; None when a muted node cuts it."""
        seen = set()
        while True:
            source, output = str(link[0]), link[1]
            if (source, str(output)) in seen:
                return link  # a cycle: validation names it
            seen.add((source, str(output)))
            if source in self.instances:
                targets = self.instances[source]
                inside = isinstance(output, int) and 0 <= output < len(targets)
                if not inside or targets[output] is None:
                    return link
                link = targets[output]
                continue
            raw = self.nodes.get(source)
            mode = _mode(raw)
            if mode == "mute":
                return None
            if mode != "bypass":
                return link
            bridged = self._bridge(raw, output, wanted)
            if bridged is None:
                return None
            link = bridged

    def _bridge(self, raw: Any, output: Any, wanted: str) -> list[Any] | None:
        """Which link of a bypassed node takes the place of one of its outputs."""
        inputs = _mapping(raw.get("inputs"))
        sockets, outputs = self._sockets(raw)
        if not isinstance(output, int) or not sockets:
            return None
        given = outputs[output] if 0 <= output < len(outputs) else "*"
        names = list(sockets)

        def fits(name: str) -> bool:
            return compatible(sockets[name], given) and compatible(sockets[name], wanted)

        same = names[output] if 0 <= output < len(names) else None
        if wanted == "*":
            order = [same or names[0]]
        else:
            order = [same] if same and fits(same) else []
            order += [name for name in names if sockets[name] == wanted]
            order += [name for name in names if fits(name)]
        if not order or not _is_place(inputs.get(order[0])):
            return None  # what would take its place is not linked: the link is cut
        link: list[Any] = inputs[order[0]]
        return link

    def _sockets(self, raw: Any) -> tuple[dict[str, str], list[str]]:
        """The types of a node's sockets: its inputs that are links, and its outputs."""
        definition = self._definition(raw)
        if definition is not None:
            about = _mapping(self.definitions.get(definition))
            inputs = {name: _text(entry.get("type")) or "*" for name, entry in _named(about, "inputs")}
            return inputs, ["*"] * len(_mapping(about.get("outputs")))
        spec = self.specs.get(str(_mapping(raw).get("class_type")))
        if spec is None:
            return dict.fromkeys(_mapping(_mapping(raw).get("inputs")), "*"), []
        linked = _mapping(_mapping(raw).get("inputs"))
        sockets = {
            name: each.socket.wire
            for name, each in spec.inputs.items()
            if not each.is_widget or _is_place(linked.get(name))
        }
        return sockets, [output.socket.wire for output in spec.outputs]

    def _wire(self, raw: Mapping[str, Any], name: str) -> str:
        spec = self.specs.get(str(raw.get("class_type")))
        given = spec.inputs.get(name) if spec is not None else None
        return given.socket.wire if given is not None else "*"

    def _refuse(self, node: str, code: str, message: str, hint: str = "", name: str = "") -> None:
        self.problems.append(Problem(code, message, node, name, hint))


def _named(definition: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in _mapping(definition.get(key)).items():
        yield name, _mapping(entry)


def _mode(raw: Any) -> str:
    return _text(_mapping(_mapping(raw).get("_meta")).get("mode"))
