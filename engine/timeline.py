"""What a run did and when: events made spans, for people and for Chrome's trace viewer.

Hand `timeline.listen` to a run (beside your own listener), and look afterwards.  `chrome_trace()` opens in
`chrome://tracing` or Perfetto.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.events import (
    Event,
    NodeFailed,
    NodeFinished,
    NodesCached,
    NodeSpan,
    NodeStarted,
    RunFinished,
    RunStarted,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a node's life: `compute` is the whole call, others (`load`, …) lie within it."""

    node: str
    kind: str
    start: float
    end: float
    note: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass
class Timeline:
    """The spans of one run, in seconds of the events' clock."""

    start: float = 0.0
    end: float = 0.0
    spans: list[Span] = field(default_factory=list)
    cached: tuple[str, ...] = ()
    reused: set[str] = field(default_factory=set)
    nbytes: dict[str, int] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)

    def listen(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.start = event.at
            case NodesCached():
                self.cached = event.nodes
            case NodeStarted():
                self._started[event.node] = event.at
                self.classes[event.node] = event.class_type
            case NodeSpan():
                self.spans.append(Span(event.node, event.kind, event.start, event.at, event.note))
            case NodeFinished():
                self.spans.append(Span(event.node, "compute", event.start, event.at))
                self.nbytes[event.node] = event.nbytes
                if event.reused:
                    self.reused.add(event.node)
            case NodeFailed():
                start = self._started.get(event.node, event.at)
                self.spans.append(Span(event.node, "failed", start, event.at))
            case RunFinished():
                self.end = event.at

    def of(self, node: str) -> list[Span]:
        return [span for span in self.spans if span.node == node]

    def _result(self, node: str) -> dict[str, Any]:
        return {"bytes": self.nbytes.get(node, 0), "reused": node in self.reused}

    def chrome_trace(self) -> dict[str, Any]:
        """The run in the trace event format: overlapping spans get rows of their own."""
        rows: list[float] = []
        row_of: dict[str, int] = {}
        events = []
        for span in sorted(self.spans, key=lambda each: (each.start, -each.end)):
            row = row_of.get(span.node)
            if row is None:
                free = (index for index, end in enumerate(rows) if end <= span.start)
                row = row_of[span.node] = next(free, len(rows))
                if row == len(rows):
                    rows.append(0.0)
            rows[row] = max(rows[row], span.end)
            name = self.classes.get(span.node, span.node)
            events.append(
                {
                    "name": name if span.kind == "compute" else f"{name}: {span.kind}",
                    "cat": span.kind,
                    "ph": "X",
                    "ts": (span.start - self.start) * 1e6,
                    "dur": span.seconds * 1e6,
                    "pid": 1,
                    "tid": row + 1,
                    "args": {"node": span.node, "why": self.why.get(span.node, "")}
                    | ({"note": span.note} if span.note else {})
                    | (self._result(span.node) if span.kind == "compute" else {}),
                }
            )
        return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"cached": list(self.cached)}}
