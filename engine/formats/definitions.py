"""Sub-graphs as a file defines them: today's, and the group nodes of before, made the same.

A definition is a level with a border: inner links begin at `INPUT` and end at `OUTPUT`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from engine.formats.editor import (
    INPUT,
    OUTPUT,
    Level,
    Node,
    Report,
    Slot,
    Wire,
    identifier,
    index_of,
    items,
    mapping,
    read_level,
    read_node,
    text,
    wire_name,
)
from engine.formats.widgets import widgets
from engine.problems import Problem
from engine.spec import NodeSpec

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_GROUP: Final = re.compile(r"workflow[>/](.+)", re.DOTALL)


class Port(NamedTuple):
    """An input of a sub-graph; `widget` when it stands for one inside."""

    name: str
    wire: str
    widget: bool


@dataclass(frozen=True)
class Definition:
    """A sub-graph: its inside, and where its inputs and outputs lead."""

    id: str
    name: str
    level: Level
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    #: For each output, the inner node and its output, or nothing.
    ends: tuple[tuple[str, int] | None, ...]

    def slot(self, node: Node, port: int) -> Slot | None:
        """The socket of an instance for one of the inputs: of the same name, else in the same place."""
        name = self.inputs[port].name
        same = node.inputs[port] if port < len(node.inputs) else None
        if same is not None and same.name == name:
            return same
        for slot in node.inputs:
            if name and name in (slot.name, slot.widget):
                return slot
        known = {each.name for each in self.inputs}
        return same if same is not None and same.name not in known else None

    def end(self, node: Node, output: int) -> tuple[str, int] | None:
        """Where an output of an instance comes from."""
        name = node.outputs[output].name if output < len(node.outputs) else ""
        if self.outputs.count(name) == 1:
            output = self.outputs.index(name)
        return self.ends[output] if output < len(self.ends) else None

    def values(self, node: Node) -> dict[str, Any]:
        """What an instance says about its inputs, by name; the rest is as it is inside."""
        names = [port.name for port in self.inputs]
        if isinstance(node.named, dict):
            return {name: node.named[name] for name in names if node.named.get(name) is not None}
        values = items(node.values)
        proxies = [each for each in items(node.properties.get("proxyWidgets")) if _is_pair(each)]
        if proxies:  # of the first generation: what is typed in lies inside, but for "-1"
            own = [name for inner, name in proxies if inner in ("-1", -1)]
            if len(values) != len(own):
                own = [name if inner in ("-1", -1) else "" for inner, name in proxies]
        else:
            own = [port.name for port in self.inputs if port.widget]
        return {
            name: value
            for name, value in zip(own, values, strict=False)
            if name in names and value is not None
        }


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)


class Definitions:
    """Every definition of a file, read when an instance asks for it."""

    def __init__(self, document: Mapping[str, Any], specs: Mapping[str, NodeSpec], report: Report) -> None:
        self._raw = _subgraphs(document)
        self._groups = mapping(mapping(document.get("extra")).get("groupNodes"))
        self._specs = specs
        self._report = report
        self._read: dict[str, Definition] = {}

    def __contains__(self, class_type: str) -> bool:
        return class_type in self._raw or self._group(class_type) is not None

    def is_missing(self, class_type: str) -> bool:
        """Whether a class names a definition that is not there."""
        is_named = _UUID.fullmatch(class_type) or _GROUP.fullmatch(class_type)
        return bool(is_named) and class_type not in self and class_type not in self._specs

    def find(self, node: Node) -> Definition:
        """What an instance stands for."""
        group = self._group(node.type)
        if group is not None:
            return read_group(group, node, self._specs, self._report)
        if node.type not in self._read:
            self._read[node.type] = _read_subgraph(node.type, self._raw[node.type], self._report)
        return self._read[node.type]

    def _group(self, class_type: str) -> Mapping[str, Any] | None:
        match = _GROUP.fullmatch(class_type)
        group = self._groups.get(match[1]) if match else None
        return group if isinstance(group, dict) else None


def _subgraphs(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Definitions at every depth; of those with one id the outermost holds."""
    waiting: list[Mapping[str, Any]] = [document]
    found: dict[str, Mapping[str, Any]] = {}
    for each in waiting:
        for raw in items(mapping(each.get("definitions")).get("subgraphs")):
            if isinstance(raw, dict) and isinstance(raw.get("id"), str):
                found.setdefault(raw["id"], raw)
                waiting.append(raw)
    return found


def _read_subgraph(name: str, raw: Mapping[str, Any], report: Report) -> Definition:
    title = text(raw.get("name")) or name
    level = read_level(raw, report, f"in sub-graph {title!r}: ")
    typed = {
        wire.output
        for node in level.nodes.values()
        for slot in node.inputs
        if slot.widget and slot.link is not None
        for wire in (level.links.get(slot.link),)
        if wire is not None and wire.source == INPUT
    }
    ports = tuple(
        Port(text(port.get("name")), wire_name(port.get("type")), index in typed)
        for index, port in enumerate(map(mapping, items(raw.get("inputs"))))
    )
    arriving = {wire.input: wire for wire in level.links.values() if wire.target == OUTPUT}
    outputs = [mapping(each) for each in items(raw.get("outputs"))]
    ends: list[tuple[str, int] | None] = []
    for index, output in enumerate(outputs):
        named = [level.links.get(identifier(link) or "") for link in items(output.get("linkIds"))[:1]]
        wire = arriving.get(index) or next(iter(named), None)
        ends.append((wire.source, wire.output) if wire is not None else None)
    return Definition(name, title, level, ports, tuple(text(o.get("name")) for o in outputs), tuple(ends))


