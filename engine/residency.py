"""Which loaded models are kept, and for how long.

A value that travels along a link is only a recipe (`Loadable`); what is loaded for it is kept here,
once per identity, pinned while somebody uses it and let go least recently used first when the budget is
passed.  The engine does not know what a model is: only its identity, how to load it, and its bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Loadable(Protocol[T_co]):
    """A recipe for something large."""

    @property
    def identity(self) -> Hashable:
        """Equal for equal results of `load`."""

    def load(self) -> T_co:
        """Make it.  Runs on a thread; its result tells its bytes as `nbytes`."""


@dataclass(eq=False)
class _Resident:
    loading: asyncio.Future[Any]
    pins: int = 0
    nbytes: int = 0


@dataclass
class Residency:
    """The models that are loaded, within `budget` bytes as long as pins allow."""

    budget: int = 16 << 30
    _kept: OrderedDict[Hashable, _Resident] = field(default_factory=OrderedDict)

    @asynccontextmanager
    async def pin(
        self, recipe: Loadable[T], run: Callable[[Callable[[], T]], Awaitable[T]]
    ) -> AsyncIterator[T]:
        """Hold what `recipe` loads to; `run` says where loading happens.  One load serves all who ask."""
        resident = self._kept.get(recipe.identity)
        if resident is None:
            resident = self._kept[recipe.identity] = _Resident(asyncio.ensure_future(run(recipe.load)))
        resident.pins += 1
        try:
            try:
                value: T = await asyncio.shield(resident.loading)
            except BaseException:
                if resident.loading.done() or resident.pins == 1:
                    self._forget(recipe.identity, resident)
                    resident.loading.cancel()  # nobody waits any more: see it end
                    await asyncio.wait({resident.loading})
                raise
            if self._kept.get(recipe.identity) is resident:
                self._kept.move_to_end(recipe.identity)
            resident.nbytes = int(getattr(value, "nbytes", 0))
            self._fit()
            yield value
        finally:
            resident.pins -= 1
            self._fit()

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in self._kept.values())

    def free(self) -> None:
        """Let go of everything that is not in use."""
        for identity in [key for key, each in self._kept.items() if not each.pins]:
            del self._kept[identity]

    def _fit(self) -> None:
        excess = self.nbytes - self.budget
        for identity in list(self._kept):
            if excess <= 0:
                return
            resident = self._kept[identity]
            if resident.pins == 0:
                excess -= resident.nbytes
                del self._kept[identity]

    def _forget(self, identity: Hashable, resident: _Resident) -> None:
        if self._kept.get(identity) is resident:
            del self._kept[identity]
