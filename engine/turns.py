"""Who goes next on a device: whoever has had little of it, then the oldest, and nobody waits for ever.

A job is *served* the seconds that its calls take.  Up to a quantum all are equal and the oldest goes
first, so jobs of the usual length come one after the other.  A job that has had more gives way to those
that had less, in levels that double, so that two long ones change places seldom.  Waiting is credit.
"""

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

#: Seconds that a job may have of the device before newcomers go first.
QUANTUM: Final = 2.0


@dataclass(eq=False, slots=True)
class Account:
    """What a job has had of the devices, written by their lanes; `over` when the job is."""

    since: float = field(default_factory=perf_counter)
    served: float = 0.0
    last: float = 0.0
    over: bool = False

    def charge(self, seconds: float, now: float) -> None:
        self.served += seconds
        self.last = now

    def waited(self, now: float) -> float:
        return now - max(self.last, self.since)

    def rank(self, now: float) -> tuple[int, float]:
        """Lowest goes first."""
        credit = self.served - self.waited(now)
        level = 0 if credit <= QUANTUM else 1 + math.floor(math.log2(credit / QUANTUM))
        return level, self.since
