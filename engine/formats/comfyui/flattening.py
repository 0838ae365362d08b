"""From the editor form of ComfyUI to a document of ours: a plain graph, with titles and named inputs.

What only editors know goes: reroutes, notes, primitives, modes, and sub-graphs, whose inner nodes get the
ids `outer:inner`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.formats.comfyui.levels import Node, mapping, read_level
from engine.formats.comfyui.library import Library
from engine.formats.comfyui.names import Names
from engine.formats.comfyui.routes import End, Routes, Source, Value
from engine.formats.comfyui.scopes import Scope, open_scopes
from engine.formats.comfyui.virtual import VIRTUAL
from engine.formats.comfyui.widgets import literal, named_values
from engine.formats.document import KEY
from engine.problems import Problem
from engine.prompt import Document
from engine.spec import NodeSpec


def flatten(document: Document, specs: Mapping[str, NodeSpec]) -> tuple[Document, list[Problem]]:
    """The plain graph that a file of the editor stands for, and what is wrong with the file.

    Raises:
        DocumentError: its sub-graphs are too many, or nested too deeply.
    """
    problems: list[Problem] = []
    level = read_level(document, problems.append)
    scopes = open_scopes(level, Library(document, specs, problems.append), problems.append)
    flattening = _Flattening(specs, problems)
    graph: Document = {}
    for scope in scopes:
        for node in _emitted(scope):
            if scope.prefix + node.id in graph:
                problems.append(Problem("invalid_node", "two nodes have this id", scope.prefix + node.id))
                continue
            graph[scope.prefix + node.id] = flattening.node(scope, node)
    for raw in graph.values():
        raw["inputs"] = {
            name: value
            for name, value in raw["inputs"].items()
            if not isinstance(value, list) or value[0] in graph
        }
    names = Names(scopes, graph, flattening.routes, problems.append)
    if about := names.read(mapping(document.get("extra"))):
        graph[KEY] = about
    return graph, problems


def _emitted(scope: Scope) -> Iterator[Node]:
    """The nodes that a plain graph has too."""
    for node in scope.level.nodes.values():
        if node.mode or node.type in VIRTUAL or node.id in scope.children or node.id in scope.refused:
            continue
        yield node


@dataclass
class _Flattening:
    specs: Mapping[str, NodeSpec]
    problems: list[Problem]
    routes: Routes = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.problems.append)

    def node(self, scope: Scope, node: Node) -> dict[str, Any]:
        """A node as a graph has it: the values of its widgets, and links over them."""
        spec = self.specs.get(node.type)
        inputs, complaints = named_values(node, spec)
        for complaint in complaints:
            self.problems.append(
                Problem(
                    "unknown_input", complaint, scope.prefix + node.id,
                    severity="warning", class_type=node.type, title=node.title,
                )
            )  # fmt: skip
        for slot in node.inputs:
            if slot.link is None or not (slot.name or slot.widget):
                continue
            name = slot.name or slot.widget
            if spec is not None and name not in spec.inputs and slot.widget in spec.inputs:
                name = slot.widget
            wanted = slot.wire
            if wanted == "*" and spec is not None and name in spec.inputs:
                wanted = spec.inputs[name].socket.wire
            match self.routes.follow(scope, node, slot, wanted):
                case Source(source, output):
                    inputs[name] = [source, output]
                case Value(value):
                    inputs[name] = literal(value)
                case End.MUTED:
                    inputs.pop(name, None)
        raw: dict[str, Any] = {"class_type": node.type or None, "inputs": inputs}
        return {**raw, "_meta": {"title": node.title}} if node.title else raw
