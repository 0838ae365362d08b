"""The devices of an engine: each with its lane and what is loaded there; jobs go where their model is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.lanes import DeviceLane
from engine.residency import Holding, Loadable, Residency
from engine.turns import Account

T = TypeVar("T")

Place = Callable[[str], Loadable[T]]
"""From the name of a device to the recipe of something there."""


@dataclass(eq=False)
class Device:
    """One device."""

    lane: DeviceLane = field(default_factory=DeviceLane)
    residency: Residency = field(default_factory=Residency)

    @property
    def name(self) -> str:
        return self.lane.name

    @property
    def load(self) -> int:
        """How many want something of it."""
        return self.lane.busy + self.residency.users


@dataclass(eq=False)
class Devices:
    """All of them; the first is the one to take when nothing speaks for another."""

    first: Device = field(default_factory=Device)
    others: tuple[Device, ...] = ()

    def __iter__(self) -> Iterator[Device]:
        return iter((self.first, *self.others))

    def choose(self, place: Place[Any]) -> Device:
        """Where a model is, or else where there is least to do.

        An idle device with room for it is taken rather than one where several want something already.
        """
        if not self.others:
            return self.first
        least = min(self, key=lambda each: (each.load, not each.residency.fits(place(each.name))))
        there = [device for device in self if device.residency.has(place(device.name).identity)]
        if not there:
            return least
        nearest = min(there, key=lambda device: device.load)
        helps = nearest.load >= 2 and not least.load and least.residency.fits(place(least.name))
        return least if helps else nearest

    @property
    def nbytes(self) -> int:
        """What all loaded models take."""
        return sum(device.residency.nbytes for device in self)

    def free(self) -> None:
        """Let go of every model that is not in use."""
        for device in self:
            device.residency.free()
            if device.residency.behind is not None:
                device.residency.behind.free()

    def unload(self, label: str) -> int:
        """Let go of a model by the name that `report` gives it, if nobody uses it; how often it was there."""
        found = [(memory, each.identity) for memory in self._memories() for each in memory.report()
                 if each.label == label]  # fmt: skip
        return sum(memory.unload(identity) for memory, identity in found)

    def report(self) -> dict[str, list[Holding]]:
        """What is loaded, for each device and for the host's memory behind them, and why."""
        found = {device.name: device.residency.report() for device in self}
        host = [each.residency.behind for each in self if each.residency.behind is not None]
        return found | ({"host": host[0].report()} if host else {})

    def ended(self, account: Account) -> None:
        """A job has ended."""
        for device in self:
            device.residency.ended(account)

    def close(self) -> None:
        for device in self:
            device.lane.close()

    def _memories(self) -> list[Residency]:
        found = [device.residency for device in self]
        return found + list(dict.fromkeys(each.behind for each in found if each.behind is not None))
