"""The engine on a thread and an event loop of its own.

Planning a large graph, or a pack's node that runs inline, takes the time it takes; the loop that serves
clients does not wait for it.  What happens in runs comes back as batches of events.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from engine.events import Event, NodePreview, NodeProgress

T = TypeVar("T")

#: How long what still runs when the loop ends may take to notice.
_LAST_SECONDS: Final = 1.0

#: Events that are delivered at once.
_BATCH: Final = 256

Deliver = Callable[[int, Event], None]


@dataclass(eq=False)
class Work(Generic[T]):
    """A coroutine on the engine's loop, as the server's loop sees it."""

    done: "asyncio.Future[T]"
    _loop: asyncio.AbstractEventLoop
    _task: "asyncio.Task[T] | None" = None
    _cancelled: bool = False

    def cancel(self) -> None:
        """Ask the coroutine to stop; `done` tells when it has."""

        def stop() -> None:
            self._cancelled = True
            if self._task is not None:
                self._task.cancel()

        self._loop.call_soon_threadsafe(stop)


class Runner:
    """See the module."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Work[T]:
        """Have a coroutine run on the engine's loop."""
        home = asyncio.get_running_loop()
        work: Work[T] = Work(home.create_future(), self._loop)

        def finish(task: "asyncio.Task[T]") -> None:
            home.call_soon_threadsafe(_pass_on, task, work.done)

        def begin() -> None:
            work._task = self._loop.create_task(coroutine)  # noqa: SLF001  # made for each other
            work._task.add_done_callback(finish)  # noqa: SLF001
            if work._cancelled:  # noqa: SLF001
                work._task.cancel()  # noqa: SLF001

        self._loop.call_soon_threadsafe(begin)
        return work

    async def call(self, function: Callable[[], T]) -> T:
        """Call a plain function on the engine's loop."""

        async def calling() -> T:
            return function()

        return await self.start(calling()).done

    def close(self) -> None:
        """End the loop; what runs on it should have ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=_LAST_SECONDS))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())


def _pass_on(task: "asyncio.Task[T]", done: "asyncio.Future[T]") -> None:
    if done.done():
        return
    if task.cancelled():
        done.cancel()
    elif (error := task.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(task.result())


@dataclass
class Mailbox:
    """Events on their way from the engine's loop to the server's: in order, in batches, bounded.

    Of progress and previews only the latest waits, in the place of the one before it.
    """

    deliver: Deliver
    loop: asyncio.AbstractEventLoop
    _events: list[tuple[int, Event]] = field(default_factory=list)
    _latest: dict[tuple[int, str, type[Event]], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, job: int, event: Event) -> None:
        with self._lock:
            if isinstance(event, NodeProgress | NodePreview):
                key = (job, event.node, type(event))
                if (index := self._latest.get(key)) is not None:
                    self._events[index] = (job, event)
                    return
                self._latest[key] = len(self._events)
            self._events.append((job, event))
            if len(self._events) > 1:
                return
        self.loop.call_soon_threadsafe(self._deliver, _BATCH)

    async def emptied(self) -> None:
        """Deliver all that waits, and let the loop look after others between."""
        while self._events:
            self._deliver(_BATCH)
            await asyncio.sleep(0)

    def _deliver(self, most: int) -> None:
        """Deliver some, and the others when the loop has looked after its other tasks."""
        with self._lock:
            events, self._events = self._events[:most], self._events[most:]
            self._latest.clear()
            if self._events:
                self.loop.call_soon(self._deliver, most)
        for job, event in events:
            self.deliver(job, event)
