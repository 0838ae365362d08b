"""Running a graph: what runs, what a failure touches, and that size does not matter."""

import asyncio
import time
from typing import Any

import pytest
from toys import Graph, call, chain

from engine.errors import UserError
from engine.events import NodeLingered
from engine.node import node
from engine.outcomes import Failed
from engine.testing import Bench


def test_only_what_is_wanted_runs(bench: Bench) -> None:
    graph = {"a": call("Number", value=1), "b": call("Add", a=["a", 0]), "c": call("Add", a=["a", 0], b=1)}
    log = bench.run(graph, "b")
    assert log.ran == {"a", "b"}
    assert set(log.outputs) == {"b"}


def test_several_nodes_can_be_wanted_also_one_above_the_other(bench: Bench) -> None:
    graph = chain(3)
    assert bench.run(graph, "1", "3").outputs == {"1": (1,), "3": (3,)}


def test_a_shared_source_runs_once(bench: Bench) -> None:
    graph = {"a": call("SlowAdd", a=1), "b": call("SlowAdd", a=["a", 0], b=["a", 0])}
    log = bench.run(graph, "b")
    assert [event.node for event in log.started] == ["a", "b"]
    assert log.outputs["b"] == (2,)


def test_equal_nodes_run_once(bench: Bench) -> None:
    for class_type in ("Add", "SlowAdd", "ThreadAdd"):
        graph = {"a": call(class_type, a=5), "b": call(class_type, a=5)}
        assert len(bench.run(graph, "a", "b").computed) == 1


def test_several_outputs_of_a_node_go_their_own_ways(bench: Bench) -> None:
    graph = {"d": call("Divide", a=7, b=2), "q": call("Add", a=["d", 0]), "r": call("Add", a=["d", 1])}
    assert bench.run(graph, "d", "q", "r").outputs == {"d": (3, 1), "q": (3,), "r": (1,)}


# Failures.


def test_a_failed_branch_keeps_the_others(bench: Bench) -> None:
    graph = {
        "bad": call("Fail"),
        "behind": call("Save", text=["bad", 0]),
        "good": call("Wait", seconds=0.01, value="fine"),
        "save": call("Save", text=["good", 0]),
    }
    log = bench.run(graph)
    assert log.result.status == "failed"
    assert log.ran == {"bad", "good", "save"}
    assert log.failed == {"bad": "RuntimeError: broken on purpose"}
    assert "save" in log.outputs
    assert "behind" not in log.outputs


def test_a_failure_travels_to_all_consumers_without_running_them(bench: Bench) -> None:
    graph = {
        "bad": call("Fail", message="no luck"),
        "a": call("Join", left=["bad", 0], right="x"),
        "b": call("Join", left=["a", 0], right=["bad", 0]),
    }
    log = bench.run(graph, "b")
    assert log.ran == {"bad"}
    outcome = log.result.outcomes["b"]
    assert isinstance(outcome, Failed)
    assert (outcome.node, outcome.because) == ("b", "bad")
    assert len(log.result.failures) == 1
    with pytest.raises(UserError, match="no luck"):
        log.result.values("b")


def test_a_failure_is_not_kept(bench: Bench) -> None:
    graph = {"bad": call("Fail")}
    assert bench.run(graph, "bad").ran == {"bad"}
    assert bench.run(graph, "bad").ran == {"bad"}


def raising(error: BaseException) -> Any:
    """Nodes that raise it: here, as a coroutine, and on each kind of lane."""

    @node("Raise0", category="test")
    def inline() -> int:
        raise error

    @node("Raise1", category="test")
    async def coroutine() -> int:
        raise error

    @node("Raise2", category="test", lane="cpu")
    def thread() -> int:
        raise error

    @node("Raise3", category="test", lane="gpu")
    def device() -> int:
        raise error

    return inline, coroutine, thread, device


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("choose another"), "choose another"),
        (ValueError("too large"), "too large"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError(), "not enough memory; use smaller sizes or batches"),
        (StopIteration(), "StopIteration"),
        (SystemExit(3), "SystemExit: 3"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_whatever_a_node_raises_is_its_failure_and_the_engine_goes_on(
    bench: Bench, error: BaseException, message: str
) -> None:
    bench.engine.registry.add(*raising(error), namespace="test")
    log = bench.run({str(number): call(f"Raise{number}") for number in range(4)}, "0", "1", "2", "3")
    assert set(log.failed) == {"0", "1", "2", "3"}
    assert all(message in said or repr(error) in said for said in log.failed.values())
    assert bench.run(chain(2, "ThreadAdd"), "2").outputs["2"] == (2,)


def test_a_node_that_cancels_itself_fails_alone(bench: Bench) -> None:
    @node("Give up", category="test")
    async def give_up() -> int:
        raise asyncio.CancelledError

    bench.engine.registry.add(give_up, namespace="test")
    log = bench.run({"bad": call("Give up"), "good": call("SlowAdd", a=1)}, "bad", "good")
    assert set(log.failed) == {"bad"}
    assert log.outputs["good"] == (1,)


def test_a_value_that_is_not_what_the_node_promised_is_its_failure(bench: Bench) -> None:
    @node("Liar", category="test")
    def liar(*, kind: str) -> list[int]:
        return 5 if kind == "list" else None  # type: ignore[return-value]

    bench.engine.registry.add(liar, namespace="test")
    log = bench.run({"bad": call("Liar", kind="list"), "good": call("Number")}, "bad", "good")
    assert set(log.failed) == {"bad"}
    assert "good" in log.outputs


# Size and manner.


@pytest.mark.parametrize("class_type", ["Add", "SlowAdd"])
def test_a_chain_of_ten_thousand_nodes_runs(bench: Bench, class_type: str) -> None:
    assert bench.run(chain(10_000, class_type), "10000").outputs["10000"] == (10_000,)


def test_ten_thousand_nodes_beside_each_other_run(bench: Bench) -> None:
    graph = {str(number): call("SlowAdd", a=number, b=1) for number in range(10_000)}
    log = bench.run(graph, *graph)
    assert len(log.outputs) == 10_000
    assert log.outputs["77"] == (78,)


def test_independent_branches_run_beside_each_other(bench: Bench) -> None:
    graph: Graph = {str(each): call("Wait", seconds=0.1, value=str(each)) for each in range(10)}
    graph |= {f"t{each}": call("Sleep", seconds=0.1, value=str(each)) for each in range(4)}
    start = time.perf_counter()
    bench.run(graph, *graph)
    assert time.perf_counter() - start < 0.9


def test_an_inline_node_that_lingers_is_named_once(bench: Bench) -> None:
    @node("Linger", category="test")
    def linger(*, a: int) -> int:
        time.sleep(0.01)
        return a

    bench.engine.registry.add(linger, namespace="test")
    log = bench.run({"1": call("Linger", a=1), "2": call("Linger", a=2)}, "1", "2")
    assert [event.class_type for event in log.events if isinstance(event, NodeLingered)] == ["Linger"]


def test_the_event_loop_gets_its_turns_during_a_long_chain(bench: Bench) -> None:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        await bench.arun(chain(5_000), "5000")
        counting.cancel()
        return turns

    assert asyncio.run(main()) > 2
