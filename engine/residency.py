"""Which loaded models are kept in a memory, for how long, and who may load the next.

A value that travels along a link is only a recipe (`Loadable`); what is loaded for it is kept here,
once per identity, pinned while somebody uses it.  Within the budget everything stays.  When room is
needed, what was not used longest goes.  Who does not fit beside what is in use waits: the fewest bytes to
move in go first, then the oldest job, and waiting makes up for bytes.

What a running job has used and let go is likely to be used by it again: it stays for as long as loading
it took, unless the job has ended or waits itself.  So models do not chase each other out.

The engine does not know what a model is: only its identity, how to load it, and its bytes.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

from engine.turns import Account

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

Run = Callable[[Callable[[], T]], Awaitable[T]]

#: What moving bytes is reckoned to take, until it was seen: bytes a second.
RATE: Final = 1e9

#: Who has waited for room so many seconds goes before all others.
LONGEST: Final = 60.0


class Loadable(Protocol[T_co]):
    """A recipe for something large.

    It may also say how many bytes it will take (`expected`), what it is called (`label`), what it is made
    of (`source`, a recipe of the memory behind this one; `load` is then given what that loads to), and how
    it does with fewer bytes than all of it takes (`within(nbytes)`, a recipe).
    """

    @property
    def identity(self) -> Hashable:
        """Equal for equal results of `load`."""

    @property
    def load(self) -> Callable[..., T_co]:
        """Makes it.  Runs on a thread; its result tells its bytes as `nbytes`."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Something that is kept, for people: what, how large, and why."""

    identity: Hashable
    label: str
    nbytes: int
    pins: int
    why: str


@dataclass(eq=False)
class _Resident:
    label: str
    loading: asyncio.Future[Any]
    expected: int
    pins: int = 0
    seconds: float = 0.0
    released: float = 0.0
    users: set[Account] = field(default_factory=set)
    measured: int | None = None

    @property
    def nbytes(self) -> int:
        return self.expected if self.measured is None else self.measured

    def wanted_until(self, waiting: set[Account]) -> float:
        """Until when those who used it are likely to come back."""
        if all(user.over or user in waiting for user in self.users):
            return 0.0
        return self.released + self.seconds


@dataclass(eq=False)
class _Waiter:
    identity: Hashable
    nbytes: int
    seconds: float
    account: Account
    admitted: asyncio.Future[None]
    began: float = field(default_factory=perf_counter)

    def rank(self, now: float) -> tuple[float, float]:
        """The least to move, less what it waited; of equals the oldest job; at last whoever waits longest."""
        waited = now - self.began
        if waited > LONGEST:
            return -1.0, self.began
        return max(0.0, self.seconds - waited), self.account.since


