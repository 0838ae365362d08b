"""What a node shows in the editor: its sockets, its outputs, and the values of its widgets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeGuard
from uuid import NAMESPACE_OID, UUID, uuid5

from engine.formats.comfyui.levels import items, mapping, text
from engine.formats.comfyui.widgets import CONTROLS, has_control, is_asked, widgets
from engine.formats.document import SUBGRAPH
from engine.spec import MISSING, Input, NodeSpec


class Socket(NamedTuple):
    name: str
    wire: str
    is_widget: bool


@dataclass
class Face:
    """One node, as it is written; `named` are the values that the document gives."""

    type: str
    inputs: list[Socket] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subgraph:
    """A definition of a document of ours; `inputs` are what each of its inputs feeds inside."""

    id: str
    title: str
    graph: Mapping[str, Any]
    inputs: Mapping[str, list[tuple[str, str]]]
    outputs: Mapping[str, Any]
    types: Mapping[str, str]

    @classmethod
    def read(cls, name: str, raw: Mapping[str, Any]) -> "Subgraph":
        """From a document; ids that are none of the editor's become such."""
        declared = mapping(raw.get("inputs"))
        targets = {key: items(mapping(entry).get("to")) for key, entry in declared.items()}
        targets |= {key: [place] for key, place in mapping(raw.get("exposed")).items()}
        inputs = {
            key: [(str(place[0]), place[1]) for place in places if _is_input(place)]
            for key, places in targets.items()
        }
        try:
            identity = str(UUID(name))
        except ValueError:
            identity = str(uuid5(NAMESPACE_OID, f"sub-graph {name}"))
        types = {key: text(mapping(entry).get("type")) for key, entry in declared.items()}
        title = text(raw.get("title")) or name
        return cls(identity, title, mapping(raw.get("graph")), inputs, mapping(raw.get("outputs")), types)

    @cached_property
    def fed(self) -> dict[tuple[str, str], int]:
        """The inner inputs that the border feeds, each with the place of the input that does."""
        return {end: index for index, ends in enumerate(self.inputs.values()) for end in ends}


