"""Where code that takes time runs: a device lane per GPU, and pools for CPU work and for waiting.

A node that computes on the device hands its lane a *generator*.  The generator yields a list of `Ask`s
(a key, a call, a row) and is sent the answers.  The lane owns the loop: on its own thread it gathers
the asks of this tick, makes one call per key, and sends every answer back.  With `merge` the tick takes
the asks of all generators, so equal keys of different jobs share one call; without it the oldest
generator goes on alone, and results never depend on who else is running.

Nothing here knows what is asked: equal key means one call.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")


class Ask(Protocol):
    """One question: `call([row, ...])` answers all rows of equal `key` in one go."""

    @property
    def key(self) -> Hashable: ...
    @property
    def call(self) -> Callable[[Sequence[Any]], Sequence[Any]]: ...
    @property
    def row(self) -> Any: ...


Steps = Generator[Sequence[Ask], Sequence[Any], T]


@dataclass(frozen=True, slots=True)
class _Single:
    """The ask of a plain call: a key of its own."""

    call: Callable[[Sequence[Any]], Sequence[Any]]
    row: Any = None
    key: Hashable = field(default_factory=object)


def _just(function: Callable[[], T]) -> Steps[T]:
    answer = yield [_Single(lambda _rows: [function()])]
    value: T = answer[0]
    return value


@dataclass(eq=False, slots=True)
class _Drive:
    """A generator on its way, and who waits for its end."""

    steps: Steps[Any]
    loop: asyncio.AbstractEventLoop
    end: asyncio.Future[Any]
    order: int
    asks: Sequence[Ask] = ()
    cancelled: bool = False

    def settle(self, result: Any = None, error: BaseException | None = None) -> None:
        def tell() -> None:
            if self.end.done():
                return
            if error is not None:
                self.end.set_exception(error)
            else:
                self.end.set_result(result)

        with suppress(RuntimeError):  # the waiting loop is closed: nobody is left to tell
            self.loop.call_soon_threadsafe(tell)


class DeviceLane:
    """One device's thread, and the generators that it advances."""

    def __init__(
        self,
        name: str = "device",
        *,
        merge: bool = False,
        scope: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """`scope` is entered by the lane's thread before anything runs there."""
        self.name = name
        self.merge = merge
        self.calls = 0
        self._scope = scope
        self._arrivals: deque[_Drive] = deque()
        self._wake = threading.Condition()
        self._orders = count()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def drive(self, steps: Steps[T]) -> T:
        """Advance a generator to its end and give what it returns.

        Cancelling closes the generator, and waits until the lane has let go of it.
        """
        loop = asyncio.get_running_loop()
        drive = _Drive(steps, loop, loop.create_future(), next(self._orders))
        with self._wake:
            if self._closed:
                raise RuntimeError(f"lane {self.name} is closed")
            self._arrivals.append(drive)
            self._start()
            self._wake.notify()
        value: T = await _to_the_end(drive.end, on_cancel=lambda: setattr(drive, "cancelled", True))
        return value

    async def call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the lane's thread."""
        return await self.drive(_just(function))

    def close(self) -> None:
        """Let the thread end when what it has is done."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"lane-{self.name}", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            scope = self._scope()
            scope.__enter__()
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            self._refuse(error)
            return
        with suppress(Exception):
            self._tick_until_closed()
        scope.__exit__(None, None, None)

    def _refuse(self, error: Exception) -> None:
        with self._wake:
            self._closed = True
            for drive in self._arrivals:
                drive.settle(error=error)
            self._arrivals.clear()

    def _tick_until_closed(self) -> None:
        drives: list[_Drive] = []
        while True:
            with self._wake:
                while not self._arrivals and not drives and not self._closed:
                    self._wake.wait()
                arrived = list(self._arrivals)
                self._arrivals.clear()
                if self._closed and not arrived and not drives:
                    return
            drives += [drive for drive in arrived if _advance(drive, None)]
            drives = self._tick(drives)

    def _tick(self, drives: list[_Drive]) -> list[_Drive]:
        """Answer the asks whose turn it is; give the generators that are not at their end."""
        going = [drive for drive in drives if not _dropped(drive)]
        turn = going if self.merge else going[:1]
        groups: dict[Hashable, list[tuple[_Drive, int, Ask]]] = {}
        for drive in turn:
            for index, ask in enumerate(drive.asks):
                groups.setdefault(ask.key, []).append((drive, index, ask))
        answers: dict[_Drive, list[Any]] = {drive: [None] * len(drive.asks) for drive in turn}
        failures: dict[_Drive, Exception] = {}
        for members in groups.values():
            self.calls += 1
            try:
                results = members[0][2].call([ask.row for _, _, ask in members])
            except Exception as error:  # noqa: BLE001  # it belongs to those who asked
                failures |= dict.fromkeys((drive for drive, _, _ in members), error)
                continue
            for (drive, index, _), result in zip(members, results, strict=True):
                answers[drive][index] = result
        ended = {drive for drive in turn if not _advance(drive, answers[drive], failures.get(drive))}
        return [drive for drive in going if drive not in ended]


def _dropped(drive: _Drive) -> bool:
    """Close a generator that nobody waits for any more."""
    if not drive.cancelled:
        return False
    try:
        drive.steps.close()
    except Exception as error:  # noqa: BLE001  # the waiter decides
        drive.settle(error=error)
    else:
        drive.settle()
    return True


def _advance(drive: _Drive, answers: list[Any] | None, failure: Exception | None = None) -> bool:
    """Send the answers; True when there are new asks, False when the generator came to its end."""
    try:
        if failure is not None:
            drive.asks = drive.steps.throw(failure)
        else:
            drive.asks = drive.steps.send(answers)  # type: ignore[arg-type]  # a new generator takes None
    except StopIteration as end:
        drive.settle(end.value)
        return False
    except Exception as error:  # noqa: BLE001  # it ends this generator and no other
        drive.settle(error=error)
        return False
    return True


async def _to_the_end(end: asyncio.Future[T], on_cancel: Callable[[], None]) -> T:
    """Await work that a thread does; when cancelled, say so and wait until the thread has noticed."""
    try:
        return await asyncio.shield(end)
    except asyncio.CancelledError:
        on_cancel()
        while not end.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({end})
        if not end.cancelled():
            end.exception()  # looked at, so that asyncio does not warn: the canceller does not want it
        raise


POOLS: Final = {"cpu": max(2, os.cpu_count() or 1), "io": 16}


@dataclass
class Lanes:
    """All the places of an engine."""

    device: DeviceLane = field(default_factory=DeviceLane)
    _pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)

    async def run(self, lane: str, function: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        """Run a plain function where it says it belongs."""
        if lane == "gpu":
            return await self.device.call(function)
        pool = self._pools.get(lane)
        if pool is None:
            pool = self._pools[lane] = ThreadPoolExecutor(POOLS[lane], thread_name_prefix=lane)
        end = asyncio.get_running_loop().run_in_executor(pool, function)
        return await _to_the_end(end, on_cancel)

    def close(self) -> None:
        self.device.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
