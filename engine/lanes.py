"""Where code that takes time runs: a device lane per GPU, and pools for CPU work and for waiting.

A node that computes on the device hands its lane a *generator*.  The generator yields a list of `Ask`s
(a key, a call, a row) and is sent the answers.  The lane owns the loop: on its own thread it picks whose
turn it is, makes one call for each key of theirs, and sends the answers back.  With `merge` the asks of
other generators that have an equal key share that call, as far as it pays (`engine.batches`); nobody
waits for others to come.  Without it generators take turns, and results never depend on who else is there.

A shared call that fails is made again for each of those who shared it, so that a failure stays with whom
it belongs to.  When the device is full, room is made; then the call is cut in two, and again.

Nothing here knows what is asked: equal key means one call.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, TypeVar

from engine.batches import Batches
from engine.drives import Ask, Drive, Steps, Story, alone, carried, just, size, to_the_end
from engine.turns import Account

__all__ = ["Ask", "DeviceLane", "Lanes", "Steps"]

T = TypeVar("T")

Stopwatch = Callable[[], Callable[[], float | None]]
"""Starts measuring; what it gives ends that when it is first called, and tells the seconds once known."""

Member = tuple[Drive, int]
"""A generator, and which of its asks."""

#: Why asks go apart, as timelines have it.
FULL: Final = "no larger call has paid so far"


def wall_clock() -> Callable[[], float]:
    start = perf_counter()
    return lambda: perf_counter() - start


@dataclass(frozen=True, slots=True)
class Room:
    """What a lane does about a device that is full."""

    is_full: Callable[[BaseException], bool] = lambda error: isinstance(error, MemoryError)
    make: Callable[[], bool] = lambda: False  # lets go of what nobody uses; whether there was any


class DeviceLane:
    """One device's thread, and the generators that it advances."""

    def __init__(
        self,
        name: str = "device",
        *,
        merge: bool = False,
        scope: Callable[[], AbstractContextManager[Any]] = nullcontext,
        stopwatch: Stopwatch = wall_clock,
        room: Room | None = None,
        most: int = Batches.most,
    ) -> None:
        """`scope` is entered by the lane's thread before anything runs there; no call has `most` rows."""
        self.name = name
        self.merge = merge
        self.room = room or Room()
        self.calls = 0
        self._scope = scope
        self._stopwatch = stopwatch
        self._batches = Batches(most)
        self._measuring: list[tuple[Hashable, list[Member], Callable[[], float | None]]] = []
        self._arrivals: list[Drive] = []
        self._drives: list[Drive] = []  # the lane's thread alone looks at these
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def drive(self, steps: Steps[T], account: Account | None = None, story: Story | None = None) -> T:
        """Advance a generator to its end and give what it returns; `story` is told what became of its asks.

        Cancelling closes the generator, and waits until the lane has let go of it.
        """
        loop = asyncio.get_running_loop()
        drive = Drive(steps, loop, loop.create_future(), account or Account(), story or Story())
        with self._wake:
            if self._closed:
                raise RuntimeError(f"lane {self.name} is closed")
            self._arrivals.append(drive)
            self._start()
            self._wake.notify()
        value: T = await to_the_end(drive.end, on_cancel=lambda: setattr(drive, "cancelled", True))
        return value

    async def call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the lane's thread."""
        return await self.drive(just(function))

    @property
    def busy(self) -> int:
        """How many generators are under way."""
        return len(self._drives) + len(self._arrivals)

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
                while self._take_in():
                    self._tick()
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

    def _take_in(self) -> bool:
        """Start what has arrived, after waiting for it if there is nothing else; False when all is over."""
        with self._wake:
            while not (self._arrivals or self._drives or self._closed):
                self._wake.wait()
            arrived, self._arrivals = self._arrivals, []
            self._drives += arrived  # first of all: should anything go wrong, they are told
        ended = {drive for drive in arrived if drive.dropped() or not drive.begin()}
        self._drives = [drive for drive in self._drives if drive not in ended]
        return bool(arrived or self._drives)

    # Whose turn it is, and who shares their calls.

    def _tick(self) -> None:
        """Answer the asks whose turn it is, and advance the generators that have all their answers."""
        self._drives = [drive for drive in self._drives if not drive.dropped()]
        if not self._drives:
            return
        self._look_at_watches()
        lead, *others = self._order()
        if self.merge:
            for key, members in self._shared(lead, others).items():
                self._answer(key, members)
        else:
            for key, members in _by_key([lead]).items():
                self._answer(key, members)
        ended = {drive for drive in (lead, *others) if drive.asks_answered() and not drive.go_on()}
        self._drives = [drive for drive in self._drives if drive not in ended]

    def _order(self) -> list[Drive]:
        """The generators, whose turn it is first.

        Where calls are shared, first questions go before all others: most generators have only one (a
        text, a picture), and who has its answer can soon share the calls of the rest.
        """
        now = perf_counter()

        def rank(drive: Drive) -> tuple[bool, int, float]:
            return self.merge and bool(drive.story.calls), *drive.account.rank(now)

        return sorted(self._drives, key=rank)

    def _shared(self, lead: Drive, others: Sequence[Drive]) -> dict[Hashable, list[Member]]:
        """For each key of the first: its asks, and those of others that may share the call, in order."""
        groups = _by_key([lead])
        theirs = _by_key(others)
        for key, members in groups.items():
            if reason := alone(_ask(members[0])):
                if others:
                    lead.story.apart[reason] = None
                continue
            rows = _rows(members)
            limit = self._batches.limit(key, rows)
            for drive, asks in _by_drive(theirs.get(key, ())).items():
                if any(alone(drive.asks[index]) for index in asks):
                    continue
                more = sum(size(drive.asks[index]) for index in asks)
                if rows + more > limit:
                    drive.story.apart[FULL] = None
                    break
                rows += more
                members += [(drive, index) for index in asks]
            if key not in theirs and others and (strange := _difference(key, others[0])):
                lead.story.apart[strange] = None
        return groups

    # Calls, and what becomes of those that fail.

    def _answer(self, key: Hashable, members: list[Member], *, again: bool = False) -> None:
        """Make one call for all members; when it fails, room is made, or it is made in parts."""
        drives = list(_by_drive(members))
        failure = self._call(key, members, drives, again=again)
        if failure is None:
            return
        full = self.room.is_full(failure)
        if full:
            failure = failure.with_traceback(None)  # its frames hold what did not fit
            if self.room.make():
                failure = self._call(key, members, drives, again=True)
                if failure is None:
                    return
        if len(drives) == 1:
            drives[0].failure = failure
            return
        if full:
            self._batches.too_large(key, _rows(members))
            failure = None
            middle = len(drives) // 2
            parts = [drives[:middle], drives[middle:]]
        else:
            parts = [[drive] for drive in drives]
        for part in parts:
            self._answer(key, [member for member in members if member[0] in part], again=True)

    def _call(
        self, key: Hashable, members: list[Member], drives: list[Drive], *, again: bool
    ) -> BaseException | None:
        """Make one call and hand out the answers; gives what went wrong."""
        self.calls += 1
        read = self._stopwatch()
        try:
            results = _ask(members[0]).call([_ask(member).row for member in members])
            for (drive, index), result in zip(members, results, strict=True):
                drive.answers[index] = result
        except (Exception, SystemExit) as error:  # noqa: BLE001  # it belongs to those who asked
            return error
        finally:
            for drive in drives:
                drive.story.calls += 1
                drive.story.retried += again
        for drive in drives if len(drives) > 1 else ():
            drive.story.shared += 1
            drive.story.most = max(drive.story.most, len(drives))
        self._note(key, members, read)
        return None

    def _note(self, key: Hashable, members: list[Member], read: Callable[[], float | None]) -> bool:
        """Remember how long a call took, and whom it served; later, when that is not known yet."""
        seconds = read()
        if seconds is None:
            self._measuring.append((key, members, read))
            return False
        now, rows = perf_counter(), _rows(members)
        for member in members:
            member[0].account.charge(seconds * size(_ask(member)) / rows, now)
        if self.merge and not alone(_ask(members[0])):
            self._batches.note(key, rows, seconds)
        return True

    def _look_at_watches(self) -> None:
        waiting, self._measuring = self._measuring, []
        for each in waiting:
            self._note(*each)


