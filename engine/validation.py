"""Everything that is wrong with a graph, at once and as data.

One pass reads every node: its class, each input's value or link, what is missing and what is too much.
Then the order, or the cycles; then the nodes' own checks; then which outputs can still run.  What is
wrong in nodes that no output needs does not keep the others from running, and is only a warning.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.coercion import Refused, brief, coerce, nearest
from engine.errors import SafelightError
from engine.files import Files
from engine.graph import Call, Graph, in_order, reachable
from engine.problems import Problem
from engine.prompt import Link, is_link
from engine.registry import Registry
from engine.spec import MISSING, Input, NodeSpec
from engine.types import compatible

#: What is wrong wherever it is: the graph as a whole, or a class that nobody knows.
_ALWAYS: Final = frozenset({"missing_node_type", "prompt_no_outputs"})


class _OrNothing(dict[str, list[str]]):
    """Nodes that are not known have no sources."""

    def __missing__(self, _node: str) -> list[str]:
        return []


@dataclass(frozen=True, slots=True)
class Validation:
    """What came of it: the sound part as a graph, the outputs that can run, and every problem."""

    graph: Graph
    outputs: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]


def validate(
    graph: Mapping[str, Any],
    registry: Registry,
    files: Files,
    *,
    targets: Iterable[str] | None = None,
    titles: Mapping[str, str] | None = None,
    outer: Mapping[str, Call] | None = None,
    lenient: bool = False,
) -> Validation:
    """Check a plain graph.

    `targets` are the nodes wanted (by default every output node); `outer` are sound nodes of another
    graph that links may lead to, as those of an expansion do.  A `lenient` check ignores inputs that a
    class does not have, with a warning, as programs of the ecosystem expect.
    """
    reader = _Reader(registry, files, graph, titles or {}, outer or {}, lenient=lenient)
    for node, raw in graph.items():
        reader.read(node, raw)
    return reader.conclude(targets)


class _Reader:
    """The state of one validation."""

    def __init__(
        self,
        registry: Registry,
        files: Files,
        graph: Mapping[str, Any],
        titles: Mapping[str, str],
        outer: Mapping[str, Call],
        *,
        lenient: bool,
    ) -> None:
        self.registry = registry
        self.lenient = lenient
        self.files = files
        self.graph = graph
        self.titles = titles
        self.outer = outer
        self.calls: dict[str, Call] = {}
        self.problems: list[Problem] = []
        self.broken: set[str] = set()
        self._choices: dict[int, Sequence[str]] = {}
        self._node = ("", "", "")  # the id, class and title of the node that is being read

    def refuse(self, code: str, message: str, name: str = "", hint: str = "", **facts: Any) -> None:
        node, class_type, title = self._node
        self.broken.add(node)
        self.problems.append(
            Problem(code, message, node, name, hint, class_type=class_type, title=title, facts=facts)
        )

    def warn(self, code: str, message: str, name: str = "") -> None:
        node, class_type, title = self._node
        self.problems.append(
            Problem(code, message, node, name, severity="warning", class_type=class_type, title=title)
        )

    def _nearest(self, word: str, known: Iterable[str]) -> str:
        """A hint, while there are few problems: nobody reads the thousandth, and each takes a search."""
        return nearest(word, list(known)) if len(self.problems) < 100 else ""

    def read(self, node: str, raw: Any) -> None:
        """One node: its class, and each of its inputs."""
        self._node = (node, "", "")
        if type(raw) is not dict:
            self.refuse("invalid_node", f"a node must be an object, not {brief(raw)}")
            return
        class_type = raw.get("class_type")
        if type(class_type) is not str:
            said = "has no class_type" if class_type is None else f"has the class_type {brief(class_type)}"
            self.refuse("missing_node_type", f"{said}; it must be the name of a node class")
            return
        title = self.titles.get(node, "")
        if not title and "_meta" in raw:
            meta = raw["_meta"]
            title = meta["title"] if type(meta) is dict and type(meta.get("title")) is str else ""
        self._node = (node, class_type, title)
        spec = self.registry.specs.get(class_type)
        if spec is None:
            self.refuse(
                "missing_node_type",
                f"there is no node class {brief(class_type)}",
                hint=self._nearest(class_type, self.registry.specs) or self._missing_pack(),
            )
            return
        inputs = raw.get("inputs", {})
        if type(inputs) is not dict:
            self.refuse("invalid_inputs", f"inputs must be an object, not {brief(inputs)}")
            inputs = {}
        self.calls[node] = self._bind(node, spec, inputs, title)

    def _missing_pack(self) -> str:
        """Why a class may be unknown: packs that did not load are the first suspects."""
        broken = [f"{pack.name} ({pack.reason})" for pack in self.registry.broken[:3]]
        return f"these packs did not load: {'; '.join(broken)}" if broken else "is its pack installed?"

    def _bind(self, node: str, spec: NodeSpec, inputs: dict[str, Any], title: str) -> Call:
        literals: dict[str, Any] = {}
        links: dict[str, Link] = {}
        known = 0
        for name, given in spec.inputs.items():
            if name in inputs:
                known += 1
                value = inputs[name]
                if is_link(value):
                    if (link := self._link(given, value)) is not None:
                        links[name] = link
                else:
                    self._literal(given, value, literals)
            elif given.default is not MISSING:
                literals[name] = given.default
            else:
                self._missing(given)
        if known < len(inputs):
            self._unknown(spec, inputs)
        return Call(node, spec, literals, links, title)

    def _missing(self, given: Input) -> None:
        kind = "link" if not given.is_widget else "value"
        self.refuse("required_input_missing", f"a {kind} of type {given.socket.wire} is missing", given.name)

    def _unknown(self, spec: NodeSpec, inputs: dict[str, Any]) -> None:
        for name in inputs:
            if name in spec.inputs:
                continue
            if name in spec.tolerates:
                self.warn("unknown_input", "is not used any more, and ignored", name)
                continue
            if self.lenient:
                self.warn("unknown_input", f"{spec.class_type} has no such input; it is ignored", name)
                continue
            hint = self._nearest(name, spec.inputs)
            takes = ", ".join(spec.inputs) or "none"
            self.refuse("unknown_input", f"{spec.class_type} has no such input (it has {takes})", name, hint)

    def _link(self, given: Input, value: list[Any]) -> Link | None:
        if len(value) != 2:
            self.refuse(
                "bad_linked_input",
                f"a link is [node id, output index], not {brief(value)}",
                given.name,
                'write a literal list as {"__value__": [...]}',
                received_value=_shown(value),
            )
            return None
        source, output = value
        if type(source) is int:  # some writers leave the quotes out
            source = str(source)
        if type(source) is not str or type(output) is not int:
            self.refuse(
                "bad_linked_input", f"a link is [node id, output index], not {brief(value)}", given.name
            )
            return None
        found, spec = self._source(source)
        if not found:
            hint = self._nearest(source, self.graph)
            self.refuse("bad_linked_input", f"there is no node {brief(source)} to link to", given.name, hint)
            return None
        if spec is not None:
            outputs = spec.outputs
            if not 0 <= output < len(outputs):
                count = f"it has {len(outputs)}, counted from 0" if outputs else "it has none"
                self.refuse(
                    "bad_linked_input",
                    f"node {source} ({spec.class_type}) has no output {brief(output)}: {count}",
                    given.name,
                )
                return None
            wire = outputs[output].socket.wire
            if wire != given.socket.wire and not compatible(wire, given.socket.wire):
                self.refuse(
                    "return_type_mismatch",
                    f"takes {given.socket.wire}, but output {output} of node {source} "
                    f"({spec.class_type}) is {wire}",
                    given.name,
                    _fitting(spec, source, given),
                    received_type=wire,
                    linked_node=value,
                )
                return None
        return Link(source, output)

    def _source(self, node: str) -> tuple[bool, NodeSpec | None]:
        """Whether a node is there to link to, and its class if that is known."""
        if node in self.graph:
            raw = self.graph[node]
            class_type = raw.get("class_type") if type(raw) is dict else None
            return True, self.registry.specs.get(class_type) if type(class_type) is str else None
        call = self.outer.get(node)
        return call is not None, call.spec if call is not None else None

    def _literal(self, given: Input, value: Any, literals: dict[str, Any]) -> None:
        if type(value) is dict and "__value__" in value:
            value = value["__value__"]
        if not (given.is_widget or given.socket.wire == "*" or (value is None and given.optional)):
            self.refuse(
                "invalid_input_type",
                f"takes a link of type {given.socket.wire}, not the value {brief(value)}",
                given.name,
                "link it: [node id, output index]",
            )
            return
        if given.socket.wire == "*" and not _storable(value):
            self.refuse("invalid_input_type", "the value is nested too deeply, or holds NaN", given.name)
            return
        if given.is_list and type(value) is not list:
            value = [value]
        try:
            if given.is_list and given.socket.wire != "*":
                pairs = [coerce(given, each, self._listed(given)) for each in value]
                literals[given.name] = [each for each, _ in pairs]
                warnings = [warning for _, warning in pairs if warning]
                warning = warnings[0] if warnings else ""
            else:
                literals[given.name], warning = coerce(given, value, self._listed(given))
        except Refused as refusal:
            self.refuse(refusal.code, refusal.message, given.name, refusal.hint, received_value=_shown(value))
            return
        if warning:
            self.warn("coerced", warning, given.name)

    def _listed(self, given: Input) -> Sequence[str] | None:
        """The choices of a combo; a folder is listed once per validation.

        What may be uploaded may lie elsewhere too (`name [output]`): there the node's own check decides.
        """
        if given.choices is None or given.upload is not None:
            return None
        key = id(given.choices)
        if key not in self._choices:
            try:
                self._choices[key] = given.choices.values(self.files)
            except Exception as error:  # a pack's bug, or a folder that cannot be read
                said = f"its choices cannot be listed: {type(error).__name__}: {error}"
                raise Refused("custom_validation_failed", said) from error
        return self._choices[key]

    def conclude(self, targets: Iterable[str] | None) -> Validation:
        """Order, cycles, the nodes' own checks, and what can run."""
        sources = {
            node: [link.node for link in call.links.values() if link.node in self.calls]
            for node, call in self.calls.items()
        }
        order, cycles = in_order(sources)
        for cycle in cycles:
            self._cycle(cycle)
        for call in self.calls.values():
            if call.spec.check is not None and call.id not in self.broken:
                self._check(call)
        wanted = self._wanted(targets)
        unsound = self._spread(order)
        outputs = tuple(node for node in wanted if node in self.calls and node not in unsound)
        needed = self._needed(wanted)
        problems = tuple(
            problem
            if problem.severity == "warning" or problem.node in needed or problem.code in _ALWAYS
            else replace(problem, severity="warning", hint=problem.hint or "no output needs this node")
            for problem in self.problems
        )
        sound = [node for node in order if node not in unsound]
        return Validation(Graph({node: self.calls[node] for node in sound}, sound), outputs, problems)

    def _needed(self, wanted: Sequence[str]) -> set[str]:
        """The nodes that something wanted depends on; the broken ones among them too."""
        links = {node: [link.node for link in call.links.values()] for node, call in self.calls.items()}
        return reachable([node for node in wanted if node in self.graph], _OrNothing(links))

    def _wanted(self, targets: Iterable[str] | None) -> list[str]:
        self._node = ("", "", "")
        if targets is not None:
            wanted = list(targets)
            for target in wanted:
                if target not in self.graph:
                    hint = self._nearest(target, self.graph)
                    self.refuse("prompt_no_outputs", f"there is no node {brief(target)} to run", hint=hint)
        else:
            wanted = [node for node, call in self.calls.items() if call.spec.output_node]
        if not wanted and not any(problem.code == "missing_node_type" for problem in self.problems):
            hint = "add a node such as SaveImage or PreviewImage" if self.graph else ""
            self.refuse("prompt_no_outputs", "the graph has no output node, so nothing would run", hint=hint)
        return wanted

    def _spread(self, order: Sequence[str]) -> set[str]:
        """The nodes that cannot run: broken, on or behind a cycle, or fed by one that cannot."""
        unsound = set(self.calls) - set(order) | self.broken
        for node in order:
            if any(
                link.node in unsound or (link.node not in self.calls and link.node not in self.outer)
                for link in self.calls[node].links.values()
            ):
                unsound.add(node)
        return unsound

    def _cycle(self, cycle: list[str]) -> None:
        first = self.calls[cycle[0]]
        self._node = (first.id, first.spec.class_type, first.title)
        names = " -> ".join(f"{node} ({self.calls[node].spec.class_type})" for node in [*cycle, cycle[0]])
        shown = names if len(cycle) <= 20 else names[:400] + "…"
        self.refuse("dependency_cycle", f"the links form a cycle: {shown}", cycle_nodes=list(cycle))
        self.broken.update(cycle)

    def _check(self, call: Call) -> None:
        """Ask the node itself, when everything else about it is sound."""
        assert call.spec.check is not None
        self._node = (call.id, call.spec.class_type, call.title)
        try:
            said = dict(call.spec.check(self.files, **literals_for(call.spec.check, call)) or {})
        except SafelightError as error:
            said = {"": str(error)}
        except Exception as error:  # noqa: BLE001  # a pack's bug must not end validation
            said = {"": f"the node's own check failed: {type(error).__name__}: {error}"}
        for name, message in said.items():
            self.refuse("custom_validation_failed", message, name)


def literals_for(function: Any, call: Call) -> dict[str, Any]:
    """The bound literals that a trait names, None for what arrives by a link or is missing."""
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    return {name: call.literals.get(name) for name in names}


def _fitting(spec: NodeSpec, source: str, given: Input) -> str:
    """A hint naming an output of the same node that would fit."""
    for index, output in enumerate(spec.outputs):
        if given.socket.accepts(output.socket.wire):
            return f"did you mean [{source!r}, {index}] ({output.name})?"
    return ""


def _storable(value: Any, depth: int = 50) -> bool:
    """Whether a literal of any type can be part of a cache key, and of an answer in JSON."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return depth > 0 and all(_storable(each, depth - 1) for each in value)
    if isinstance(value, dict):
        return depth > 0 and all(type(n) is str and _storable(each, depth - 1) for n, each in value.items())
    return isinstance(value, str | int | None)


def _shown(value: Any) -> Any:
    """A value that was refused, in a form that an answer can hold."""
    return value if _storable(value) else brief(value)