@dataclass(eq=False)
class Residency:
    """The models that are loaded into one memory, within `budget` bytes as long as pins allow.

    `behind` is the memory that models come from, if there is one; `released` is called when something was
    let go, `is_full` tells that an error means a lack of memory.  `measure`, if given, tells the budget;
    it is called on a thread before the first load.
    """

    budget: int = 16 << 30
    behind: "Residency | None" = None
    released: Callable[[], None] = lambda: None
    is_full: Callable[[BaseException], bool] = lambda error: isinstance(error, MemoryError)
    measure: Callable[[], int] | None = None
    loads: int = 0
    _kept: OrderedDict[Hashable, _Resident] = field(default_factory=OrderedDict)
    _sizes: dict[Hashable, tuple[int, float]] = field(default_factory=dict)  # bytes, seconds of loading
    _waiting: list[_Waiter] = field(default_factory=list)
    _coming: dict[Hashable, int] = field(default_factory=dict)  # admitted, not yet begun: bytes
    _holding: dict[Hashable, int] = field(default_factory=dict)  # holder -> pins
    _users: list[Account | None] = field(default_factory=list)  # of each pin
    _lock: threading.RLock = field(default_factory=threading.RLock)  # a lane's thread makes room

    @asynccontextmanager
    async def pin(
        self,
        recipe: Loadable[T],
        run: Run[T],
        account: Account | None = None,
        holder: Hashable | None = None,
    ) -> AsyncIterator[T]:
        """Hold what `recipe` loads to; `run` says where loading happens.  One load serves all who ask.

        `account` is the job's, `holder` stands for the call that asks: it waits for room only while it
        holds nothing yet, so no two ever wait for each other.  Without an account nobody waits.
        """
        recipe = self._fitting(recipe)
        if account is not None and not self._holding.get(holder):
            await self._admission(recipe, account)
        resident = self._take(recipe, run)
        self._users.append(account)
        if account is not None:
            resident.users.add(account)
        if holder is not None:
            self._holding[holder] = self._holding.get(holder, 0) + 1
        try:
            try:
                value: T = await asyncio.shield(resident.loading)
            except BaseException:
                if resident.loading.done() or resident.pins == 1:
                    self._forget(recipe.identity, resident)
                    resident.loading.cancel()  # nobody waits any more: see it end
                    await asyncio.wait({resident.loading})
                raise
            with self._lock:
                if self._kept.get(recipe.identity) is resident:
                    self._kept.move_to_end(recipe.identity)
                if resident.measured is None:  # once: it takes a walk over all weights
                    resident.measured = int(getattr(value, "nbytes", 0))
                    self._sizes[recipe.identity] = resident.measured, resident.seconds
            self._fit()
            yield value
        finally:
            if holder is not None:
                self._holding[holder] -= 1
                if not self._holding[holder]:
                    del self._holding[holder]
            self._users.remove(account)
            resident.pins -= 1
            resident.released = perf_counter()
            self._fit()
            self._admit()

    @property
    def nbytes(self) -> int:
        with self._lock:
            return sum(each.nbytes for each in self._kept.values())

    @property
    def users(self) -> int:
        """How many pins there are, and how many wait for one."""
        with self._lock:
            return sum(each.pins for each in self._kept.values()) + len(self._waiting)

    def fits(self, recipe: Loadable[Any]) -> bool:
        """Whether there is room for it without letting go of anything."""
        return self.nbytes + self.expected(recipe) <= self.budget

    def has(self, identity: Hashable) -> bool:
        return identity in self._kept

    def expected(self, recipe: Loadable[Any]) -> int:
        """The bytes that a recipe will take: as seen before, or as it says."""
        known = self._sizes.get(recipe.identity)
        return known[0] if known is not None else int(getattr(recipe, "expected", 0))

    def free(self) -> bool:
        """Let go of everything that is not in use; whether there was anything.  From any thread."""
        return self._let_go(lambda _identity: True)

    def unload(self, identity: Hashable) -> bool:
        """Let go of one model, if nobody uses it; whether it was there."""
        return self._let_go(lambda each: each == identity)

    def ended(self, account: Account) -> None:
        """A job has ended: what it used is no longer kept for it."""
        account.over = True
        with self._lock:
            for each in self._kept.values():
                each.users.discard(account)
        self._admit()
        if self.behind is not None:
            self.behind.ended(account)

    def report(self) -> list[Holding]:
        """What is kept, the latest used first, and why."""
        now = perf_counter()
        with self._lock:
            return [
                Holding(identity, each.label, each.nbytes, each.pins, self._reason(each, now))
                for identity, each in reversed(self._kept.items())
            ]

    def _reason(self, each: _Resident, now: float) -> str:
        if not each.loading.done():
            return "is being loaded"
        if each.pins:
            return f"in use by {each.pins}"
        if each.wanted_until(self._waiters()) > now:
            return "a running job used it and may again"
        return f"used {now - each.released:.0f} s ago, and there is room"

    # Who may load next.

    async def _admission(self, recipe: Loadable[Any], account: Account) -> None:
        """Wait until there is room, and one's turn."""
        nbytes = 0 if self.has(recipe.identity) else self.expected(recipe)
        known = self._sizes.get(recipe.identity)
        seconds = 0.0 if not nbytes else max(known[1] if known else 0.0, nbytes / RATE)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(recipe.identity, nbytes, seconds, account, loop.create_future())
        self._waiting.append(waiter)
        self._admit()
        try:
            await waiter.admitted
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self._coming.pop(recipe.identity, None)
            self._admit()
            raise

    def _admit(self) -> None:
        """Let those go on for whom there is room, in their order."""
        while self._waiting:
            now = perf_counter()
            waiter = min(self._waiting, key=lambda each: each.rank(now))
            if waiter.admitted.done():  # it was cancelled
                self._waiting.remove(waiter)
                continue
            later = self._make_room_for(waiter, now)
            if later is not None:
                if later > now:
                    waiter.admitted.get_loop().call_later(later - now, self._admit)
                return
            self._waiting.remove(waiter)
            waiter.admitted.set_result(None)
            if not self.has(waiter.identity):  # its place is taken now, not when its task gets its turn
                self._coming[waiter.identity] = waiter.nbytes

    def _make_room_for(self, waiter: _Waiter, now: float) -> float | None:
        """None when there is room now; otherwise when to look again, 0 for when somebody lets go."""
        with self._lock:
            if self.has(waiter.identity) or waiter.identity in self._coming:
                return None
            coming = sum(self._coming.values())
            pinned = coming + sum(
                each.nbytes for each in self._kept.values() if each.pins or not each.loading.done()
            )
            if pinned and pinned + waiter.nbytes > self.budget:
                if any(user is not waiter.account for user in self._users):
                    return 0.0
                # Its own job has everything, and may hold it until it has this: it is let in over the budget.
                if (until := waiter.began + LONGEST) > now:
                    return until
            excess = self.nbytes + coming + waiter.nbytes - self.budget
            waiting = self._waiters()
            idle = [each for each in self._kept.items() if not each[1].pins and each[1].loading.done()]
            idle.sort(key=lambda each: each[1].wanted_until(waiting) > now)
            going: list[Hashable] = []
            for identity, each in idle:
                if excess <= 0:
                    break
                if (until := each.wanted_until(waiting)) > now:
                    return until
                going.append(identity)
                excess -= each.nbytes
            if going:
                self._let_go(going.__contains__)
            return None

    def _waiters(self) -> set[Account]:
        return {each.account for each in self._waiting}

    # Loading and letting go.

    def _take(self, recipe: Loadable[T], run: Run[T]) -> _Resident:
        with self._lock:
            self._coming.pop(recipe.identity, None)
            resident = self._kept.get(recipe.identity)
            if resident is None:
                expected = self.expected(recipe)
                label = str(getattr(recipe, "label", "") or recipe.identity)
                loading: asyncio.Future[T] = asyncio.ensure_future(self._load(recipe, run))
                resident = self._kept[recipe.identity] = _Resident(label, loading, expected)
            resident.pins += 1
            return resident

    async def _load(self, recipe: Loadable[T], run: Run[T]) -> Any:
        start = perf_counter()
        try:
            try:
                value = await self._made(recipe, run)
            except Exception as error:
                if not self.is_full(error):
                    raise
            else:
                return value
            self.free()  # outside of the handler, whose exception holds on to what did not fit
            try:
                return await self._made(recipe, run)
            except Exception as error:
                if not self.is_full(error):
                    raise
                used = sum(each.nbytes for each in self._kept.values() if each.measured is not None)
                label = getattr(recipe, "label", "") or recipe.identity
                raise MemoryError(
                    f"there is not enough memory for the model {label}"
                    + (f" beside what is in use ({used / 1e6:,.0f} MB)" if used else "")
                    + "; use a smaller one, or one of lower precision"
                ) from None
        finally:
            self.loads += 1
            resident = self._kept.get(recipe.identity)
            if resident is not None:
                resident.seconds = perf_counter() - start

    async def _made(self, recipe: Loadable[T], run: Run[Any]) -> Any:
        if self.measure is not None:
            self.budget, self.measure = await run(self.measure), None
        source = getattr(recipe, "source", None)
        if source is None or self.behind is None:
            return await run(recipe.load)
        async with self.behind.pin(source, run) as made_of:
            return await run(lambda: recipe.load(made_of))

    def _fitting(self, recipe: Loadable[T]) -> Loadable[T]:
        """A recipe as it can be kept here: what is larger than the whole budget does with less, if it can."""
        within = getattr(recipe, "within", None)
        if within is None or self.expected(recipe) <= self.budget:
            return recipe
        smaller: Loadable[T] = within(self.budget)
        return smaller

    def _fit(self) -> None:
        excess = self.nbytes - self.budget
        if excess <= 0:
            return
        going: list[Hashable] = []
        with self._lock:
            for identity, resident in self._kept.items():
                if excess > 0 and resident.pins == 0 and resident.loading.done():
                    excess -= resident.nbytes
                    going.append(identity)
            if going:
                self._let_go(going.__contains__)

    def _let_go(self, which: Callable[[Hashable], bool]) -> bool:
        with self._lock:
            going = [
                identity
                for identity, each in self._kept.items()
                if not each.pins and each.loading.done() and which(identity)
            ]
            for identity in going:
                del self._kept[identity]
        if going:
            self.released()
        return bool(going)

    def _forget(self, identity: Hashable, resident: _Resident) -> None:
        with self._lock:
            if self._kept.get(identity) is resident:
                del self._kept[identity]
