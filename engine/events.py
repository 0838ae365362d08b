"""What happens in a run, as data.  The engine prints nothing; whoever wants to know listens.

Times are seconds of a monotonic clock (`time.perf_counter`).  Each docstring says when an event is
emitted and what it promises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

Shown = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run.  Whose run it was is known to who gave the listener."""

    at: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """Once, first, when the plan is made."""

    nodes: int
    to_run: int


@dataclass(frozen=True, slots=True)
class NodesCached(Event):
    """Once, after `RunStarted`, naming every node of the plan whose result is there already."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeStarted(Event):
    """When a node has its inputs and begins; not for cached nodes."""

    node: str
    class_type: str


@dataclass(frozen=True, slots=True)
class NodeProgress(Event):
    """When a node reports how far it is; `done` never exceeds `total`."""

    node: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class NodePreview(Event):
    """When a node has a picture of its unfinished work; may be dropped by a slow listener."""

    node: str
    image: Any


@dataclass(frozen=True, slots=True)
class NodePicture(Event):
    """When a node hands a finished picture to whoever listens, in the place of a file.  Never dropped."""

    node: str
    image: Any


@dataclass(frozen=True, slots=True)
class NodeSpan(Event):
    """When a part of a node's work ends that is worth telling apart: `device`, `load`, `encode`, …

    `note` says more of it: for `device`, what its calls were shared with, or why not.
    """

    node: str
    kind: str
    start: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class NodeShown(Event):
    """When an output node has something for people to see; also for cached output nodes."""

    node: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class NodeFinished(Event):
    """When a node's values exist.

    `start` is when it began, `reused` that another run computed it, `nbytes` what its values hold.
    """

    node: str
    start: float
    reused: bool = False
    nbytes: int = 0


@dataclass(frozen=True, slots=True)
class NodeFailed(Event):
    """When a node could not be computed.  Its consumers do not run and get no event of their own."""

    node: str
    class_type: str
    message: str
    kind: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class NodeBlocked(Event):
    """When a node asked that its consumers do not run, and said why."""

    node: str
    message: str


@dataclass(frozen=True, slots=True)
class NodeLingered(Event):
    """When a node without a lane held up the event loop; once for each class.  It should say `lane=`."""

    node: str
    class_type: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NodesExpanded(Event):
    """When a node was replaced by a sub-graph: the ids of the new nodes."""

    node: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """Once, last, whatever happened."""

    status: Literal["completed", "failed", "cancelled"]
    seconds: float
