"""Who goes next on a device: whoever has had little of it lately, then the oldest; nobody waits for ever.

A job has *had* the seconds that its calls took, and they are forgotten by half in every `HALF_LIFE`.  Up to
a quantum all are equal and the oldest goes first, so jobs of the usual length come one after the other.
Who has had more gives way to those who had less, in levels that double.  So a newcomer does not wait
for a long job, and a long job that newcomers keep waiting is soon one of those who had little.
"""

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

#: Seconds that a job may have of the device before newcomers go first.
QUANTUM: Final = 2.0

#: Seconds in which half of what a job has had is forgotten.
HALF_LIFE: Final = 8.0


@dataclass(eq=False, slots=True)
class Account:
    """What a job has had of the devices, written by their lanes; `over` when the job is."""

    since: float = field(default_factory=perf_counter)
    had: float = 0.0
    at: float = 0.0
    over: bool = False

    def lately(self, now: float) -> float:
        return self.had * 0.5 ** (max(0.0, now - self.at) / HALF_LIFE) if self.had else 0.0

    def charge(self, seconds: float, now: float) -> None:
        self.had, self.at = self.lately(now) + seconds, now

    def rank(self, now: float) -> tuple[int, float]:
        """Lowest goes first."""
        had = self.lately(now)
        level = 0 if had <= QUANTUM else 1 + math.floor(math.log2(had / QUANTUM))
        return level, self.since
