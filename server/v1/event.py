"""What happens to jobs, as streams tell it: one shape for each type of event."""

import time
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from engine import events as engine
from server.v1.job import Item, JobDetails, JobSummary, item
from server.v1.shape import Moment, Shape, moment


class Happening(Shape):
    """What all events say."""

    job_id: str
    at: Moment


class Queued(Happening):
    """The job waits: it was accepted, is to run again, or was put back."""

    type: Literal["queued"] = "queued"
    job: JobSummary


class Started(Happening):
    """An attempt begins."""

    type: Literal["started"] = "started"
    job: JobSummary


class Cached(Happening):
    """Nodes whose results are there already, and how many have to run."""

    type: Literal["cached"] = "cached"
    nodes: list[str]
    to_run: int


class NodeStarted(Happening):
    """A node has its inputs and begins."""

    type: Literal["node_started"] = "node_started"
    node: str
    class_type: str


class NodeProgress(Happening):
    """A node reports how far it is: at most ten times a second."""

    type: Literal["progress"] = "progress"
    node: str
    done: int
    total: int
    fraction: float
    """Of the whole job, as its `progress` has it."""


class Preview(Happening):
    """A picture of unfinished work; only for those who ask, never repeated, without a number."""

    type: Literal["preview"] = "preview"
    node: str
    media_type: Literal["image/jpeg"] = "image/jpeg"
    base64: str


class NodeShown(Happening):
    """An output node has something for people to see."""

    type: Literal["node_shown"] = "node_shown"
    node: str
    shown: dict[str, list[Item]]


class NodeFinished(Happening):
    """A node's values exist."""

    type: Literal["node_finished"] = "node_finished"
    node: str
    seconds: float
    reused: bool
    """Whether another job computed them."""


class NodeFailed(Happening):
    """A node could not be computed; other branches go on."""

    type: Literal["node_failed"] = "node_failed"
    node: str
    class_type: str
    message: str
    kind: str


class Ended(Happening):
    """The attempt is over: the last event of a job's stream."""

    type: Literal["ended"] = "ended"
    job: JobDetails


class Gap(Happening):
    """Events that were asked for are gone; this is how the job stands now."""

    type: Literal["gap"] = "gap"
    job: JobDetails


class QueueGap(Shape):
    """In the stream of all jobs: changes that were asked for are gone; ask for the jobs themselves."""

    type: Literal["gap"] = "gap"
    at: Moment
    pending: int
    running: list[JobSummary]


JobEvent = Annotated[
    Queued | Started | Cached | NodeStarted | NodeProgress | Preview | NodeShown | NodeFinished
    | NodeFailed | Ended | Gap,
    Field(discriminator="type"),
]  # fmt: skip
QueueEvent = Annotated[Queued | Started | Ended | QueueGap, Field(discriminator="type")]

#: Unix seconds at zero of the clock that the engine's events have.
_EPOCH: Final = time.time() - perf_counter()


#: The events of the engine that streams tell as they are.
KINDS: Final[Mapping[type[engine.Event], str]] = {
    engine.NodeStarted: "node_started",
    engine.NodeShown: "node_shown",
    engine.NodeFinished: "node_finished",
    engine.NodeFailed: "node_failed",
}


def read(job_id: str, event: engine.Event, conceal: Callable[[str], str]) -> Happening:
    """An event of the engine, of one of `KINDS`, as streams tell it."""
    facts: dict[str, Any] = {"job_id": job_id, "at": moment(_EPOCH + event.at)}
    match event:
        case engine.NodeStarted():
            return NodeStarted(node=event.node, class_type=event.class_type, **facts)
        case engine.NodeShown():
            return NodeShown(node=event.node, shown=_items(event.shown), **facts)
        case engine.NodeFinished():
            seconds = round(event.at - event.start, 6)
            return NodeFinished(node=event.node, seconds=seconds, reused=event.reused, **facts)
        case engine.NodeFailed():
            return NodeFailed(
                node=event.node,
                class_type=event.class_type,
                message=conceal(event.message),
                kind=event.kind,
                **facts,
            )
        case _:
            raise TypeError(f"streams do not tell {type(event).__name__}")


def _items(shown: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        kind: [item(each) for each in (items if isinstance(items, list | tuple) else [items])]
        for kind, items in shown.items()
    }
