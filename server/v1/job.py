"""A job as our API tells it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import Field

from server.store.jobs import End, Job, Record, State
from server.v1.shape import CacheMode, Moment, Problem, Shape, Value, moment


class StoredFile(Shape):
    """A file that a job wrote."""

    filename: str
    subfolder: str
    type: str
    """The folder it lies in: `output`, `temp` or `input`."""
    url: str
    """Where to get it."""


class Failure(Shape):
    """Why a job failed."""

    node: str = ""
    class_type: str = ""
    message: str
    kind: str = ""
    """The kind of error, such as `UserError`."""


class Progress(Shape):
    """How far a running job is."""

    fraction: float = Field(ge=0, le=1)
    """Of the nodes that have to run, each counted alike."""
    node: str
    """The node that was last heard of."""
    done: int
    """Its steps."""
    total: int


class JobSummary(Shape):
    """A job as listings have it."""

    id: str
    state: State
    priority: int
    client_id: str
    workflow: str
    """The saved workflow that it runs, or the id that its document has."""
    cache: CacheMode
    attempts: int
    """How often it began to run."""
    created: Moment
    started: Moment | None
    ended: Moment | None
    failure: Failure | None
    position: int | None
    """How many jobs go before it, when it is pending."""
    url: str


Item = StoredFile | Value


class JobDetails(JobSummary):
    """A job with what came of it."""

    outputs: dict[str, dict[str, list[Item]]]
    """What output nodes have shown, by node and kind: files, texts."""
    results: dict[str, list[Item]]
    """The workflow's named outputs."""
    failures: list[Failure]
    """Every node that failed; the other branches have run."""
    cached: list[str]
    """Nodes whose results were there already."""
    progress: Progress | None
    """When it runs."""
    metadata: dict[str, Value] | None
    """What the client gave to be kept with it; events leave it out."""
    warnings: list[Problem] = Field(default_factory=list)
    """What was mended in the workflow; told once, when the job is accepted."""


class JobPage(Shape):
    """A part of a listing."""

    jobs: list[JobSummary | JobDetails]
    total: int
    """How many there are in all."""
    limit: int
    offset: int


_NOTHING: Final = End(State.PENDING)


def summary(job: Job, position: int | None = None) -> JobSummary:
    return JobSummary(**_facts(job, position))


def details(
    job: Job,
    end: End | None = None,
    *,
    position: int | None = None,
    progress: Progress | None = None,
    metadata: Mapping[str, Any] | None = None,
    warnings: Sequence[Problem] = (),
) -> JobDetails:
    end = end or _NOTHING
    return JobDetails(
        **_facts(job, position),
        outputs={
            node: {kind: [item(each) for each in _listed(items)] for kind, items in shown.items()}
            for node, shown in end.outputs.items()
        },
        results={name: [item(each) for each in items] for name, items in end.results.items()},
        failures=[failure(each) for each in end.failures],
        cached=list(end.cached),
        progress=progress if job.state is State.RUNNING else None,
        metadata=dict(metadata) if metadata is not None else None,
        warnings=list(warnings),
    )


def end_of(record: Record) -> End | None:
    """How a job ended, from its row."""
    row = record.end
    if row is None or not record.job.state.ended:
        return None
    loads = json.loads
    return End(
        record.job.state,
        outputs=loads(row["outputs"]),
        cached=loads(row["cached"]),
        failures=loads(row["failures"]),
        results=loads(row["results"]),
    )


def metadata_of(record: Record) -> dict[str, Any]:
    kept = json.loads(record.request["extra"]).get("metadata")
    return kept if isinstance(kept, dict) else {}


def item(value: Any) -> Any:
    """Something shown: a file gets the place where it can be had."""
    if not isinstance(value, dict) or not isinstance(value.get("filename"), str):
        return value
    names = {name: str(value.get(name, "")) for name in ("filename", "subfolder", "type")}
    names["type"] = names["type"] or "output"
    return StoredFile(**names, url=view(**names))


def view(filename: str, subfolder: str = "", type: str = "output") -> str:  # noqa: A002  # the query's own names
    """Where a stored file is answered."""
    return "/view?" + urlencode({"filename": filename, "subfolder": subfolder, "type": type}, quote_via=quote)


def failure(facts: Mapping[str, Any]) -> Failure:
    return Failure(
        **{name: str(facts[name]) for name in ("node", "class_type", "message", "kind") if name in facts}
    )


def place(job: Job) -> str:
    return f"/v1/jobs/{quote(job.id, safe='')}"


def _facts(job: Job, position: int | None) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "priority": job.priority,
        "client_id": job.client,
        "workflow": job.workflow,
        "cache": job.cache,
        "attempts": job.attempts,
        "created": moment(job.created),
        "started": moment(job.started) if job.started is not None else None,
        "ended": moment(job.ended) if job.ended is not None else None,
        "failure": failure(job.failure) if job.failure else None,
        "position": position if job.state is State.PENDING else None,
        "url": place(job),
    }


def _listed(items: Any) -> list[Any]:
    return list(items) if isinstance(items, list | tuple) else [items]
