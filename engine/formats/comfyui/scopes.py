"""Instances of sub-graphs, each as a copy of its inside with ids of its own: `outer:inner`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from engine.errors import DocumentError
from engine.formats.comfyui.definitions import Definition
from engine.formats.comfyui.levels import Level, Node, Report, Slot
from engine.formats.comfyui.library import Library
from engine.formats.comfyui.virtual import SETTERS, VIRTUAL, constant
from engine.problems import Problem

#: A handful of definitions that contain each other twice stands for more nodes than there is memory.
MOST_NODES: Final = 100_000
DEEPEST: Final = 100


@dataclass(eq=False)
class Scope:
    """The file, or one instance of a sub-graph in it."""

    level: Level
    prefix: str = ""
    parent: "Scope | None" = None
    instance: Node | None = None
    definition: Definition | None = None
    children: dict[str, "Scope"] = field(default_factory=dict)
    #: Instances that stand for nothing: their definition is missing, or holds itself.
    refused: set[str] = field(default_factory=set)

    def chain(self) -> Iterator["Scope"]:
        """This scope and those around it, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @cached_property
    def setters(self) -> dict[str, Node]:
        """The nodes that give their input a name, by it; the first of a name holds."""
        found: dict[str, Node] = {}
        for node in self.level.nodes.values():
            if node.type in SETTERS and (name := constant(node)) is not None:
                found.setdefault(name, node)
        return found

    @cached_property
    def slots(self) -> list[Slot | None]:
        """For each input of the definition, the socket of the instance."""
        if self.definition is None or self.instance is None:
            return []
        return self.definition.slots(self.instance)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What the instance says about the definition's inputs."""
        if self.definition is None or self.instance is None:
            return {}
        return self.definition.values(self.instance)


def open_scopes(level: Level, library: Library, report: Report) -> list[Scope]:
    """The file and every instance in it that is on, the outermost first.

    Raises:
        DocumentError: they are too many, or nested too deeply.
    """
    scopes = [Scope(level)]
    count = len(level.nodes)
    for scope in scopes:
        for node in scope.level.nodes.values():
            if node.mode or node.type in VIRTUAL:
                continue
            if library.is_missing(node.type):
                said = "the sub-graph that this stands for is not in the file"
                report(Problem("missing_node_type", said, scope.prefix + node.id, title=node.title))
                scope.refused.add(node.id)
            elif node.type in library and (inner := _open(scope, node, library, report)) is not None:
                scopes.append(inner)
                count += len(inner.level.nodes)
                if count > MOST_NODES:
                    said = f"the sub-graphs of this workflow stand for more than {MOST_NODES} nodes"
                    raise DocumentError(said)
    return scopes


def _open(scope: Scope, node: Node, library: Library, report: Report) -> Scope | None:
    around = [each.definition for each in scope.chain() if each.definition is not None]
    if len(around) >= DEEPEST:
        raise DocumentError(f"the sub-graphs of this workflow are nested more than {DEEPEST} deep")
    definition = library.find(node)
    if any(each.id == definition.id for each in around):
        names = " -> ".join([*(each.name for each in around[::-1]), definition.name])
        said = f"sub-graph definitions form a cycle: {names}"
        report(Problem("dependency_cycle", said, scope.prefix + node.id, title=node.title))
        scope.refused.add(node.id)
        return None
    inner = Scope(definition.level, f"{scope.prefix}{node.id}:", scope, node, definition)
    scope.children[node.id] = inner
    return inner
