"""One computation for a key, however many runs ask for it."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from toys import Graph, call

from engine.events import Event, NodeProgress, NodeStarted
from engine.node import Context, Expansion, node
from engine.outcomes import Result
from engine.testing import Bench, Log


class Counted:
    """How often the node ran, and how it ended."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0


@pytest.fixture
def counted(bench: Bench) -> Iterator[Counted]:
    counted = Counted()

    @node("Counted", category="test")
    async def count(ctx: Context, *, seconds: float = 0.05, fail: bool = False, source: str = "") -> int:
        counted.calls += 1
        try:
            for _ in range(5):
                await asyncio.sleep(seconds / 5)
                ctx.progress(1, 5)
        except asyncio.CancelledError:
            counted.cancelled += 1
            raise
        if fail:
            raise ValueError("no luck" + source)
        return counted.calls

    bench.engine.registry.add(count, namespace="test")
    yield counted
    assert len(bench.engine.parts.flights) == 0


def graph(name: str, **inputs: Any) -> Graph:
    return {name: call("Counted", **inputs)}


def together(*runs: Coroutine[Any, Any, Log]) -> list[Log]:
    async def main() -> list[Log]:
        return await asyncio.gather(*runs)

    return asyncio.run(main())


def test_two_runs_compute_once_each_under_its_own_ids(bench: Bench, counted: Counted) -> None:
    one, two = together(bench.arun(graph("a"), "a"), bench.arun(graph("b"), "b"))
    assert counted.calls == 1
    assert (one.outputs, two.outputs) == ({"a": (1,)}, {"b": (1,)})
    assert (one.computed, two.computed) == ({"a"}, set())


def test_progress_reaches_all_under_their_own_names(bench: Bench, counted: Counted) -> None:
    one, two = together(bench.arun(graph("a"), "a"), bench.arun(graph("b"), "b"))
    for log, name in ((one, "a"), (two, "b")):
        progress = [event.node for event in log.events if isinstance(event, NodeProgress)]
        assert progress == [name] * 5
    assert counted.calls == 1


def test_a_failure_reaches_all_under_their_own_names(bench: Bench, counted: Counted) -> None:
    one, two = together(bench.arun(graph("a", fail=True), "a"), bench.arun(graph("b", fail=True), "b"))
    assert counted.calls == 1
    assert one.failed == {"a": "no luck"}
    assert two.failed == {"b": "no luck"}


async def leaving(bench: Bench, leave: tuple[str, ...]) -> list[Any]:
    """Runs "a" and "b" of the same call; those named leave in the middle."""
    begun = {name: asyncio.Event() for name in "ab"}

    def listen(event: Event) -> None:
        if isinstance(event, NodeStarted):
            begun[event.node].set()

    runs = {}
    for name in "ab":
        runs[name] = asyncio.create_task(bench.arun(graph(name), name, emit=listen))
        await begun[name].wait()
    await asyncio.sleep(0.01)
    for name in leave:
        runs[name].cancel()
    return await asyncio.gather(*runs.values(), return_exceptions=True)


@pytest.mark.parametrize(("leaver", "stays"), [("a", 1), ("b", 0)])
def test_who_stays_gets_the_result(bench: Bench, counted: Counted, leaver: str, stays: int) -> None:
    ends = asyncio.run(leaving(bench, (leaver,)))
    assert isinstance(ends[1 - stays], asyncio.CancelledError)
    assert isinstance(ends[stays], Log)
    assert (counted.calls, counted.cancelled) == (1, 0)


def test_the_last_who_leaves_cancels_it(bench: Bench, counted: Counted) -> None:
    ends = asyncio.run(leaving(bench, ("a", "b")))
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert (counted.calls, counted.cancelled) == (1, 1)


def test_who_asks_after_a_cancelled_one_starts_anew(bench: Bench, counted: Counted) -> None:
    asyncio.run(leaving(bench, ("a", "b")))
    assert bench.run(graph("c"), "c").outputs["c"] == (2,)
    assert counted.calls == 2


def test_who_asks_while_it_is_being_cancelled_starts_anew(bench: Bench) -> None:
    calls = []

    @node("Reluctant", category="test")
    async def reluctant() -> int:
        calls.append(1)
        number = len(calls)
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            await asyncio.sleep(0.03)
            raise
        return number

    bench.engine.registry.add(reluctant, namespace="test")

    async def main() -> Log:
        first = asyncio.create_task(bench.arun({"a": call("Reluctant")}, "a"))
        await asyncio.sleep(0.02)
        first.cancel()
        await asyncio.sleep(0.01)
        assert not first.done()
        second = await bench.arun({"b": call("Reluctant")}, "b")
        await asyncio.wait({first})
        return second

    assert asyncio.run(main()).outputs["b"] == (2,)


def test_different_calls_fly_apart(bench: Bench, counted: Counted) -> None:
    together(bench.arun(graph("a"), "a"), bench.arun(graph("a", seconds=0.04), "a"))
    assert counted.calls == 2


def test_calls_that_are_never_cached_fly_apart(bench: Bench) -> None:
    calls = []

    @node("Dice", category="test", cache=False)
    async def dice() -> int:
        calls.append(1)
        await asyncio.sleep(0.01)
        return len(calls)

    bench.engine.registry.add(dice, namespace="test")
    together(bench.arun({"a": call("Dice")}, "a"), bench.arun({"a": call("Dice")}, "a"))
    assert len(calls) == 2


def test_an_expansion_links_into_the_graph_of_its_own_run(bench: Bench) -> None:
    @node("SlowTwice", category="test")
    async def slow_twice(ctx: Context, *, a: int) -> int | Expansion:
        del a
        await asyncio.sleep(0.02)
        source = ctx.link("a")
        return Expansion({"sum": call("Add", a=source, b=source)}, [["sum", 0]])

    bench.engine.registry.add(slow_twice, namespace="test")
    one: Graph = {"x": call("Number", value=4), "t": call("SlowTwice", a=["x", 0])}
    two: Graph = {
        "x": call("Number", value=100),
        "y": call("Number", value=4),
        "t": call("SlowTwice", a=["y", 0]),
        "both": call("Add", a=["t", 0], b=["x", 0]),
    }
    logs = together(bench.arun(one, "t"), bench.arun(two, "both"))
    assert logs[0].outputs["t"] == (8,)
    assert logs[1].outputs["both"] == (108,)


def test_many_runs_of_one_graph_share_all_of_it(bench: Bench, counted: Counted) -> None:
    logs = together(*(bench.arun(graph(str(n)), str(n)) for n in range(20)))
    assert counted.calls == 1
    assert all(isinstance(log.result, Result) for log in logs)
