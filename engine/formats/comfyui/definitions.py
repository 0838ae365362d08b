"""What a sub-graph is: a level with a border, where inner links begin at `INPUT` and end at `OUTPUT`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.formats.comfyui.levels import (
    INPUT,
    OUTPUT,
    Level,
    Node,
    Report,
    Slot,
    identifier,
    items,
    mapping,
    read_level,
    text,
    wire_name,
)


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

    def slots(self, node: Node) -> list[Slot | None]:
        """The sockets of an instance for each of the inputs: of the same name, else in the same place."""
        named: dict[str, Slot] = {}
        for slot in node.inputs:
            for name in (slot.name, slot.widget):
                if name:
                    named.setdefault(name, slot)
        known = {port.name for port in self.inputs}
        found: list[Slot | None] = []
        for index, port in enumerate(self.inputs):
            same = node.inputs[index] if index < len(node.inputs) else None
            if same is None or same.name != port.name:
                stranger = same is not None and same.name not in known
                same = named.get(port.name) or (same if stranger else None)
            found.append(same)
        return found

    def place(self, node: Node, output: int) -> int:
        """Which of the outputs one of an instance is: that of its name, else the one in its place."""
        name = node.outputs[output].name if output < len(node.outputs) else ""
        same = output < len(self.outputs) and self.outputs[output] == name
        return self.outputs.index(name) if not same and self.outputs.count(name) == 1 else output

    def end(self, node: Node, output: int) -> tuple[str, int] | None:
        """Where an output of an instance comes from."""
        output = self.place(node, output)
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


def read_subgraph(name: str, raw: Mapping[str, Any], report: Report) -> Definition:
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
