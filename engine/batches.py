"""How many rows of a call pay: a batch grows while the time per row still falls.

For each key a table remembers what calls of about 1, 2, 4, 8, … rows took.  A doubling that does not make
a row at least 5 % cheaper is not worth what it costs those who came first.  Each size is tried in turn,
from what one job has upwards; a refused one is tried again now and then, for a machine is not always
equally busy.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

#: What a doubling must save, as a share of the time per row.
GAIN: Final = 0.05

#: The first call of a size pays for what later ones find ready: it does not count.
_WARM_UP: Final = 1
_REMEMBERED: Final = 8
_TRY_AGAIN: Final = 200
_KEYS: Final = 256

#: Calls of fewer seconds are not worth the care: they take all there is.
_BRIEF: Final = 0.001

#: No call has more rows than this, whatever it would save.
MOST: Final = 64


@dataclass(eq=False, slots=True)
class _Size:
    """The seconds per row of the latest calls of about one size; the least counts, others were disturbed."""

    calls: int = 0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def seconds(self) -> float | None:
        return min(self.latest, default=None)


@dataclass(eq=False, slots=True)
class _Speeds:
    sizes: dict[int, _Size] = field(default_factory=dict)
    ceiling: int = MOST
    calls: int = 0
    shortest: float = math.inf


@dataclass
class Batches:
    """Key -> what its calls took.  The lane's thread alone looks at it."""

    most: int = MOST
    _speeds: OrderedDict[Hashable, _Speeds] = field(default_factory=OrderedDict)

    def limit(self, key: Hashable, least: int) -> int:
        """How many rows a call should have at most, when it has `least` anyway."""
        speeds = self._speeds.get(key)
        if speeds is None:
            return self.most
        if not speeds.calls or speeds.shortest < _BRIEF:
            return max(least, min(speeds.ceiling, self.most))
        step = _step(least)
        while (1 << step) < self.most:
            here, there = speeds.sizes.get(step), speeds.sizes.get(step + 1)
            if here is None or here.seconds is None:
                break  # it has to be tried first
            if there is not None and there.seconds is not None and there.seconds > (1 - GAIN) * here.seconds:
                break
            step += 1
        return max(least, min((1 << step), speeds.ceiling, self.most))

    def note(self, key: Hashable, rows: int, seconds: float) -> None:
        """A call of so many rows took so long."""
        speeds = self._speeds.setdefault(key, _Speeds())
        self._speeds.move_to_end(key)
        while len(self._speeds) > _KEYS:
            self._speeds.popitem(last=False)
        size = speeds.sizes.setdefault(_step(rows), _Size())
        size.calls += 1
        if size.calls > _WARM_UP:
            size.latest.append(seconds / rows)
        speeds.calls += 1
        speeds.shortest = min(speeds.shortest, seconds)
        if speeds.calls % _TRY_AGAIN == 0:
            largest = max(speeds.sizes)
            if largest > _step(rows):  # refused for long: perhaps for a moment's noise
                del speeds.sizes[largest]

    def too_large(self, key: Hashable, rows: int) -> None:
        """The device could not hold so many rows."""
        speeds = self._speeds.setdefault(key, _Speeds())
        speeds.ceiling = max(1, min(speeds.ceiling, rows // 2))


def _step(rows: int) -> int:
    """The power of two that is nearest in ratio."""
    return round(math.log2(max(1, rows)))
