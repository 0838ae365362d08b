"""Side by side: variants take turns, round after round, and the medians of their CPU seconds are compared.

A machine that is shared runs faster and slower by the minute; what is measured in turns meets the same
minutes.  Process time counts the CPU of all threads and none of the waiting.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import process_time


@dataclass(frozen=True)
class Measured:
    """The seconds of each round."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleaved(
    variants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 9,
    warm_up: int = 1,
    clock: Callable[[], float] = process_time,
) -> dict[str, Measured]:
    """Call each variant in turn, `rounds` times; the first `warm_up` rounds do not count.

    The order is drawn anew for each round: who comes second finds the processor's caches as the first
    left them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    order, chance = list(variants), Random(0)  # noqa: S311  # an order is no secret
    for index in range(rounds + warm_up):
        chance.shuffle(order)
        for name in order:
            start = clock()
            variants[name]()
            if index >= warm_up:
                seconds[name].append(clock() - start)
    return {name: Measured(each) for name, each in seconds.items()}


def ratio(measured: Mapping[str, Measured], one: str, other: str) -> float:
    """The median of the rounds' ratios: `one` over `other`, each pair measured within the same moment."""
    pairs = zip(measured[one].seconds, measured[other].seconds, strict=True)
    return statistics.median(a / b for a, b in pairs)
