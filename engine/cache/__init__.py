"""Results by key, in two tiers: memory, and a disk that survives restarts.

An entry holds what a call gave: per output slot the list of its values, what it showed to people, the
files it wrote, and how long it took.  An entry with files counts only while they exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.spec import Blocked, NodeSpec

Slots = tuple[Sequence[Any], ...]

#: What an entry takes beside its values: the record, its key, their places in tables.
ENTRY_BYTES: Final = 768


@dataclass(frozen=True, slots=True)
class Entry:
    """What a call gave."""

    slots: Slots
    shown: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    seconds: float = 0.0
    nbytes: int = 0
    exact: bool = True
    """Whether it is what the call gives when nobody else is there: nothing in it comes of a shared call."""

    @property
    def valid(self) -> bool:
        return not self.files or all(Path(file).is_file() for file in self.files)


def measure(spec: NodeSpec, slots: Slots) -> int:
    """The bytes that an entry's values hold."""
    total = ENTRY_BYTES
    for output, values in zip(spec.outputs, slots, strict=True):
        size = output.socket.size
        for value in values:
            if value is not None and type(value) is not Blocked:
                total += size(value)
    return total
