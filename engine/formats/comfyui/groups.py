"""Group nodes, as sub-graphs were before.

They are defined in `extra.groupNodes`.  The widgets and sockets of an instance are those of the inner
nodes, one after the other, so each instance gets a definition of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from engine.formats.comfyui.definitions import Definition, Port
from engine.formats.comfyui.levels import (
    INPUT,
    Level,
    Node,
    Report,
    Slot,
    Wire,
    identifier,
    index_of,
    items,
    mapping,
    read_node,
    text,
)
from engine.formats.comfyui.widgets import widgets
from engine.problems import Problem
from engine.spec import NodeSpec


class Free(NamedTuple):
    """An input of an inner node that nothing inside feeds, and what an instance may call it."""

    node: str
    place: int
    names: frozenset[str]


def read_group(
    raw: Mapping[str, Any], instance: Node, specs: Mapping[str, NodeSpec], report: Report
) -> Definition:
    """What one instance stands for; inner ids are places in the group's list of nodes."""
    nodes = {
        str(index): node
        for index, each in enumerate(items(raw.get("nodes")))
        if (node := read_node(mapping(each), str(index))) is not None
    }
    links = {f"inner {index}": wire for index, wire in enumerate(_wires(raw))}
    inward = {(wire.target, wire.input): link for link, wire in links.items()}
    shares = _shares(list(nodes.values()), instance, report)
    for key, node in nodes.items():
        slots = [slot._replace(link=inward.get((key, place))) for place, slot in enumerate(node.inputs)]
        slots += _unlisted(slots, specs.get(node.type))
        nodes[key] = replace(node, inputs=tuple(slots), values=shares[key])

    free = list(_free(nodes, mapping(raw.get("config"))))
    for port, slot in enumerate(instance.inputs):
        taken = _called(slot.name, free)
        if taken is not None:
            free.remove(taken)
            links[f"outer {port}"] = Wire(INPUT, port, taken.node, taken.place)
            inner = list(nodes[taken.node].inputs)
            inner[taken.place] = inner[taken.place]._replace(link=f"outer {port}")
            nodes[taken.node] = replace(nodes[taken.node], inputs=tuple(inner))
    ports = tuple(Port(slot.name, slot.wire, widget=False) for slot in instance.inputs)
    outputs = tuple(slot.name for slot in instance.outputs)
    ends = tuple(_ends(raw, nodes, links))
    return Definition(instance.type, instance.type, Level(nodes, links), ports, outputs, ends)


def _wires(raw: Mapping[str, Any]) -> Iterator[Wire]:
    """The links inside, `[source, output, target, input, ...]`; those from outside have no source."""
    for each in items(raw.get("links")):
        if not isinstance(each, list) or len(each) < 4:
            continue
        source, target = identifier(each[0]), identifier(each[2])
        output, into = index_of(each[1]), index_of(each[3])
        if source is not None and target is not None and output is not None and into is not None:
            yield Wire(source, output, target, into)


def _unlisted(slots: Sequence[Slot], spec: NodeSpec | None) -> Iterator[Slot]:
    """Sockets for widgets that have none: the instance may have turned them into inputs."""
    known = {slot.widget or slot.name for slot in slots}
    for given in widgets(spec) if spec is not None else ():
        if given.name not in known:
            yield Slot(given.name, given.socket.wire, None, given.name)


def _free(nodes: Mapping[str, Node], config: Mapping[str, Any]) -> Iterator[Free]:
    for key, node in nodes.items():
        renamed = mapping(mapping(config.get(key)).get("input"))
        for place, slot in enumerate(node.inputs):
            if slot.link is None:
                called = text(mapping(renamed.get(slot.name)).get("name"))
                yield Free(key, place, frozenset({slot.name, slot.widget, called} - {""}))


def _called(name: str, free: Sequence[Free]) -> Free | None:
    """The first input of this name; names that occur twice have the title of their node before them."""
    exact = (each for each in free if name in each.names)
    titled = (each for each in free if any(name.endswith(f" {inner}") for inner in each.names))
    return next(exact, None) or next(titled, None)


def _ends(
    raw: Mapping[str, Any], nodes: Mapping[str, Node], links: Mapping[str, Wire]
) -> Iterator[tuple[str, int]]:
    """The outputs of an instance: those inside that nothing there takes, or that are marked as `external`."""
    used = {(wire.source, wire.output) for wire in links.values()}
    external = set()
    for each in items(raw.get("external")):  # [node or its place, output, type]
        if isinstance(each, list) and len(each) >= 2:
            node = each[0].get("index") if isinstance(each[0], dict) else each[0]
            external.add((identifier(node), index_of(each[1])))
    config = mapping(raw.get("config"))
    for key, node in nodes.items():
        shown = mapping(mapping(config.get(key)).get("output"))
        for place in range(len(node.outputs)):
            is_hidden = mapping(shown.get(str(place))).get("visible") is False
            if not is_hidden and ((key, place) not in used or (key, place) in external):
                yield key, place


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
