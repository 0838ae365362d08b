"""What a file of ComfyUI's editor says, in either schema (0.4 and 1), level by level.

Files in the wild are loose: sizes as objects, types as numbers, links that lead nowhere.  What can be read
is; what cannot is left out, and said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from engine.coercion import brief
from engine.formats.document import KEY
from engine.problems import Problem

#: The ids by which inner links name the border of a sub-graph.
INPUT: Final = "-10"
OUTPUT: Final = "-20"

MUTED: Final = 2
BYPASSED: Final = 4

Report = Callable[[Problem], None]


class Slot(NamedTuple):
    """A socket of a node; `widget` names the widget that it stands for."""

    name: str
    wire: str
    link: str | None = None
    widget: str = ""


class Wire(NamedTuple):
    """A link of one level: output `output` of node `source`, to input `input` of node `target`."""

    source: str
    output: int
    target: str
    input: int


@dataclass(frozen=True)
class Node:
    """A node as the file has it; `values` and `named` hold what its widgets say."""

    id: str
    type: str
    mode: int = 0
    title: str = ""
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    values: Any = None
    named: Any = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """The file itself, or the inside of a sub-graph."""

    nodes: Mapping[str, Node]
    links: Mapping[str, Wire]


def read_level(raw: Mapping[str, Any], report: Report, where: str = "") -> Level:
    """The nodes and links of one level; `where` names it in problems."""
    links: dict[str, Wire] = {}
    for index, each in enumerate(items(raw.get("links"))):
        read = _read_link(each)
        if read is None:
            report(
                Problem(
                    "invalid_workflow", f"{where}link {index} is malformed: {brief(each)}", severity="warning"
                )
            )
        else:
            links.setdefault(*read)
    nodes: dict[str, Node] = {}
    for index, each in enumerate(items(raw.get("nodes"))):
        if not isinstance(each, dict):
            report(Problem("invalid_node", f"{where}node {index} must be an object, not {brief(each)}"))
            continue
        node = read_node(each, identifier(each.get("id")))
        if node is None:
            said = f"{where}node {index} has the id {brief(each.get('id'))}; it must be a number or a text"
            report(Problem("invalid_node", said))
        elif node.id in nodes:
            report(Problem("invalid_node", f"{where}two nodes have this id; the second is left out", node.id))
        else:
            nodes[node.id] = node
    return Level(nodes, links)


def read_node(raw: Mapping[str, Any], node: str | None) -> Node | None:
    """A node under this id; None when it has none."""
    if node is None or node == KEY:
        return None
    mode = raw.get("mode")
    return Node(
        node,
        text(raw.get("type")),
        mode if mode in (MUTED, BYPASSED) else 0,
        text(raw.get("title")),
        tuple(_read_slots(raw.get("inputs"))),
        tuple(_read_slots(raw.get("outputs"))),
        raw.get("widgets_values"),
        raw.get("widgets_values_named"),
        mapping(raw.get("properties")),
    )


def _read_slots(raw: Any) -> Iterator[Slot]:
    for each in items(raw):
        slot = mapping(each)  # what is no object still has its place
        name, widget = text(slot.get("name")), text(mapping(slot.get("widget")).get("name"))
        yield Slot(name, wire_name(slot.get("type")), identifier(slot.get("link")), widget)


def _read_link(raw: Any) -> tuple[str, Wire] | None:
    if isinstance(raw, dict):
        raw = [raw.get(name) for name in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
    if not isinstance(raw, list) or len(raw) < 5:
        return None
    link, source, target = identifier(raw[0]), identifier(raw[1]), identifier(raw[3])
    output, into = index_of(raw[2]), index_of(raw[4])
    if link is None or source is None or target is None or output is None:
        return None
    return link, Wire(source, output, target, into if into is not None else -1)


def wire_name(raw: Any) -> str:
    """The type of a slot: a list is a combo, and numbers of old files mean anything."""
    if isinstance(raw, list):
        return "COMBO"
    return raw if isinstance(raw, str) and raw else "*"


def identifier(raw: Any) -> str | None:
    """An id as the text that graphs name it by."""
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        return None
    try:
        return str(raw) or None
    except ValueError:  # an integer of too many digits
        return None


def index_of(raw: Any) -> int | None:
    """The number of a slot; old files have some as texts."""
    if isinstance(raw, str) and raw.isdecimal() and len(raw) < 10:
        raw = int(raw)
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None


def items(raw: Any) -> Sequence[Any]:
    return raw if isinstance(raw, list) else ()


def mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def text(raw: Any) -> str:
    return raw if isinstance(raw, str) else ""