def _ask(member: Member) -> Ask:
    drive, index = member
    return drive.asks[index]


def _rows(members: Sequence[Member]) -> int:
    return sum(size(_ask(member)) for member in members)


def _by_key(drives: Sequence[Drive]) -> dict[Hashable, list[Member]]:
    """The asks that wait for an answer."""
    groups: dict[Hashable, list[Member]] = {}
    for drive in drives:
        for index in drive.open:
            groups.setdefault(drive.asks[index].key, []).append((drive, index))
    return groups


def _by_drive(members: Sequence[Member]) -> dict[Drive, list[int]]:
    drives: dict[Drive, list[int]] = {}
    for drive, index in members:
        drives.setdefault(drive, []).append(index)
    return drives


def _difference(key: Hashable, other: Drive) -> str:
    """How a key differs from what another generator asks, if both say what they are made of."""
    names = getattr(key, "_fields", ())
    for ask in other.asks:
        if type(ask.key) is type(key) and names:
            parts = zip(names, key, ask.key, strict=True)  # type: ignore[call-overload]  # named tuples
            return "other " + " and ".join(name for name, mine, theirs in parts if mine != theirs)
    return ""


def _shielded(function: Callable[[], T]) -> T:
    try:
        return function()
    except (StopIteration, SystemExit) as error:
        raise carried(error) from error


POOLS: Final = {"cpu": max(2, os.cpu_count() or 1), "io": 16}


@dataclass
class Lanes:
    """The pools of an engine, and the lane of its first device."""

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
        return await to_the_end(asyncio.wrap_future(work), on_cancel=work.cancel)

    def close(self) -> None:
        self.device.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
