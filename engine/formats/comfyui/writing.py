"""Files for ComfyUI's editor, schema 0.4, from documents of ours.

Sub-graphs stay sub-graphs, mute and bypass stay marks, groups and notes stay where they are.  Values stand
in arrays, as every version reads them, and by name, so that what the document leaves to defaults stays so.
What the form has no place for (names of inputs, the title) lies in `extra`, under our own key.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from engine.formats.comfyui.faces import Faces, Subgraph, is_link
from engine.formats.comfyui.layout import arrange
from engine.formats.comfyui.levels import BYPASSED, INPUT, MUTED, OUTPUT, items, mapping, text
from engine.formats.document import KEY
from engine.prompt import Document
from engine.spec import NodeSpec

_MODES: Final = {"mute": MUTED, "bypass": BYPASSED}
_LINK: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")

#: What lies elsewhere in the file, or nowhere: points on links are only looks.
_ELSEWHERE: Final = frozenset({"groups", "notes", "subgraphs", "viewport", "reroutes"})


def to_editor(document: Document, specs: Mapping[str, NodeSpec]) -> dict[str, Any]:
    """A document of ours, or a plain graph, as a file that ComfyUI's editor opens."""
    about = mapping(document.get(KEY))
    faces = Faces(specs, mapping(about.get("subgraphs")))
    level = _Level({node: raw for node, raw in document.items() if node != KEY}, faces)
    notes = list(level.notes(about.get("notes")))
    file: dict[str, Any] = {
        "last_node_id": max((each["id"] for each in notes), default=level.last_node),
        "last_link_id": len(level.links),
        "nodes": [*level.nodes, *notes],
        "links": [list(link) for link in level.links],
        "groups": list(_groups(about.get("groups"))),
        "config": {},
        "extra": _extra(about),
        "version": 0.4,
    }
    if isinstance(about.get("id"), str):
        file["id"] = about["id"]
    if faces.subgraphs:
        definitions = [_definition(subgraph, faces) for subgraph in faces.subgraphs.values()]
        file["definitions"] = {"subgraphs": definitions}
    return file


def _extra(about: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in about.items() if key not in _ELSEWHERE}
    extra: dict[str, Any] = {KEY: kept} if kept else {}
    entries = mapping(about.get("inputs")).values()
    shown = [entry.get("at") if isinstance(entry, dict) else entry for entry in entries]
    ends = [entry for entry in mapping(about.get("outputs")).values() if isinstance(entry, str | int)]
    if shown or ends:
        extra["linearData"] = {"inputs": [each for each in shown if isinstance(each, list)], "outputs": ends}
    view = mapping(about.get("viewport"))
    if _is_pair(view.get("pos")) and isinstance(view.get("zoom"), int | float):
        extra["ds"] = {"scale": view["zoom"], "offset": view["pos"]}
    return extra


def _groups(raw: Any) -> Iterator[dict[str, Any]]:
    for number, group in enumerate(map(mapping, items(raw)), 1):
        bounding = group.get("bounding")
        if isinstance(bounding, list) and len(bounding) == 4:
            title, color = text(group.get("title")), text(group.get("color")) or "#3f789e"
            yield {
                "id": number,
                "title": title,
                "bounding": bounding,
                "color": color,
                "font_size": 24,
                "flags": {},
            }


def _definition(subgraph: Subgraph, faces: Faces) -> dict[str, Any]:
    """A sub-graph's definition: an object of schema 1 inside a file of schema 0.4."""
    level = _Level(subgraph.graph, faces, subgraph)
    for slot, end in enumerate(subgraph.outputs.values()):
        if is_link(end):
            level.link(str(end[0]), end[1], int(OUTPUT), slot)
    leaving = [
        [link[0] for link in level.links if link[1:3] == (int(INPUT), n)] for n in range(len(subgraph.inputs))
    ]
    arriving = [
        [link[0] for link in level.links if link[3:5] == (int(OUTPUT), n)]
        for n in range(len(subgraph.outputs))
    ]
    identity = UUID(subgraph.id)
    return {
        "id": subgraph.id,
        "version": 1,
        "revision": 0,
        "state": {
            "lastGroupId": 0,
            "lastNodeId": level.last_node,
            "lastLinkId": len(level.links),
            "lastRerouteId": 0,
        },
        "config": {},
        "name": subgraph.title,
        "inputNode": {"id": int(INPUT), "bounding": [level.left - 200, 0, 120, 60]},
        "outputNode": {"id": int(OUTPUT), "bounding": [level.right + 400, 0, 120, 60]},
        "inputs": [
            {
                "id": str(uuid5(identity, f"input {name}")),
                "name": name,
                "type": faces.port_wire(subgraph, name),
                "linkIds": links,
            }
            for name, links in zip(subgraph.inputs, leaving, strict=True)
        ],
        "outputs": [
            {
                "id": str(uuid5(identity, f"output {name}")),
                "name": name,
                "type": faces.end_wire(subgraph, end),
                "linkIds": links,
            }
            for (name, end), links in zip(subgraph.outputs.items(), arriving, strict=True)
        ],
        "widgets": [],
        "nodes": level.nodes,
        "groups": [],
        "links": [dict(zip(_LINK, link, strict=True)) for link in level.links],
        "extra": {},
    }


