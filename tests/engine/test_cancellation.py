"""Cancelling a run: soon, completely, and with nothing left behind."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from toys import Graph, call, chain

from engine.errors import Cancelled
from engine.events import Event, NodeFailed, NodeStarted, RunFinished
from engine.node import Context, Lazy, node
from engine.testing import Bench


async def cancelled(
    bench: Bench, graph: Graph, *wanted: str, when: Callable[[Event], bool], delay: float = 0.0
) -> list[Event]:
    """Run, cancel after a certain event, and give what was told."""
    events: list[Event] = []
    seen = asyncio.Event()

    def listen(event: Event) -> None:
        events.append(event)
        if when(event):
            seen.set()

    running = asyncio.create_task(bench.arun(graph, *wanted, emit=listen))
    await seen.wait()
    await asyncio.sleep(delay)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return events


def started(node: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, NodeStarted) and event.node == node


def ended(events: list[Event]) -> str:
    assert isinstance(events[-1], RunFinished)
    assert not any(isinstance(event, NodeFailed) for event in events)
    return events[-1].status


@pytest.mark.parametrize("class_type", ["Wait", "Sleep"])
def test_a_node_is_cancelled_within_its_step(bench: Bench, class_type: str) -> None:
    start = time.perf_counter()
    events = asyncio.run(
        cancelled(bench, {"1": call(class_type, seconds=60.0)}, "1", when=started("1"), delay=0.02)
    )
    assert ended(events) == "cancelled"
    assert time.perf_counter() - start < 5


def test_the_engine_is_as_good_as_new_afterwards(bench: Bench) -> None:
    asyncio.run(cancelled(bench, {"1": call("Sleep", seconds=60.0)}, "1", when=started("1")))
    assert len(bench.engine.parts.flights) == 0
    assert bench.run({"1": call("Sleep", seconds=0.0, value="x")}, "1").outputs["1"] == ("x",)


@pytest.mark.parametrize("class_type", ["Add", "SlowAdd"])
def test_a_long_chain_is_cancelled_in_the_middle(bench: Bench, class_type: str) -> None:
    events = asyncio.run(cancelled(bench, chain(10_000, class_type), "10000", when=started("50")))
    assert ended(events) == "cancelled"
    assert sum(isinstance(event, NodeStarted) for event in events) < 10_000


def test_a_thread_has_ended_when_the_run_has(bench: Bench) -> None:
    done = threading.Event()

    @node("Tidy", category="test", lane="cpu")
    def tidy(ctx: Context) -> int:
        try:
            while True:
                ctx.check_cancelled()
                time.sleep(0.002)
        except Cancelled:
            time.sleep(0.05)
            done.set()
            raise

    bench.engine.registry.add(tidy, namespace="test")

    async def main() -> bool:
        await cancelled(bench, {"1": call("Tidy")}, "1", when=started("1"), delay=0.01)
        return done.is_set()

    assert asyncio.run(main())


def test_progress_stops_a_cancelled_call(bench: Bench) -> None:
    @node("Report", category="test", lane="cpu")
    def report(ctx: Context) -> int:
        while True:
            ctx.progress(1, 2)
            time.sleep(0.001)

    bench.engine.registry.add(report, namespace="test")
    events = asyncio.run(cancelled(bench, {"1": call("Report")}, "1", when=started("1"), delay=0.01))
    assert ended(events) == "cancelled"


def test_calls_that_wait_for_a_thread_never_begin(bench: Bench) -> None:
    begun = []

    @node("Queue", category="test", lane="io")
    def queue(*, n: int) -> int:
        begun.append(n)
        time.sleep(0.1)  # it never looks
        return n

    bench.engine.registry.add(queue, namespace="test")
    graph = {str(n): call("Queue", n=n) for n in range(100)}
    asyncio.run(cancelled(bench, graph, *graph, when=started("99"), delay=0.02))
    assert len(begun) <= 32


def test_a_generator_on_the_device_is_closed(bench: Bench) -> None:
    closed = threading.Event()

    class Ask:
        key, row = "k", 0

        @staticmethod
        def call(rows: Any) -> Any:
            time.sleep(0.001)
            return rows

    @node("Drive", category="test")
    async def drive(ctx: Context) -> int:
        def steps() -> Any:
            try:
                while True:
                    yield [Ask]
            finally:
                closed.set()

        return int(await ctx.device.drive(steps()))

    bench.engine.registry.add(drive, namespace="test")
    asyncio.run(cancelled(bench, {"1": call("Drive")}, "1", when=started("1"), delay=0.02))
    assert closed.is_set()


def test_a_file_that_was_being_written_is_not_left(bench: Bench) -> None:
    @node("Write", category="test", output_node=True, lane="io")
    def write(ctx: Context) -> None:
        with ctx.claim("slow", ".bin") as part, part.open("wb") as file:
            while True:
                file.write(b"x" * 1000)
                file.flush()
                ctx.check_cancelled()
                time.sleep(0.001)

    bench.engine.registry.add(write, namespace="test")
    asyncio.run(cancelled(bench, {"1": call("Write")}, "1", when=started("1"), delay=0.03))
    assert list((bench.home / "output").iterdir()) == []


def test_a_node_that_waits_for_a_lazy_input_is_cancelled_with_it(bench: Bench) -> None:
    @node("Later", category="test")
    async def later(*, value: Lazy[str]) -> str:
        return await value

    bench.engine.registry.add(later, namespace="test")
    graph = {"1": call("Sleep", seconds=60.0), "2": call("Later", value=["1", 0])}
    assert ended(asyncio.run(cancelled(bench, graph, "2", when=started("1")))) == "cancelled"


def test_an_expansion_is_cancelled_with_what_is_inside(bench: Bench) -> None:
    graph = {"c": call("Count", n=100_000)}
    events = asyncio.run(cancelled(bench, graph, "c", when=started("c.0.rest.0.rest")))
    assert ended(events) == "cancelled"


def test_what_was_finished_before_is_there_for_the_next_run(bench: Bench) -> None:
    graph = {"a": call("SlowAdd", a=1), "b": call("Sleep", seconds=60.0), "c": call("Text", value="x")}
    asyncio.run(cancelled(bench, graph, "a", "b", "c", when=started("b"), delay=0.02))
    assert bench.run(graph, "a", "c").ran == set()


def test_an_interrupt_from_the_keyboard_ends_the_run_in_order(bench: Bench) -> None:
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, NodeStarted) and event.node == "2":
            signal.raise_signal(signal.SIGINT)

    graph = {"1": call("Number"), "2": call("Sleep", seconds=60.0)}
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(bench.arun(graph, "1", "2", emit=listen))
    assert ended(events) == "cancelled"