def read_group(
    raw: Mapping[str, Any], instance: Node, specs: Mapping[str, NodeSpec], report: Report
) -> Definition:
    """An old group node as a definition of its own: inner ids are places in its list of nodes.

    The widgets of an instance are those of the inner nodes, one after the other.
    """
    nodes: dict[str, Node] = {}
    for index, each in enumerate(items(raw.get("nodes"))):
        if (node := read_node(mapping(each), str(index))) is not None:
            nodes[str(index)] = node
    links: dict[str, Wire] = {}
    for index, each in enumerate(items(raw.get("links"))):
        if isinstance(each, list) and len(each) >= 4 and (wire := _group_link(each)) is not None:
            links[f"inner {index}"] = wire
    inward = {(wire.target, wire.input): link for link, wire in links.items()}
    used = {(wire.source, wire.output) for wire in links.values()}
    external = {
        (identifier(place[0]), index_of(place[1])) for place in map(_external, items(raw.get("external")))
    }

    values = _shares(list(nodes.values()), instance, report)
    config = mapping(raw.get("config"))
    free: list[tuple[str, int, frozenset[str]]] = []  # inner node, place of its slot, names on the instance
    for key, node in nodes.items():
        slots = [slot._replace(link=inward.get((key, place))) for place, slot in enumerate(node.inputs)]
        known = {slot.widget or slot.name for slot in slots}
        spec = specs.get(node.type)
        slots += [
            Slot(given.name, given.socket.wire, None, given.name)
            for given in (widgets(spec) if spec is not None else ())
            if given.name not in known
        ]
        nodes[key] = replace(node, inputs=tuple(slots), values=values[key])
        names = mapping(mapping(config.get(key)).get("input"))
        for place, slot in enumerate(slots):
            if slot.link is None:
                called = text(mapping(names.get(slot.name)).get("name"))
                free.append((key, place, frozenset({slot.name, slot.widget, called} - {""})))

    ports: list[Port] = []
    for slot in instance.inputs:
        taken = _take(free, lambda names, slot=slot: slot.name in names) or _take(  # type: ignore[misc]  # mypy does not see that the default fixes the type
            free,
            lambda names, slot=slot: any(slot.name.endswith(f" {name}") for name in names),  # type: ignore[misc]  # as above
        )
        if taken is not None:
            key, place, _ = taken
            link = f"outer {len(ports)}"
            links[link] = Wire(INPUT, len(ports), key, place)
            inner = list(nodes[key].inputs)
            inner[place] = inner[place]._replace(link=link)
            nodes[key] = replace(nodes[key], inputs=tuple(inner))
        ports.append(Port(slot.name, slot.wire, widget=False))

    ends: list[tuple[str, int] | None] = [
        (key, place)
        for key, node in nodes.items()
        for place in range(len(node.outputs))
        if (key, place) not in used or (key, place) in external
    ]
    outputs = tuple(slot.name for slot in instance.outputs)
    return Definition(instance.type, instance.type, Level(nodes, links), tuple(ports), outputs, tuple(ends))


def _take(
    free: list[tuple[str, int, frozenset[str]]], fits: Callable[[frozenset[str]], bool]
) -> tuple[str, int, frozenset[str]] | None:
    for index, each in enumerate(free):
        if fits(each[2]):
            return free.pop(index)
    return None


def _group_link(raw: Sequence[Any]) -> Wire | None:
    source, output, target, into = identifier(raw[0]), index_of(raw[1]), identifier(raw[2]), index_of(raw[3])
    if source is None or target is None or output is None or into is None:
        return None  # from outside the group, as its maker had it
    return Wire(source, output, target, into)


def _external(raw: Any) -> tuple[Any, Any]:
    """An output that is used outside too: `[node or its place, output, type]`."""
    if not isinstance(raw, list) or len(raw) < 2:
        return None, None
    return raw[0].get("index") if isinstance(raw[0], dict) else raw[0], raw[1]


def _shares(nodes: Sequence[Node], instance: Node, report: Report) -> dict[str, Any]:
    """Each inner node's part of the instance's widget values."""
    values = items(instance.values)
    counts = [len(items(node.values)) for node in nodes]
    if len(values) != sum(counts):
        if values:
            said = "its widget values do not fit its group; those of the group's definition are taken"
            report(
                Problem("invalid_workflow", said, instance.id, severity="warning", class_type=instance.type)
            )
        return {node.id: node.values for node in nodes}
    shares: dict[str, Any] = {}
    at = 0
    for node, count in zip(nodes, counts, strict=True):
        shares[node.id] = list(values[at : at + count]) if count else node.values
        at += count
    return shares
