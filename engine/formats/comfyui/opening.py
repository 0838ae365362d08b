"""From the editor form of ComfyUI to a document of ours for people: what the plain graph loses is kept.

Places, colours, modes, groups, notes and sub-graphs stay; reroutes, primitives and set and get go into the
links they stand for.  The document means what the plain graph means: where it would not, for example because
a sub-graph leads an input straight to an output, the plain graph itself is given, with places.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from engine.errors import DocumentError
from engine.formats.comfyui.definitions import Definition
from engine.formats.comfyui.flattening import flatten
from engine.formats.comfyui.levels import (
    BYPASSED,
    INPUT,
    MUTED,
    Level,
    Node,
    Slot,
    identifier,
    items,
    mapping,
    read_level,
    text,
)
from engine.formats.comfyui.library import Library
from engine.formats.comfyui.routes import Place, Routes, Source, Value
from engine.formats.comfyui.scopes import Scope
from engine.formats.comfyui.virtual import VIRTUAL, first_value
from engine.formats.comfyui.widgets import controls, literal, named_values
from engine.formats.document import KEY, SUBGRAPH, VERSION, lower_document
from engine.problems import Problem
from engine.prompt import Document
from engine.spec import NodeSpec

_MODES: Final = {MUTED: "mute", BYPASSED: "bypass"}
_NOTES: Final = frozenset({"Note", "MarkdownNote"})


def open_file(document: Document, specs: Mapping[str, NodeSpec]) -> tuple[Document, list[Problem]]:
    """The document that a file of the editor stands for, and what is wrong with the file.

    Raises:
        DocumentError: its sub-graphs are too many, or nested too deeply.
    """
    flat, problems = flatten(document, specs)
    try:
        kept = _Opening(document, specs).document(flat)
        if lower_document(kept, specs).graph == lower_document(flat, specs).graph:
            return kept, problems
    except DocumentError:
        pass
    return _placed(flat, document), problems


@dataclass
class _Opening:
    raw: Document
    specs: Mapping[str, NodeSpec]
    library: Library = field(init=False)
    subgraphs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.library = Library(self.raw, self.specs, _quiet)

    def document(self, flat: Document) -> Document:
        level = read_level(self.raw, _quiet)
        graph, _ = self.graph(level, _raws(self.raw.get("nodes")))
        named = mapping(flat.get(KEY))
        about = {key: value for key, value in named.items() if key not in {"inputs", "outputs"}}
        about = {**about, "version": VERSION, **_looks(self.raw)}
        if self.subgraphs:
            about["subgraphs"] = self.subgraphs
        if inputs := dict(self.named_inputs(mapping(named.get("inputs")), graph)):
            about["inputs"] = inputs
        if outputs := mapping(named.get("outputs")):
            about["outputs"] = outputs
        return {**graph, KEY: about}

    def graph(
        self, level: Level, raws: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Document, tuple[Scope, Routes, dict[int, list[list[str]]]]]:
        """The nodes of a level, and where each input of its border leads."""
        nodes = {key: replace(node, mode=0) for key, node in level.nodes.items()}
        nodes[INPUT] = Node(INPUT, "")
        scope, routes = Scope(Level(nodes, level.links)), Routes(_quiet)
        border: dict[int, list[list[str]]] = {}
        graph: Document = {}
        for node in level.nodes.values():
            if node.type in VIRTUAL:
                continue
            inputs = dict(self.values(node))
            for slot, name in self.slots(node):
                match routes.follow(scope, node, slot, slot.wire):
                    case Source(source, output) if source == INPUT:
                        border.setdefault(output, []).append([node.id, name])
                    case Source(source, output):
                        inputs[name] = [source, self.output(level.nodes[source], output)]
                    case Value(value):
                        inputs[name] = literal(value)
            class_type = SUBGRAPH + self.opened(node) if node.type in self.library else node.type or None
            graph[node.id] = {"class_type": class_type, "inputs": inputs, "_meta": self.meta(node, raws)}
        return graph, (scope, routes, border)

    def values(self, node: Node) -> Iterator[tuple[str, Any]]:
        if node.type not in self.library:
            yield from named_values(node, self.specs.get(node.type))[0].items()
            return
        definition = self.library.find(node)
        names = _unique([port.name for port in definition.inputs])
        values = definition.values(node)
        for port, name in zip(definition.inputs, names, strict=True):
            if port.name in values:
                yield name, literal(values[port.name])

    def slots(self, node: Node) -> Iterator[tuple[Slot, str]]:
        """The linked sockets of a node, and the inputs that they are."""
        if node.type in self.library:
            definition = self.library.find(node)
            names = _unique([port.name for port in definition.inputs])
            pairs = zip(definition.slots(node), names, strict=True)
            yield from ((slot, name) for slot, name in pairs if slot is not None and slot.link is not None)
            return
        spec = self.specs.get(node.type)
        for slot in node.inputs:
            if slot.link is None or not (slot.name or slot.widget):
                continue
            name = slot.name or slot.widget
            if spec is not None and name not in spec.inputs and slot.widget in spec.inputs:
                name = slot.widget
            wire = spec.inputs[name].socket.wire if spec is not None and name in spec.inputs else slot.wire
            yield slot._replace(wire=wire if slot.wire == "*" else slot.wire), name

    def output(self, source: Node, output: int) -> int:
        return self.library.find(source).place(source, output) if source.type in self.library else output

    def opened(self, node: Node) -> str:
        """The sub-graph of an instance, read when it is first met; a group node has one of its own."""
        definition = self.library.find(node)
        raw = self.library.inside(node.type)
        is_group = not isinstance(raw.get("id"), str) or raw.get("id") != node.type
        name = f"{node.type} {node.id}" if is_group else node.type
        if name not in self.subgraphs:
            self.subgraphs[name] = {}  # it is being read: one that holds itself ends here
            raws = _raws(raw.get("nodes"), by_place=is_group)
            self.subgraphs[name] |= self.subgraph(definition, raws)
            if not is_group:
                self.subgraphs[name] |= _looks(raw)
        return name

    def subgraph(self, definition: Definition, raws: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        graph, (scope, routes, border) = self.graph(definition.level, raws)
        outputs: dict[str, list[Any]] = {}
        for name, end in zip(_unique(list(definition.outputs)), definition.ends, strict=True):
            found = routes.end(Place(scope, *end), "*") if end is not None else None
            outputs[name] = ["", 0]  # it leads nowhere, and keeps its place
            if isinstance(found, Source) and found.node != INPUT:
                inner = definition.level.nodes[found.node]
                outputs[name] = [found.node, self.output(inner, found.output)]
        inputs = {
            name: {"type": port.wire, "to": border.get(index, [])}
            for index, (port, name) in enumerate(
                zip(definition.inputs, _unique([port.name for port in definition.inputs]), strict=True)
            )
        }
        title = definition.name.removeprefix("workflow>").removeprefix("workflow/")
        return {"title": title, "graph": graph, "inputs": inputs, "outputs": outputs}

    def meta(self, node: Node, raws: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        raw = raws.get(node.id, {})
        spec = self.specs.get(node.type)
        found: dict[str, Any] = {"title": node.title} if node.title else {}
        for key in ("pos", "size"):
            if (point := _point(raw.get(key))) is not None:
                found[key] = point
        if node.mode in _MODES:
            found["mode"] = _MODES[node.mode]
        flags = mapping(raw.get("flags"))
        found |= {key: True for key in ("collapsed", "pinned") if flags.get(key) is True}
        if color := text(raw.get("color")) or text(raw.get("bgcolor")):
            found["color"] = color
        if spec is not None and (control := controls(node, spec)):
            found["control"] = control
        return found

    def named_inputs(self, named: Mapping[str, Any], graph: Document) -> Iterator[tuple[str, Any]]:
        """The named inputs; what lies in a sub-graph is shown on the instance and named there."""
        for name, entry in named.items():
            place = entry.get("at") if isinstance(entry, dict) else entry
            if not isinstance(place, list) or len(place) != 2:
                continue
            node, called = str(place[0]), str(place[1])
            outer, _, inner = node.partition(":")
            class_type = text(mapping(graph.get(outer)).get("class_type"))
            if node not in graph:
                definition = self.subgraphs.get(class_type.removeprefix(SUBGRAPH), {})
                if inner not in mapping(definition.get("graph")):
                    continue
                node, called = outer, _shown(definition, inner, called)
            yield name, {**entry, "at": [node, called]} if isinstance(entry, dict) else [node, called]


def _shown(definition: dict[str, Any], inner: str, called: str) -> str:
    """The name under which an instance shows an inner input."""
    exposed = definition.setdefault("exposed", {})
    for name, port in mapping(definition.get("inputs")).items():
        if [inner, called] in port["to"]:
            return name
    name, number = called, 1
    while name in definition["inputs"] or exposed.get(name, [inner, called]) != [inner, called]:
        number += 1
        name = f"{called}_{number}"
    exposed[name] = [inner, called]
    return name


def _placed(flat: Document, document: Document) -> Document:
    """A plain graph, with the places of the nodes of the file; those inside stand below their instance."""
    raws = _raws(document.get("nodes"))
    counts: dict[str, int] = {}
    placed: Document = {}
    for node, raw in flat.items():
        outer = node.partition(":")[0]
        place = _point(mapping(raws.get(outer)).get("pos"))
        if node == KEY or place is None:
            placed[node] = raw
            continue
        number = counts[outer] = counts.get(outer, -1) + 1
        place = [place[0] + 40 * number, place[1] + 40 * number]
        placed[node] = {**raw, "_meta": {**mapping(raw.get("_meta")), "pos": place}}
    return {**placed, KEY: {"version": VERSION, **mapping(flat.get(KEY)), **_looks(document)}}


def _looks(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Groups and notes."""
    groups: list[dict[str, Any]] = []
    for group in map(mapping, items(raw.get("groups"))):
        bounding = [_number(each) for each in items(group.get("bounding"))]
        if len(bounding) == 4 and None not in bounding:
            color = text(group.get("color"))
            groups.append(
                {"title": text(group.get("title")), "bounding": bounding}
                | ({"color": color} if color else {})
            )
    notes = []
    for key, each in _raws(raw.get("nodes")).items():
        if each.get("type") in _NOTES:
            node = Node(key, "", values=each.get("widgets_values"), named=each.get("widgets_values_named"))
            note = {"text": text(first_value(node)), "pos": _point(each.get("pos")) or [0, 0]}
            notes.append(note | {"size": _point(each.get("size")) or [240, 120]})
    return ({"groups": groups} if groups else {}) | ({"notes": notes} if notes else {})


def _raws(raw: Any, *, by_place: bool = False) -> dict[str, Mapping[str, Any]]:
    """Nodes as the file has them, by id."""
    found: dict[str, Mapping[str, Any]] = {}
    for index, each in enumerate(map(mapping, items(raw))):
        name = str(index) if by_place else identifier(each.get("id"))
        if name is not None:
            found.setdefault(name, each)
    return found


def _point(raw: Any) -> list[float] | None:
    """A place or a size: a pair, or an object with the keys 0 and 1."""
    pair = [raw.get("0"), raw.get("1")] if isinstance(raw, dict) else list(items(raw))[:2]
    numbers = [_number(each) for each in pair]
    return (
        [each for each in numbers if each is not None] if len(numbers) == 2 and None not in numbers else None
    )


def _number(raw: Any) -> float | None:
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    return raw if is_number and abs(raw) < 1e9 else None  # NaN is not below either


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        free, number = name or "input", 1
        while free in found:
            number += 1
            free = f"{name or 'input'}_{number}"
        found.append(free)
    return found


def _quiet(_problem: Problem) -> None:
    """What is wrong was told while the plain graph was made."""
