"""Computations under way, engine-wide: one for each key, however many runs ask for it.

A flight belongs to the engine and not to the run that came first.  It counts its askers, reports to all
of them under their own names, and is cancelled when the last one leaves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from engine.events import Event
from engine.signature import Key

T = TypeVar("T")


@dataclass(frozen=True)
class Asker:
    """Who wants a result: the node as its run calls it, and where its events go."""

    node: str
    emit: Callable[[Event], None]


@dataclass(eq=False)
class Flight(Generic[T]):
    """One computation, and those who wait for it."""

    askers: list[Asker] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[T] | None = None

    def emit(self, event: Event) -> None:
        """Tell every asker, each under its own node's name."""
        for asker in self.askers:
            asker.emit(replace(event, node=asker.node) if hasattr(event, "node") else event)  # type: ignore[call-arg]  # the events of a call have a node


@dataclass
class Flights:
    """Key -> the flight for it."""

    _under_way: dict[Key, Flight[Any]] = field(default_factory=dict)

    async def join(
        self, key: Key, asker: Asker, compute: Callable[[Flight[T]], Awaitable[T]]
    ) -> tuple[T, bool]:
        """The result of the computation for `key`, and whether somebody else had started it."""
        flight: Flight[T] | None = self._under_way.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._under_way[key] = Flight()
            flight.task = asyncio.create_task(self._fly(key, flight, compute))
        flight.askers.append(asker)
        assert flight.task is not None  # made with the flight
        try:
            return await asyncio.shield(flight.task), joined
        except asyncio.CancelledError:
            if len(flight.askers) == 1 and not flight.task.done():
                await self._ground(key, flight)
            raise
        finally:
            flight.askers.remove(asker)

    async def _fly(self, key: Key, flight: Flight[T], compute: Callable[[Flight[T]], Awaitable[T]]) -> T:
        try:
            return await compute(flight)
        finally:
            if self._under_way.get(key) is flight:
                del self._under_way[key]

    async def _ground(self, key: Key, flight: Flight[T]) -> None:
        """Nobody waits any more: cancel, and see it end, as nothing outlives its parent."""
        if self._under_way.get(key) is flight:
            del self._under_way[key]  # who asks from now on starts anew
        flight.cancelled.set()
        assert flight.task is not None  # made with the flight
        flight.task.cancel()
        await asyncio.wait({flight.task})

    def __len__(self) -> int:
        return len(self._under_way)
