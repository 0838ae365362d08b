"""A run's progress for a person: one moving line on a terminal, plain lines elsewhere."""

import shutil
import sys
from dataclasses import dataclass, field
from time import perf_counter
from typing import TextIO

from engine.events import (
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    RunFinished,
    RunStarted,
)

_REDRAW = 0.1


@dataclass
class Progress:
    """A listener that writes to `stream` (standard error: standard output is for results)."""

    titles: dict[str, str]
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    moving: bool = field(default=False)
    _classes: dict[str, str] = field(default_factory=dict)
    _first: dict[str, tuple[float, int]] = field(default_factory=dict)
    _drawn: float = 0.0
    _width: int = 0

    def __post_init__(self) -> None:
        self.moving = self.stream.isatty()

    def listen(self, event: Event) -> None:
        match event:
            case RunStarted() if event.to_run:
                self._line(f"{event.to_run} of {event.nodes} nodes to run")
            case NodesCached() if event.nodes:
                self._line(f"{len(event.nodes)} cached")
            case NodeStarted():
                self._classes[event.node] = event.class_type
                if self.moving:
                    self._draw(self._name(event.node))
            case NodeProgress():
                self._step(event)
            case NodeFinished():
                seconds = event.at - event.start
                if seconds >= 0.5 or not self.moving:
                    reused = ", computed by another run" if event.reused else ""
                    self._line(f"{self._name(event.node)}: done in {seconds:.2f} s{reused}")
            case NodeFailed():
                self._line(f"{self._name(event.node)}: {event.message}")
            case NodeBlocked():
                self._line(f"{self._name(event.node)}: stopped: {event.message}")
            case RunFinished():
                self._line(f"{event.status} in {event.seconds:.2f} s")

    def _step(self, event: NodeProgress) -> None:
        first, done_at_first = self._first.setdefault(event.node, (event.at, event.done))
        now = perf_counter()
        last = event.done >= event.total
        if now - self._drawn < _REDRAW and not last:
            return
        self._drawn = now
        text = f"{self._name(event.node)}: {event.done}/{event.total}"
        steps, seconds = event.done - done_at_first, event.at - first
        if steps > 0 and seconds > 0:
            rate = steps / seconds
            text += f"  {rate:.2f} it/s" if rate >= 1 else f"  {1 / rate:.2f} s/it"
            text += "" if last else f"  ETA {(event.total - event.done) / rate:.0f} s"
        if self.moving:
            self._draw(text)
        elif last:
            self._line(text)

    def _name(self, node: str) -> str:
        title = self.titles.get(node) or self._classes.get(node, "")
        return f"{title} ({node})" if title else f"node {node}"

    def _draw(self, text: str) -> None:
        """Write over the moving line."""
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)

    def _line(self, text: str) -> None:
        if self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self._width = 0
        self.stream.write(text + "\n")
        self.stream.flush()
