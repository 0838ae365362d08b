"""Lazy inputs: computed when awaited, and not before."""

import asyncio
from contextlib import suppress

import pytest
from toys import Graph, call

from engine.node import Blocked, Lazy, node
from engine.testing import Bench


@node("Patient", category="test")
async def patient(*, a: Lazy[int], seconds: float) -> int:
    """Waits for its input for so long, and does without then."""
    try:
        return await asyncio.wait_for(_value(a), seconds)
    except TimeoutError:
        return -1


async def _value(lazy: Lazy[int]) -> int:
    return await lazy


@node("Both", category="test")
async def both(*, a: Lazy[int], b: Lazy[int]) -> int:
    """Awaits both at once, and one of them twice."""
    first, second = await asyncio.gather(_value(a), _value(b))
    return first + second + await a


@node("LazySum", category="test")
async def lazy_sum(*, values: Lazy[list[int]]) -> int:
    """A whole list, later."""
    return sum(await values)


@node("Stubborn", category="test")
async def stubborn(*, a: Lazy[int]) -> int:
    """Takes whatever happens."""
    with suppress(Exception):
        return await a
    return 5


@pytest.fixture(autouse=True)
def _more(bench: Bench) -> None:
    bench.engine.registry.add(patient, both, lazy_sum, stubborn, namespace="test")


def switch(flag: object) -> Graph:
    return {
        "yes": call("SlowAdd", a=1),
        "no": call("SlowAdd", a=2),
        "more": call("Add", a=["no", 0]),
        "s": call("Switch", flag=flag, on_true=["yes", 0], on_false=["more", 0]),
    }


def test_only_what_is_awaited_runs_with_all_that_it_needs(bench: Bench) -> None:
    assert bench.run(switch(True), "s").ran == {"s", "yes"}  # it stands in a graph
    assert bench.run(switch(False), "s").ran == {"s", "no", "more"}


def test_an_awaited_input_that_is_cached_does_not_run(bench: Bench) -> None:
    bench.run(switch(True), "yes")
    assert bench.run(switch(True), "s").ran == {"s"}
    assert bench.run(switch(True), "s").ran == set()


def test_an_input_that_others_need_anyway_runs_once(bench: Bench) -> None:
    graph = switch(False) | {"also": call("Add", a=["no", 0], b=5)}
    log = bench.run(graph, "s", "also")
    assert sorted(event.node for event in log.started) == ["also", "more", "no", "s"]


def test_lazy_inputs_in_a_row_are_pulled_through(bench: Bench) -> None:
    graph: Graph = {"0": call("Number", value=1)}
    for number in range(1, 300):
        graph[str(number)] = call("LazyAdd", a=[str(number - 1), 0], b=1, limit=10**6)
    assert bench.run(graph, "299").outputs["299"] == (300,)


def test_a_lazy_input_may_be_a_plain_value(bench: Bench) -> None:
    assert bench.run({"1": call("LazyAdd", a=1, b=2)}, "1").outputs["1"] == (3,)


def test_inputs_may_be_awaited_at_once_and_again(bench: Bench) -> None:
    graph = {"x": call("SlowAdd", a=1), "y": call("SlowAdd", a=10), "1": call("Both", a=["x", 0], b=["y", 0])}
    log = bench.run(graph, "1")
    assert log.outputs["1"] == (12,)
    assert len(log.started) == 3


def test_two_nodes_may_wait_for_one_input_and_one_of_them_may_give_up(bench: Bench) -> None:
    graph = {
        "slow": call("Wait", seconds=0.05, value="1"),
        "number": call("SlowAdd", a=["length", 0]),
        "length": call("Length", text=["slow", 0]),
        "hasty": call("Patient", a=["number", 0], seconds=0.01),
        "calm": call("Patient", a=["number", 0], seconds=10.0),
    }

    @node("Length", category="test")
    def length(*, text: str) -> int:
        return len(text)

    bench.engine.registry.add(length, namespace="test")
    log = bench.run(graph, "hasty", "calm")
    assert log.outputs == {"hasty": (-1,), "calm": (1,)}


