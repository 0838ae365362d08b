"""Work on the engine's loop, and the events that come back."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.events import Event, NodeFinished, NodePreview, NodeProgress, NodeStarted
from server.runner import Mailbox, Runner


@asynccontextmanager
async def running() -> AsyncIterator[Runner]:
    runner = Runner()
    try:
        yield runner
    finally:
        await asyncio.to_thread(runner.close)


def test_work_runs_on_a_thread_of_its_own_and_comes_back() -> None:
    async def where() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def go() -> None:
        async with running() as runner:
            assert await runner.start(where()).done == "engine"
            assert await runner.call(lambda: threading.current_thread().name) == "engine"

    asyncio.run(go())


def test_what_work_raises_comes_back() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    async def go() -> None:
        async with running() as runner:
            with pytest.raises(ValueError, match="mine"):
                await runner.start(fail()).done

    asyncio.run(go())


def test_long_work_does_not_hold_up_who_waits_for_it() -> None:
    async def go() -> None:
        async with running() as runner:
            working = asyncio.ensure_future(runner.call(lambda: time.sleep(0.2)))
            turns = 0
            while not working.done():
                await asyncio.sleep(0.005)
                turns += 1
            assert turns > 10

    asyncio.run(go())


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_work_that_is_cancelled_has_ended_when_that_is_told(turns: int) -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(True)

    async def go() -> None:
        async with running() as runner:
            begun = runner.start(work())
            for _ in range(turns):
                await asyncio.sleep(0.002)
            begun.cancel()
            with pytest.raises(asyncio.CancelledError):
                await begun.done
            assert len(ended) == min(turns, 1) or not turns

    asyncio.run(go())


def test_work_that_is_left_when_the_loop_ends_is_cancelled() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(True)

    async def go() -> None:
        async with running() as runner:
            runner.start(work())
            await asyncio.sleep(0.02)

    asyncio.run(go())
    assert ended == [True]


def delivered(*events: Event) -> list[Event]:
    """What comes out when all of it is put before any is delivered."""
    found: list[Event] = []

    async def go() -> None:
        mailbox = Mailbox(lambda _, event: found.append(event), asyncio.get_running_loop())
        for event in events:
            mailbox.put(1, event)
        await asyncio.sleep(0)
        await mailbox.emptied()

    asyncio.run(go())
    return found


def test_events_come_in_order_and_once() -> None:
    events = [NodeStarted("a", "A"), NodeFinished("a", 0.0), NodeStarted("b", "B")]
    assert delivered(*events) == events


def test_of_progress_and_previews_only_the_latest_waits() -> None:
    started, progress, preview = NodeStarted("a", "A"), NodeProgress("a", 3, 3), NodePreview("a", "last")
    other = NodeProgress("b", 1, 3)
    found = delivered(
        started, NodeProgress("a", 1, 3), NodePreview("a", "first"), other,
        NodeProgress("a", 2, 3), preview, progress,
    )  # fmt: skip
    assert found == [started, progress, preview, other]


def test_a_flood_of_progress_takes_no_room() -> None:
    async def go() -> None:
        mailbox = Mailbox(lambda *_: None, asyncio.get_running_loop())
        for number in range(10_000):
            mailbox.put(number % 3, NodeProgress("a", number, 10_000))
        assert len(mailbox._events) == 3

    asyncio.run(go())
