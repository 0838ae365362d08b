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
from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
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
    asks: Sequence[Ask] = ()
    cancelled: bool = False

    def settle(self, result: Any = None, error: BaseException | None = None) -> None:
        def tell() -> None:
            if self.end.done():
                return
            if error is not None:
                self.end.set_exception(_carried(error))
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
        self._arrivals: list[_Drive] = []
        self._drives: list[_Drive] = []  # the lane's thread alone looks at these, oldest first
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def drive(self, steps: Steps[T]) -> T:
        """Advance a generator to its end and give what it returns.

        Cancelling closes the generator, and waits until the lane has let go of it.
        """
        loop = asyncio.get_running_loop()
        drive = _Drive(steps, loop, loop.create_future())
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
            with self._scope():
                self._tick_until_closed()
        except BaseException as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        """The thread cannot go on: tell all who wait.  Who comes next starts another one."""
        with self._wake:
            for drive in self._drives + self._arrivals:
                drive.settle(error=error)
            self._drives = []
            self._arrivals = []
            self._thread = None

    def _tick_until_closed(self) -> None:
        while self._take_in():
            self._tick()

    def _take_in(self) -> bool:
        """Start what has arrived, after waiting for it if there is nothing else; False when all is over."""
        with self._wake:
            while not (self._arrivals or self._drives or self._closed):
                self._wake.wait()
            arrived, self._arrivals = self._arrivals, []
            self._drives += arrived  # first of all: should anything go wrong, they are told
        ended = {drive for drive in arrived if _dropped(drive) or not _advance(drive, None)}
        self._drives = [drive for drive in self._drives if drive not in ended]
        return bool(arrived or self._drives)

    def _tick(self) -> None:
        """Answer the asks whose turn it is, and advance the generators that asked."""
        self._drives = [drive for drive in self._drives if not _dropped(drive)]
        turn = self._drives if self.merge else self._drives[:1]
        groups: dict[Hashable, list[tuple[_Drive, int, Ask]]] = {}
        for drive in turn:
            for index, ask in enumerate(drive.asks):
                groups.setdefault(ask.key, []).append((drive, index, ask))
        answers: dict[_Drive, list[Any]] = {drive: [None] * len(drive.asks) for drive in turn}
        failures: dict[_Drive, BaseException] = {}
        for members in groups.values():
            self.calls += 1
            try:
                results = members[0][2].call([ask.row for _, _, ask in members])
                for (drive, index, _), result in zip(members, results, strict=True):
                    answers[drive][index] = result
            except (Exception, SystemExit) as error:  # noqa: BLE001  # it belongs to those who asked
                failures |= dict.fromkeys((drive for drive, _, _ in members), error)
        ended = {drive for drive in turn if not _advance(drive, answers[drive], failures.get(drive))}
        self._drives = [drive for drive in self._drives if drive not in ended]


def _dropped(drive: _Drive) -> bool:
    """Close a generator that nobody waits for any more."""
    if not drive.cancelled:
        return False
    try:
        drive.steps.close()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the waiter decides
        drive.settle(error=error)
    else:
        drive.settle()
    return True


def _advance(drive: _Drive, answers: list[Any] | None, failure: BaseException | None = None) -> bool:
    """Send the answers; True when there are new asks, False when the generator came to its end."""
    try:
        send = drive.steps.send
        asks = send(answers) if failure is None else drive.steps.throw(failure)  # type: ignore[arg-type]  # a new generator takes None
        drive.asks = list(asks)
    except StopIteration as end:
        drive.settle(end.value)
        return False
    except (Exception, SystemExit) as error:  # noqa: BLE001  # it ends this generator and no other
        drive.settle(error=error)
        return False
    return True


async def _to_the_end(end: asyncio.Future[T], on_cancel: Callable[[], object]) -> T:
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


def _carried(error: BaseException) -> Exception:
    """An error in a form that a future can carry: an exit would end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    carried = RuntimeError(f"a function raised {error!r}")
    carried.__cause__ = error
    return carried


def _shielded(function: Callable[[], T]) -> T:
    try:
        return function()
    except (StopIteration, SystemExit) as error:
        raise _carried(error) from error


POOLS: Final = {"cpu": max(2, os.cpu_count() or 1), "io": 16}


@dataclass
class Lanes:
    """All the places of an engine."""

    device: DeviceLane = field(default_factory=DeviceLane)
    _pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)

    async def run(self, lane: str, function: Callable[[], T]) -> T:
        """Run a plain function where it says it belongs.

        Cancelling keeps it from starting, or waits for its end: it must look by itself whether to stop.
        """
        if lane == "gpu":
            return await self.device.call(function)
        pool = self._pools.get(lane)
        if pool is None:
            pool = self._pools[lane] = ThreadPoolExecutor(POOLS[lane], thread_name_prefix=lane)
        work = pool.submit(_shielded, function)
        return await _to_the_end(asyncio.wrap_future(work), on_cancel=work.cancel)

    def close(self) -> None:
        self.device.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
