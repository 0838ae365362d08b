"""What a run tells, and in which order: each promise of `engine.events`."""

import asyncio
from typing import Any

import pytest
from toys import call, chain

from engine.events import (
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeShown,
    NodeSpan,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from engine.node import Context, node
from engine.testing import Bench, Log


@node("Steps", category="test")
async def steps(ctx: Context, *, n: int) -> int:
    """Reports its steps."""
    for done in range(n):
        ctx.progress(done + 1, n)
        await asyncio.sleep(0)
    ctx.progress(n + 5, n)
    ctx.preview("picture")
    with ctx.span("encode"):
        pass
    return n


@node("ThreadSteps", category="test", lane="cpu")
def thread_steps(ctx: Context, *, n: int) -> int:
    """Reports its steps from a thread."""
    for done in range(n):
        ctx.progress(done + 1, n)
    return n


@pytest.fixture(autouse=True)
def _more(bench: Bench) -> None:
    bench.engine.registry.add(steps, thread_steps, namespace="test")


def kinds(log: Log, node: str | None = None) -> list[str]:
    return [
        type(event).__name__ for event in log.events if node is None or getattr(event, "node", None) == node
    ]


def only(log: Log, kind: type[Event]) -> Any:
    [event] = [event for event in log.events if isinstance(event, kind)]
    return event


def test_a_run_begins_with_its_plan_and_ends_with_its_status(bench: Bench) -> None:
    bench.run(chain(1), "1")
    log = bench.run(chain(3), "3")
    assert kinds(log)[:2] == ["RunStarted", "NodesCached"]
    assert kinds(log)[-1] == "RunFinished"
    assert (only(log, RunStarted).nodes, only(log, RunStarted).to_run) == (4, 2)
    assert set(only(log, NodesCached).nodes) == {"0", "1"}
    assert only(log, RunFinished).status == "completed"


def test_a_node_starts_when_its_sources_are_finished(bench: Bench) -> None:
    graph = {"a": call("SlowAdd", a=1), "b": call("ThreadAdd", a=2), "c": call("Add", a=["a", 0], b=["b", 0])}
    log = bench.run(graph, "c")
    order = [
        (type(event), event.node) for event in log.events if isinstance(event, NodeStarted | NodeFinished)
    ]
    start = order.index((NodeStarted, "c"))
    assert order.index((NodeFinished, "a")) < start
    assert order.index((NodeFinished, "b")) < start
    assert order[-1] == (NodeFinished, "c")


def test_cached_nodes_neither_start_nor_finish(bench: Bench) -> None:
    bench.run(chain(2), "2")
    assert kinds(bench.run(chain(2), "2")) == ["RunStarted", "NodesCached", "RunFinished"]


@pytest.mark.parametrize("class_type", ["Steps", "ThreadSteps"])
def test_progress_comes_between_start_and_finish_and_never_exceeds_its_total(
    bench: Bench, class_type: str
) -> None:
    log = bench.run({"1": call(class_type, n=3)}, "1")
    progress = [event for event in log.events if isinstance(event, NodeProgress)]
    assert [(each.done, each.total) for each in progress][:3] == [(1, 3), (2, 3), (3, 3)]
    assert all(each.done <= each.total for each in progress)
    said = kinds(log, "1")
    assert (said[0], said[-1]) == ("NodeStarted", "NodeFinished")


def test_previews_and_spans_carry_their_node(bench: Bench) -> None:
    log = bench.run({"1": call("Steps", n=1)}, "1")
    assert (only(log, NodePreview).node, only(log, NodePreview).image) == ("1", "picture")
    span = only(log, NodeSpan)
    assert (span.node, span.kind) == ("1", "encode")
    assert span.start <= span.at


def test_what_an_output_shows_comes_again_when_it_is_cached(bench: Bench) -> None:
    graph = {"1": call("Save", text="x")}
    first, second = bench.run(graph), bench.run(graph)
    assert kinds(first) == [
        "RunStarted", "NodesCached", "NodeStarted", "NodeShown", "NodeFinished", "RunFinished",
    ]  # fmt: skip
    assert kinds(second) == ["RunStarted", "NodesCached", "NodeShown", "RunFinished"]
    assert only(first, NodeShown).shown == only(second, NodeShown).shown


def test_a_failure_is_told_once_with_its_kind_and_details(bench: Bench) -> None:
    graph = {"1": call("Fail"), "2": call("Save", text=["1", 0]), "3": call("Join", left=["1", 0], right="")}
    log = bench.run(graph, "2", "3")
    failed = only(log, NodeFailed)
    assert (failed.node, failed.class_type, failed.kind) == ("1", "Fail", "RuntimeError")
    assert "broken on purpose" in failed.details
    assert "Traceback" in failed.details
    assert kinds(log, "2") == kinds(log, "3") == []
    assert only(log, RunFinished).status == "failed"


def test_a_block_with_a_message_is_told_once_however_far_it_travels(bench: Bench) -> None:
    graph = {
        "gate": call("Gate", value="x", is_open=False, message="closed today"),
        "a": call("Join", left=["gate", 0], right=""),
        "b": call("Join", left=["a", 0], right=["gate", 0]),
    }
    blocked = only(bench.run(graph, "b"), NodeBlocked)
    assert (blocked.node, blocked.message) == ("gate", "closed today")


def test_a_block_without_a_message_is_silent(bench: Bench) -> None:
    log = bench.run({"gate": call("Gate", value="x", is_open=False)}, "gate")
    assert "NodeBlocked" not in kinds(log)


def test_times_never_run_backwards(bench: Bench) -> None:
    log = bench.run(chain(20, "SlowAdd"), "20")
    times = [event.at for event in log.events]
    assert times == sorted(times)
    finished = [event for event in log.events if isinstance(event, NodeFinished)]
    assert all(event.start <= event.at for event in finished)


def test_an_equal_node_that_came_second_is_told_as_reused(bench: Bench) -> None:
    log = bench.run({"a": call("SlowAdd", a=1), "b": call("SlowAdd", a=1)}, "a", "b")
    reused = {event.node: event.reused for event in log.events if isinstance(event, NodeFinished)}
    assert sorted(reused.values()) == [False, True]
