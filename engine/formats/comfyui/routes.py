"""Where links end: behind reroutes, set and get, primitives, bypassed nodes and borders of sub-graphs."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from engine.formats.comfyui.levels import BYPASSED, INPUT, MUTED, Node, Report, Slot
from engine.formats.comfyui.scopes import Scope
from engine.formats.comfyui.virtual import (
    GETTERS,
    PRIMITIVES,
    REROUTES,
    SETTERS,
    UI,
    constant,
    first_value,
    through,
)
from engine.problems import Problem
from engine.types import compatible


class Place(NamedTuple):
    """An output of a node, in the scope where the node is."""

    scope: Scope
    node: str
    output: int


class Value(NamedTuple):
    """A link that ends in a value."""

    value: Any


class Source(NamedTuple):
    """A link that ends at a node of the plain graph."""

    node: str
    output: int


class End(Enum):
    """A link that ends without either."""

    #: At a muted node: the input goes.
    MUTED = "muted"
    #: At nothing: the input is as if it had no link.
    OPEN = "open"


@dataclass
class Routes:
    """Follows links, each piece of the way once."""

    report: Report
    _known: dict[tuple[Place, str], "Value | Source | End"] = field(default_factory=dict)
    _dangling: set[tuple[Scope, str]] = field(default_factory=set)
    _asker: tuple[str, str] = ("", "")  # whose link is followed: the node and the input

    def follow(self, scope: Scope, node: Node, slot: Slot, wanted: str) -> Value | Source | End:
        """The end of the link in an input of type `wanted`."""
        self._asker = (scope.prefix + node.id, slot.name)
        return self.end(self._across(scope, slot), wanted)

    def end(self, start: Place | End, wanted: str) -> Value | Source | End:
        """Where a value of type `wanted` comes from, beginning at an output."""
        trail: list[tuple[Place, str]] = []
        within: set[Place] = set()
        step: Place | Value | Source | End = start
        while isinstance(step, Place):
            if (found := self._known.get((step, wanted))) is not None:
                step = found
                break
            if step in within:
                said = "its link goes round in a circle of nodes that only lead it on"
                self.report(Problem("dependency_cycle", said, step.scope.prefix + step.node))
                step = End.OPEN
                break
            within.add(step)
            trail.append((step, wanted))
            step = self._next(step, wanted)
        for place, _ in reversed(trail):
            if step is End.OPEN:
                step = self._own(place)
            self._known[place, wanted] = step
        return step

    def _across(self, scope: Scope, slot: Slot | None) -> Place | End:
        """From an input to what its link comes from."""
        if slot is None or slot.link is None:
            return End.OPEN
        wire = scope.level.links.get(slot.link)
        if wire is None:
            self._dangle(scope, f"there is no link {slot.link}")
            return End.OPEN
        return Place(scope, wire.source, wire.output)

    def _dangle(self, scope: Scope, said: str) -> None:
        if (scope, said) not in self._dangling:
            self._dangling.add((scope, said))
            said = f"{said}; the link is left out"
            self.report(Problem("bad_linked_input", said, *self._asker, severity="warning"))

    def _next(self, place: Place, wanted: str) -> Place | Value | Source | End:
        scope, name, output = place
        if name == INPUT and scope.parent is not None:
            return self._across(scope.parent, scope.slots[output] if output < len(scope.slots) else None)
        node = scope.level.nodes.get(name)
        if node is None:
            self._dangle(scope, f"a link comes from node {name}, which is not there")
            return End.OPEN
        if node.type in REROUTES | SETTERS:
            return self._across(scope, through(node))
        if node.type in GETTERS:
            return self._setter(scope, node)
        if node.type in PRIMITIVES:
            value = first_value(node)
            return Value(value) if value is not None else End.OPEN
        if node.type in UI:
            return End.OPEN
        if node.mode == MUTED:
            return End.MUTED
        if node.mode == BYPASSED:
            return self._across(scope, _bridge(node, output, wanted))
        if (inner := scope.children.get(name)) is not None:
            end = inner.definition.end(node, output) if inner.definition is not None else None
            return Place(inner, *end) if end is not None else End.OPEN
        return Source(scope.prefix + name, output)

    def _own(self, place: Place) -> Value | End:
        """What an instance says itself about an input that nothing feeds."""
        scope, node, port = place
        if node != INPUT or scope.definition is None or port >= len(scope.definition.inputs):
            return End.OPEN
        value = scope.values.get(scope.definition.inputs[port].name)
        return Value(value) if value is not None else End.OPEN

    def _setter(self, scope: Scope, getter: Node) -> Place | End:
        name = constant(getter)
        for each in scope.chain():
            if name is not None and name in each.setters:
                return self._across(each, through(each.setters[name]))
        said = f"there is no Set node of the name {name!r}" if name else "it says no name to get"
        self.report(Problem("bad_linked_input", said, scope.prefix + getter.id, title=getter.title))
        return End.OPEN


def _bridge(node: Node, output: int, wanted: str) -> Slot | None:
    """Which input of a bypassed node takes the place of one of its outputs."""
    given = node.outputs[output].wire if output < len(node.outputs) else "*"
    same = node.inputs[output] if output < len(node.inputs) else None
    if wanted == "*":
        return same or (node.inputs[0] if node.inputs else None)
    fitting = [slot for slot in node.inputs if _fits(slot, given, wanted)]
    if same is not None and _fits(same, given, wanted):
        return same
    equal = (slot for slot in node.inputs if slot.wire == wanted)
    return next(equal, fitting[0] if fitting else None)


def _fits(slot: Slot, given: str, wanted: str) -> bool:
    return compatible(slot.wire, given) and compatible(slot.wire, wanted)
