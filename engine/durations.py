"""How long nodes of a class took lately: what a plan's estimate is made of."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_WEIGHT: Final = 0.3


@dataclass
class Durations:
    """Class -> seconds of a call, a moving average; kept in `file` if there is one."""

    file: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None:
            with suppress(
                OSError, ValueError, TypeError, AttributeError
            ):  # lost or foreign: estimates start anew
                stored = json.loads(self.file.read_text())
                self.seconds = {str(name): float(value) for name, value in stored.items()}

    def note(self, class_type: str, seconds: float) -> None:
        known = self.seconds.get(class_type, seconds)
        self.seconds[class_type] = known + _WEIGHT * (seconds - known)

    def estimate(self, class_type: str) -> float | None:
        """Seconds that a call is likely to take; None when it was never seen."""
        return self.seconds.get(class_type)

    def save(self) -> None:
        if self.file is None or not self.seconds:
            return
        beside = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self.seconds))
            beside.replace(self.file)