class Faces:
    """Knows every class of a document: those that are installed, its own sub-graphs, and the rest."""

    def __init__(self, specs: Mapping[str, NodeSpec], subgraphs: Mapping[str, Any]) -> None:
        self.specs = specs
        self.subgraphs = {
            name: Subgraph.read(name, raw) for name, raw in subgraphs.items() if isinstance(raw, dict)
        }

    def of(self, raw: Mapping[str, Any], fed: set[str]) -> Face:
        """The face of a node; `fed` are its inputs that a border feeds."""
        class_type = text(raw.get("class_type"))
        inputs = mapping(raw.get("inputs"))
        linked = fed | {name for name, value in inputs.items() if isinstance(value, list)}
        given = {name: plain(value) for name, value in inputs.items() if not isinstance(value, list)}
        if (subgraph := self._subgraph(class_type)) is not None:
            return self._instance(subgraph, given)
        spec = self.specs.get(class_type)
        if spec is None:
            face = Face(class_type, values=list(given.values()), named=given)
            face.inputs = [Socket(name, "*", name in given) for name in [*inputs, *sorted(fed - set(inputs))]]
            return face
        face = Face(class_type, named=given)
        face.inputs = [
            Socket(each.name, each.socket.wire, each.is_widget)
            for each in spec.inputs.values()
            if not each.is_widget or each.name in linked
        ]
        strangers = [name for name in [*inputs, *sorted(fed - set(inputs))] if name not in spec.inputs]
        face.inputs += [Socket(name, "*", name in given) for name in strangers]
        face.outputs = [(each.name, each.socket.wire) for each in spec.outputs]
        controls = mapping(mapping(raw.get("_meta")).get("control"))
        for each in widgets(spec):
            if not is_asked(each, given):
                continue
            face.values.append(given[each.name] if each.name in given else shown(each))
            if has_control(each):
                said = controls.get(each.name)
                face.values.append(said if isinstance(said, str) and said in CONTROLS else "fixed")
            if each.upload is not None:
                face.values.append(each.upload.kind)
        return face

    def _instance(self, subgraph: Subgraph, given: dict[str, Any]) -> Face:
        typed = {name: self._widget(subgraph, name) for name in subgraph.inputs}
        return Face(
            subgraph.id,
            [
                Socket(name, self.port_wire(subgraph, name), typed[name] is not None)
                for name in subgraph.inputs
            ],
            [(name, self.end_wire(subgraph, end)) for name, end in subgraph.outputs.items()],
            [given.get(name, value[0]) for name, value in typed.items() if value is not None],
            given,
        )

    def _subgraph(self, class_type: str) -> Subgraph | None:
        if not class_type.startswith(SUBGRAPH):
            return None
        return self.subgraphs.get(class_type.removeprefix(SUBGRAPH))

    def port_wire(self, subgraph: Subgraph, name: str) -> str:
        """The type of an input of a sub-graph: as it says, or as what it feeds has it."""
        if said := subgraph.types.get(name):
            return said
        for leaf in self._leaves(subgraph, name):
            if (given := self._input(leaf)) is not None:
                return given.socket.wire
        return "*"

    def end_wire(self, subgraph: Subgraph, end: Any) -> str:
        """The type of an output of a sub-graph, which may be one of a sub-graph in it."""
        seen: set[tuple[str, str, int]] = set()
        while is_link(end) and (step := (subgraph.id, str(end[0]), end[1])) not in seen:
            seen.add(step)
            class_type = text(mapping(subgraph.graph.get(str(end[0]))).get("class_type"))
            if (inner := self._subgraph(class_type)) is not None:
                ends = list(inner.outputs.values())
                subgraph, end = inner, ends[end[1]] if end[1] < len(ends) else None
                continue
            spec = self.specs.get(class_type)
            known = spec is not None and end[1] < len(spec.outputs)
            return spec.outputs[end[1]].socket.wire if spec is not None and known else "*"
        return "*"

    def _widget(self, subgraph: Subgraph, name: str) -> tuple[Any] | None:
        """The value inside of an input that stands for a widget; None when it stands for none."""
        for leaf in self._leaves(subgraph, name):
            values = mapping(leaf.raw.get("inputs"))
            given = self._input(leaf)
            literal = leaf.input in values and not isinstance(values[leaf.input], list)
            if given is not None and given.is_widget:
                inside = plain(values[leaf.input]) if literal else shown(given)
                return leaf.said or (inside,)
            if given is None and literal:
                return leaf.said or (plain(values[leaf.input]),)
        return None

    def _input(self, leaf: "_Leaf") -> Input | None:
        spec = self.specs.get(text(leaf.raw.get("class_type")))
        return spec.inputs.get(leaf.input) if spec is not None else None

    def _leaves(self, subgraph: Subgraph, name: str) -> "Iterator[_Leaf]":
        """The inner inputs that an input feeds, through sub-graphs in sub-graphs."""
        waiting: list[tuple[Subgraph, str, tuple[Any] | None]] = [(subgraph, name, None)]
        seen: set[tuple[str, str]] = set()
        for inside, port, said in waiting:
            if (inside.id, port) in seen:
                continue
            seen.add((inside.id, port))
            for node, called in inside.inputs.get(port, ()):
                raw = mapping(inside.graph.get(node))
                inner = self._subgraph(text(raw.get("class_type")))
                if inner is None:
                    yield _Leaf(raw, called, said)
                    continue
                value = mapping(raw.get("inputs")).get(called)
                is_literal = value is not None and not isinstance(value, list)
                waiting.append((inner, called, said or ((plain(value),) if is_literal else None)))


class _Leaf(NamedTuple):
    """An input inside, and the value that an instance on the way to it gives."""

    raw: Mapping[str, Any]
    input: str
    said: tuple[Any] | None


def is_link(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value is a link that a file can hold."""
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str | int):
        return False
    return type(value[1]) is int and value[1] >= 0


def _is_input(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)


def plain(value: Any) -> Any:
    """A literal without the wrapping that lists have."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def shown(given: Input) -> Any:
    """What a widget shows that nobody has touched."""
    if given.default is not MISSING:
        return given.default
    source = given.choices.source if given.choices is not None else ()
    if not callable(source) and source:
        return source[0]
    return {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}.get(given.socket.wire)
