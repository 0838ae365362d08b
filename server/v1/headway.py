"""How far a running job is, from what is heard of its nodes."""

from dataclasses import dataclass, field

from engine import events as engine
from server.v1.job import Progress


@dataclass
class Headway:
    """The nodes of one attempt: how many run, how many have, and the parts of those that are at it."""

    to_run: int = 0
    finished: int = 0
    node: str = ""
    done: int = 0
    total: int = 0
    parts: dict[str, float] = field(default_factory=dict)

    def listen(self, event: engine.Event) -> None:
        match event:
            case engine.RunStarted():
                self.to_run = event.to_run
            case engine.NodesExpanded():
                self.to_run += len(event.nodes)
            case engine.NodeStarted():
                self._note(event.node, 0, 0)
            case engine.NodeProgress():
                self._note(event.node, event.done, event.total)
            case engine.NodeFinished():
                self.parts.pop(event.node, None)
                self.finished += 1
            case engine.NodeFailed():
                self.parts.pop(event.node, None)

    def _note(self, node: str, done: int, total: int) -> None:
        self.node, self.done, self.total = node, done, total
        self.parts[node] = done / total if total else 0.0

    @property
    def fraction(self) -> float:
        """Of the nodes that have to run, each counted alike."""
        return round(min(1.0, (self.finished + sum(self.parts.values())) / max(self.to_run, 1)), 4)

    @property
    def progress(self) -> Progress | None:
        if not self.node:
            return None
        return Progress(fraction=self.fraction, node=self.node, done=self.done, total=self.total)
