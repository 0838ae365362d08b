"""Instances of sub-graphs, each as a copy of its inside with ids of its own: `outer:inner`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from engine.errors import DocumentError
from engine.formats.definitions import Definition, Definitions
from engine.formats.editor import Level, Node, Report
from engine.formats.virtual import SETTERS, VIRTUAL, constant
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
    values: dict[str, Any] = field(default_factory=dict)
    children: dict[str, "Scope"] = field(default_factory=dict)
    setters: dict[str, Node] = field(default_factory=dict)
    #: Instances that stand for nothing: their definition is missing, or holds itself.
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in self.level.nodes.values():
            if node.type in SETTERS and (name := constant(node)) is not None:
                self.setters.setdefault(name, node)

    def chain(self) -> Iterator["Scope"]:
        """This scope and those around it, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def open_scopes(level: Level, definitions: Definitions, report: Report) -> list[Scope]:
    """The file and every instance in it that is on, the outermost first.

    Raises:
        DocumentError: they are too many, or nested too deeply.
    """
    scopes = [Scope(level)]
    count = 0
    for scope in scopes:
        count += len(scope.level.nodes)
        if count > MOST_NODES:
            raise DocumentError(f"the sub-graphs of this workflow stand for more than {MOST_NODES} nodes")
        for node in scope.level.nodes.values():
            if node.mode or node.type in VIRTUAL:
                continue
            if definitions.is_missing(node.type):
                said = "the sub-graph that this stands for is not in the file"
                report(Problem("missing_node_type", said, scope.prefix + node.id, title=node.title))
                scope.refused.add(node.id)
            elif node.type in definitions:
                _open(scope, node, definitions, report, scopes)
    return scopes


def _open(scope: Scope, node: Node, definitions: Definitions, report: Report, scopes: list[Scope]) -> None:
    around = [each.definition for each in scope.chain() if each.definition is not None]
    if len(around) >= DEEPEST:
        raise DocumentError(f"the sub-graphs of this workflow are nested more than {DEEPEST} deep")
    definition = definitions.find(node)
    if any(each.id == definition.id for each in around):
        names = " -> ".join([*(each.name for each in around[::-1]), definition.name])
        said = f"sub-graph definitions form a cycle: {names}"
        report(Problem("dependency_cycle", said, scope.prefix + node.id, title=node.title))
        scope.refused.add(node.id)
        return
    inner = Scope(
        definition.level, f"{scope.prefix}{node.id}:", scope, node, definition, definition.values(node)
    )
    scope.children[node.id] = inner
    scopes.append(inner)
