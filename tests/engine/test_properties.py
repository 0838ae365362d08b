"""Random graphs: however they are run, the values are those of a plain serial evaluator."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from toys import TOYS, Graph, call

from engine.node import Blocked, node
from engine.outcomes import Failed
from engine.plan import CacheMode
from engine.testing import Bench, Log


@node("Pass", category="test")
def let_pass(*, a: int) -> int | Blocked:
    """Multiples of 5 are blocked, multiples of 7 fail."""
    if a and a % 7 == 0:
        raise ValueError("seven")
    return Blocked() if a and a % 5 == 0 else a


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One engine for all examples: what one of them has cached must be right for the next."""
    bench = Bench(tmp_path_factory.mktemp("home"), (*TOYS, let_pass))
    with bench.engine:
        yield bench


# The reference: recursive, serial, without a cache, and without the engine.

BLOCKED, FAILED = "blocked", "failed"
Slots = tuple[list[Any], ...]


class Fail(Exception):  # noqa: N818
    """The node has no values."""


class Block(Exception):  # noqa: N818
    """The call has no values."""


def added(a: int, b: int) -> tuple[int]:
    return (a + b,)


def divided(a: int, b: int) -> tuple[int, int]:
    if b == 0:
        raise Fail
    return divmod(a, b)


def passed(a: int) -> tuple[int]:
    if a and a % 7 == 0:
        raise Fail
    if a and a % 5 == 0:
        raise Block
    return (a,)


Function = Callable[..., tuple[Any, ...]]
PLAIN: dict[str, Function] = {
    "Number": lambda value: (value,),
    "Add": added,
    "SlowAdd": added,
    "ThreadAdd": added,
    "Divide": divided,
    "Pass": passed,
}
WIDTH = {"Divide": 2}