@pytest.mark.parametrize("mode", ["use", "refresh", "off"])
def test_each_mode_of_the_cache_gives_the_same(bench: Bench, mode: str) -> None:
    for _ in range(2):
        assert bench.run(switch(False), "s", mode=mode).outputs["s"] == (2,)  # type: ignore[arg-type]


def test_a_failed_input_fails_the_node_only_when_it_is_awaited(bench: Bench) -> None:
    graph = {"bad": call("Fail"), "s": call("Switch", flag=False, on_true=["bad", 0], on_false=1)}
    assert bench.run(graph, "s").outputs["s"] == (1,)
    graph["s"]["inputs"]["flag"] = True
    log = bench.run(graph, "s")
    assert log.failed == {"bad": "RuntimeError: broken on purpose"}
    assert log.outputs == {}


def test_a_blocked_input_blocks_the_node_only_when_it_is_awaited(bench: Bench) -> None:
    graph = {
        "gate": call("Gate", value=1, is_open=False),
        "s": call("Switch", flag=False, on_true=["gate", 0], on_false=1),
    }
    assert bench.run(graph, "s").outputs["s"] == (1,)
    graph["s"]["inputs"]["flag"] = True
    [value] = bench.run(graph, "s").outputs["s"]
    assert isinstance(value, Blocked)


# With lists.


def test_a_lazy_list_makes_as_many_calls_as_it_has_values(bench: Bench) -> None:
    graph = {
        "three": call("Range", stop=3),
        "two": call("Range", stop=2),
        "1": call("LazyAdd", a=["three", 0], b=["two", 0]),
    }
    assert bench.run(graph, "1").outputs["1"] == ([0, 2, 3],)


def test_a_lazy_list_that_nobody_awaits_makes_no_calls(bench: Bench) -> None:
    graph = {"three": call("Range", stop=3), "1": call("LazyAdd", a=7, b=["three", 0], limit=0)}
    log = bench.run(graph, "1")
    assert log.outputs["1"] == (7,)
    assert log.ran == {"1"}


def test_an_eager_list_maps_a_node_whose_lazy_input_is_pulled_in_some_calls(bench: Bench) -> None:
    graph = {
        "limits": call("Range", stop=3),
        "one": call("SlowAdd", a=1),
        "ten": call("SlowAdd", a=10),
        "1": call("LazyAdd", a=["one", 0], b=["ten", 0], limit=["limits", 0]),
    }
    log = bench.run(graph, "1")
    assert log.outputs["1"] == ([1, 11, 11],)
    assert len(log.started) == 4


def test_a_whole_list_can_be_lazy(bench: Bench) -> None:
    graph = {"five": call("Range", stop=5), "1": call("LazySum", values=["five", 0])}
    assert bench.run(graph, "1").outputs["1"] == (10,)
    empty = {"none": call("Range", stop=0), "1": call("LazySum", values=["none", 0])}
    assert bench.run(empty, "1").outputs["1"] == (0,)


def test_an_empty_lazy_list_is_a_failure_that_names_it(bench: Bench) -> None:
    graph = {"none": call("Range", stop=0), "1": call("LazyAdd", a=["none", 0], b=1)}
    assert "input a got an empty list" in bench.run(graph, "1").failed["1"]


def test_a_node_that_catches_a_failed_input_may_do_without(bench: Bench) -> None:
    graph = {"bad": call("Fail"), "n": call("LengthOf", text=["bad", 0]), "1": call("Stubborn", a=["n", 0])}

    @node("LengthOf", category="test")
    def length_of(*, text: str) -> int:
        return len(text)

    bench.engine.registry.add(length_of, namespace="test")
    log = bench.run(graph, "1")
    assert log.outputs["1"] == (5,)
    assert set(log.failed) == {"bad"}
