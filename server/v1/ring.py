"""The latest events of one stream, within a budget of bytes."""

from dataclasses import dataclass, field
from typing import NamedTuple

from server.v1.headway import Headway
from server.v1.reader import Told


class Past(NamedTuple):
    """What a reader has missed: whether all of it is here, whether more will come, and from where on."""

    events: list[Told]
    whole: bool
    over: bool
    number: int


@dataclass
class Ring:
    """Everything after `floor`."""

    floor: int
    budget: int
    events: dict[int, Told] = field(default_factory=dict)
    nbytes: int = 0
    over: bool = False
    latest: dict[str, tuple[int, float]] = field(default_factory=dict)  # node -> number, time of its progress
    headway: Headway = field(default_factory=Headway)

    @property
    def last(self) -> int:
        return next(reversed(self.events), self.floor)

    def add(self, told: Told) -> None:
        self.events[told.number] = told
        self.nbytes += told.size
        while self.nbytes > self.budget and self.events:
            self.floor = next(iter(self.events))
            self.drop(self.floor)

    def drop(self, number: int) -> None:
        if (told := self.events.pop(number, None)) is not None:
            self.nbytes -= told.size

    def begin(self) -> None:
        """A new attempt: how far the last one was says nothing."""
        self.latest.clear()
        self.headway = Headway()

    def past(self, after: int) -> Past:
        """What came after a number."""
        events = [told for told in self.events.values() if told.number > after]
        return Past(events, after >= self.floor, self.over, self.last)