@dataclass
class Reference:
    graph: Graph
    known: dict[str, Slots | str] = field(default_factory=dict)

    def __call__(self, node: str) -> Slots | str:
        if node not in self.known:
            try:
                self.known[node] = self.evaluate(**self.graph[node])
            except Fail:
                self.known[node] = FAILED
        return self.known[node]

    def pull(self, value: Any) -> list[Any]:
        """The values of an input."""
        if not isinstance(value, list):
            return [value]
        found = self(value[0])
        if isinstance(found, str):
            raise Fail
        assume(len(found[value[1]]) < 100)
        return found[value[1]]

    def evaluate(self, class_type: str, inputs: dict[str, Any]) -> Slots:
        match class_type:
            case "Range":
                return (list(range(inputs["stop"])),)
            case "Sum":
                values = self.pull(inputs["values"])
                return ([BLOCKED if BLOCKED in values else sum(values)],)
            case "Twice":
                values = self.pull(inputs["a"])
                doubled = [BLOCKED if each == BLOCKED else 2 * each for each in values]
                return ([x for each in values for x in ([BLOCKED] if each == BLOCKED else doubled)],)
            case "LazyAdd":
                return self.lazily({"limit": inputs["limit"]}, self.lazy_add(inputs))
            case "Switch":
                return self.lazily({"flag": inputs["flag"]}, self.switch(inputs))
        calls = self.calls(inputs)
        width = WIDTH.get(class_type, 1)
        return self.strung([self.one(PLAIN[class_type], each, width) for each in calls], width)

    def calls(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The arguments of each call: as many as the longest list that comes along a link."""
        values = {name: self.pull(value) for name, value in inputs.items()}
        lists = [values[name] for name, value in inputs.items() if isinstance(value, list)]
        count = max(map(len, lists), default=1)
        if count and not all(lists):
            raise Fail
        return [
            {name: each[min(index, len(each) - 1)] for name, each in values.items()} for index in range(count)
        ]

    def one(self, function: Function, kwargs: dict[str, Any], width: int) -> Sequence[Any]:
        try:
            return (BLOCKED,) * width if BLOCKED in kwargs.values() else function(**kwargs)
        except Block:
            return (BLOCKED,) * width

    def strung(self, results: list[Sequence[Any]], width: int) -> Slots:
        return tuple([each[slot] for each in results] for slot in range(width))

    def lazily(self, eager: dict[str, Any], body: Callable[..., Any]) -> Slots:
        calls = self.calls(eager)
        results: list[Any] = []
        longest = [len(calls)]
        while calls and len(results) < max(longest):
            index = len(results)

            def pull(value: Any, index: int = index) -> Any:
                values = self.pull(value)
                if not values:
                    raise Fail
                longest.append(len(values))
                found = values[min(index, len(values) - 1)]
                if found == BLOCKED:
                    raise Block
                return found

            kwargs = calls[min(index, len(calls) - 1)]
            try:
                results.append(BLOCKED if BLOCKED in kwargs.values() else body(pull, **kwargs))
            except Block:
                results.append(BLOCKED)
        return (results,)

    def lazy_add(self, inputs: dict[str, Any]) -> Callable[..., Any]:
        def body(pull: Callable[[Any], Any], limit: int) -> Any:
            first = pull(inputs["a"])
            return first if first > limit else first + pull(inputs["b"])

        return body

    def switch(self, inputs: dict[str, Any]) -> Callable[..., Any]:
        def body(pull: Callable[[Any], Any], flag: bool) -> Any:
            return pull(inputs["on_true"] if flag else inputs["on_false"])

        return body


# Random graphs, written in an order in which sources come first.

INTEGERS = st.integers(-6, 12)
OFTEN = st.sampled_from([True, True, True, False])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    graph: Graph = {}

    def value() -> Any:
        if draw(OFTEN) and graph:
            source = draw(st.sampled_from(list(graph)))
            return [source, draw(st.integers(0, WIDTH.get(graph[source]["class_type"], 1) - 1))]
        return draw(INTEGERS)

    for number in range(draw(st.integers(1, 9))):
        kind = draw(
            st.sampled_from(
                ["Number", "Range", "Add", "SlowAdd", "ThreadAdd", "Divide", "Pass", "Sum", "Twice"]
                + ["LazyAdd", "Switch"] * 2
            )
        )
        inputs: dict[str, Any]
        match kind:
            case "Number":
                inputs = {"value": draw(INTEGERS)}
            case "Range":
                inputs = {"stop": draw(st.integers(0, 4))}
            case "Add" | "SlowAdd" | "ThreadAdd" | "Divide":
                inputs = {"a": value(), "b": value()}
            case "Pass":
                inputs = {"a": value()}
            case "Sum":
                inputs = {"values": value()}
            case "Twice":
                if not graph:
                    continue
                inputs = {"a": [draw(st.sampled_from(list(graph))), 0]}
            case "LazyAdd":
                inputs = {"a": value(), "b": value(), "limit": value()}
            case _:
                inputs = {"flag": draw(st.booleans()), "on_true": value(), "on_false": value()}
        graph[str(number)] = call(kind, **inputs)
    return graph


def outcomes(log: Log) -> dict[str, Slots | str]:
    return {
        name: FAILED
        if isinstance(outcome, Failed)
        else tuple([BLOCKED if isinstance(each, Blocked) else each for each in slot] for slot in outcome)
        for name, outcome in log.result.outcomes.items()
    }


def expected(graph: Graph, wanted: list[str]) -> dict[str, Slots | str]:
    reference = Reference(graph)
    return {name: reference(name) for name in wanted}


def renamed(graph: Graph, names: dict[str, str], order: Sequence[str]) -> Graph:
    """The same graph under other ids, written in another order."""
    return {
        names[old]: call(
            graph[old]["class_type"],
            **{
                name: [names[value[0]], value[1]] if isinstance(value, list) else value
                for name, value in graph[old]["inputs"].items()
            },
        )
        for old in order
    }


WANTED = st.sets(st.integers(0, 8), min_size=1)


def chosen(graph: Graph, numbers: set[int]) -> list[str]:
    nodes = list(graph)
    return sorted({nodes[number % len(nodes)] for number in numbers})


@settings(max_examples=200, deadline=None)
@given(graph=graphs(), numbers=WANTED)
@pytest.mark.parametrize("mode", ["use", "refresh", "off"])
def test_the_values_are_those_of_the_reference(
    shared: Bench, graph: Graph, numbers: set[int], mode: CacheMode
) -> None:
    assume(graph)
    wanted = chosen(graph, numbers)
    assert outcomes(shared.run(graph, *wanted, mode=mode)) == expected(graph, wanted)


@settings(max_examples=100, deadline=None)
@given(graph=graphs(), numbers=WANTED, data=st.data())
def test_neither_ids_nor_the_order_of_writing_matter(
    shared: Bench, graph: Graph, numbers: set[int], data: st.DataObject
) -> None:
    assume(graph)
    wanted = chosen(graph, numbers)
    values = expected(graph, wanted)
    first = shared.run(graph, *wanted)
    ids = data.draw(st.permutations(range(len(graph))))
    names = {old: f"n{new}" for old, new in zip(graph, ids, strict=True)}
    other = renamed(graph, names, data.draw(st.permutations(list(graph))))
    second = shared.run(other, *(names[name] for name in wanted))
    assert outcomes(second) == {names[name]: value for name, value in values.items()}
    if first.result.status == "completed":
        assert second.ran == set()


@settings(max_examples=60, deadline=None)
@given(several=st.lists(graphs(), min_size=2, max_size=4))
def test_runs_beside_each_other_do_not_disturb_each_other(shared: Bench, several: list[Graph]) -> None:
    assume(all(several))
    values = [expected(graph, list(graph)) for graph in several]
    shared.engine.parts.memory.clear()

    async def main() -> list[Log]:
        return await asyncio.gather(*(shared.arun(graph, *graph) for graph in several))

    assert [outcomes(log) for log in asyncio.run(main())] == values
    assert len(shared.engine.parts.flights) == 0


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), budget=st.integers(0, 3000))
def test_a_small_memory_changes_no_values(shared: Bench, graph: Graph, budget: int) -> None:
    assume(graph)
    values = expected(graph, list(graph))
    memory = shared.engine.parts.memory
    memory.clear()
    before, memory.budget = memory.budget, budget
    try:
        assert outcomes(shared.run(graph, *graph)) == values
        assert memory.nbytes <= budget
    finally:
        memory.budget = before