class _Level:
    """The nodes of one level as the file holds them, and the links between them."""

    def __init__(self, graph: Mapping[str, Any], faces: Faces, within: Subgraph | None = None) -> None:
        self.links: list[tuple[Any, ...]] = []
        self._faces = faces
        raws = {node: raw for node, raw in graph.items() if isinstance(raw, dict)}
        self._written: dict[str, dict[str, Any]] = {}
        fed = within.fed if within is not None else {}
        for order, (node, raw) in enumerate(raws.items()):
            self._written[node] = self._node(node, raw, order, {name for key, name in fed if key == node})
        for node, raw in raws.items():
            self._link_inputs(node, mapping(raw.get("inputs")), fed)
        self._place(raws)
        self.nodes = list(self._written.values())
        self.last_node = max((each["id"] for each in self.nodes if isinstance(each["id"], int)), default=0)
        self.left = min((each["pos"][0] for each in self.nodes), default=0)
        self.right = max((each["pos"][0] for each in self.nodes), default=0)

    def _node(self, node: str, raw: Mapping[str, Any], order: int, fed: set[str]) -> dict[str, Any]:
        face = self._faces.of(raw, fed)
        meta = mapping(raw.get("_meta"))
        flags = {name: True for name in ("collapsed", "pinned") if meta.get(name) is True}
        height = 60.0 + 24 * max(len(face.inputs), len(face.outputs)) + 28 * len(face.values)
        size = meta.get("size")
        written: dict[str, Any] = {
            "id": _number(node),
            "type": face.type,
            "pos": meta.get("pos"),
            "size": size if _is_pair(size) else [300.0, height],
            "flags": flags,
            "order": order,
            "mode": _MODES.get(text(meta.get("mode")), 0),
            "inputs": [
                {"name": name, "type": wire, "link": None} | ({"widget": {"name": name}} if is_widget else {})
                for name, wire, is_widget in face.inputs
            ],
            "outputs": [{"name": name, "type": wire, "links": None} for name, wire in face.outputs],
            "properties": {"Node name for S&R": face.type},
        }
        if title := text(meta.get("title")):
            written["title"] = title
        if color := text(meta.get("color")):
            written["color"] = color
        if face.values or face.named:
            written["widgets_values"] = face.values
            written["widgets_values_named"] = face.named
        return written

    def _link_inputs(self, node: str, inputs: Mapping[str, Any], fed: Mapping[tuple[str, str], int]) -> None:
        target = self._written[node]
        for place, slot in enumerate(target["inputs"]):
            value = inputs.get(slot["name"])
            if (node, slot["name"]) in fed:
                slot["link"] = self.link(INPUT, fed[node, slot["name"]], target["id"], place, slot["type"])
            elif is_link(value):
                slot["link"] = self.link(str(value[0]), value[1], target["id"], place, slot["type"])

    def link(self, source: str, output: int, target: Any, place: int, wanted: str = "*") -> int:
        """A link of the file; its type is that of its source, where that is known."""
        number = len(self.links) + 1
        written, wire = self._written.get(source), wanted
        if written is not None:
            outputs = written["outputs"]
            while 0 <= output < 1000 and len(outputs) <= output:  # of a class that nobody knows
                outputs.append({"name": f"output {len(outputs)}", "type": "*", "links": None})
            if 0 <= output < len(outputs):
                outputs[output]["links"] = [*(outputs[output]["links"] or ()), number]
                wire = outputs[output]["type"]
        self.links.append((number, _number(source), output, target, place, wire))
        return number

    def _place(self, raws: Mapping[str, Any]) -> None:
        """Nodes keep their places; those without stand in columns, below the others."""
        sizes = {node: (each["size"][0], each["size"][1]) for node, each in self._written.items()}
        bottom = [
            each["pos"][1] + sizes[node][1] for node, each in self._written.items() if _is_pair(each["pos"])
        ]
        homeless = [node for node, each in self._written.items() if not _is_pair(each["pos"])]
        sources = {
            node: [str(value[0]) for value in mapping(raws[node].get("inputs")).values() if is_link(value)]
            for node in homeless
        }
        for node, place in arrange(sources, sizes, max(bottom, default=-100.0) + 100.0).items():
            self._written[node]["pos"] = list(place)

    def notes(self, raw: Any) -> Iterator[dict[str, Any]]:
        """Notes as nodes of their own."""
        for number, note in enumerate(map(mapping, items(raw)), self.last_node + 1):
            pos, size = note.get("pos"), note.get("size")
            yield {
                "id": number,
                "type": "MarkdownNote",
                "pos": pos if _is_pair(pos) else [self.left - 400, 0],
                "size": size if _is_pair(size) else [300, 200],
                "flags": {},
                "order": len(self.nodes),
                "mode": 0,
                "inputs": [],
                "outputs": [],
                "properties": {},
                "widgets_values": [text(note.get("text"))],
            }


def _number(node: str) -> int | str:
    """An id as the editor has it: a number, where the text is one's usual form."""
    is_number = node.isascii() and node.lstrip("-").isdigit() and len(node) < 16 and str(int(node)) == node
    return int(node) if is_number else node


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(each) in (int, float) for each in value)
