"""/v1/jobs: submit, follow, change, forget."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final, Literal, Self

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator

from server.keys import DATABASE, JOBS
from server.refusal import Refusal
from server.store import jobs as table
from server.store.jobs import Job, Record, State
from server.v1.feed import FEED
from server.v1.job import JobDetails, JobPage, JobSummary, details, end_of, metadata_of, place, summary
from server.v1.operation import Answer, Operations, Said
from server.v1.shape import Problem, Query, Value, Wish
from server.v1.submission import JobWishes, SubmitHeaders, Waiting, Workflow, known_job, prepare, submit

operations: Final = Operations("jobs")

UNKNOWN: Final = {404: "There is no such job."}
_ID: Final = {"job_id": "The job's id."}


class NewJob(Workflow, JobWishes):
    """A workflow to run once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "workflow": {
                        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}},
                        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
                    },
                    "inputs": {"1.color": 255},
                    "priority": 1,
                }
            ]
        }
    )


class Listing(Query):
    state: list[State] = Field(default_factory=list, min_length=1)
    """Only jobs in one of these states."""
    workflow: str = ""
    """Only jobs of this workflow."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    sort: Literal["created", "duration"] = "created"
    order: Literal["asc", "desc"] = "desc"
    whole: bool = False
    """Tell what came of each job too."""


class Form(Query):
    form: Literal["api", "document"] = "api"
    """`document`: as it was submitted, with sub-graphs and places, where that was kept."""


class Move(Wish):
    """Another place in the line: a priority, an end of the line, or a place before another job."""

    priority: Annotated[int | None, Field(ge=-1000, le=1000)] = None
    to: Literal["front", "back"] | None = None
    before: str | None = None
    """The id of a pending job."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [{"to": "front"}]})

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.priority is None and self.to is None and self.before is None:
            raise ValueError("say priority, to or before")
        if self.before is not None and (self.to is not None or self.priority is not None):
            raise ValueError("before says the place already; leave priority and to out")
        return self


@operations(
    "POST",
    "/jobs",
    {
        201: Said(JobDetails, "Accepted, and with `wait` ended.", {"Location": "The job."}),
        202: Said(JobDetails, "Accepted; it has not ended in the time to wait.", {"Location": "The job."}),
        200: Said(
            JobDetails,
            "The job that the same request has made before.",
            {"Location": "The job.", "Idempotent-Replay": "`true`"},
        ),
    },
    errors={409: "The idempotency key came with another request.", 413: "The workflow is too large."},
)
async def post_job(request: web.Request, headers: SubmitHeaders, query: Waiting, body: NewJob) -> Answer:
    """Submit a workflow.

    When this is answered, the job is written down and will run, whatever happens to the server.
    """
    key = headers.idempotency_key
    warnings: Sequence[Problem] = ()
    job, new = await known_job(request, key), False
    if job is None:
        prepared = await prepare(request.app, body)
        job, new = await submit(request, prepared, body, key)
        warnings = prepared.problems
    seconds = query.wait if query.wait is not None else headers.wait()
    if seconds is not None:
        job = await request.app[JOBS].wait(job.id, seconds)
    status = 202 if seconds is not None and not job.state.ended else 201 if new else 200
    replay = {} if new else {"Idempotent-Replay": "true"}
    told = await whole(request.app, job.id, warnings)
    return Answer(told, status, {"Location": place(job), **replay})


@operations("GET", "/jobs", JobPage)
async def get_jobs(request: web.Request, query: Listing) -> JobPage:
    """List jobs, the latest first."""
    find = partial(
        table.listing,
        states=query.state or tuple(State),
        workflow=query.workflow,
        by=query.sort,
        descending=query.order == "desc",
        limit=query.limit,
        offset=query.offset,
    )
    page = await request.app[DATABASE].read(find)
    jobs: list[JobSummary | JobDetails]
    if query.whole:
        seqs = [job.seq for job in page.jobs]
        records = await request.app[DATABASE].read(partial(table.records, seqs=seqs))
        jobs = [told_whole(request.app, record) for record in records]
    else:
        jobs = [summary(job, position_of(request.app, job)) for job in page.jobs]
    return JobPage(jobs=jobs, total=page.total, limit=query.limit, offset=query.offset)


@operations("GET", "/jobs/{job_id}", JobDetails, errors=UNKNOWN, parts=_ID)
async def get_job(request: web.Request, job_id: str, query: Waiting) -> JobDetails:
    """Tell of one job; with `wait`, when it has ended."""
    if query.wait:
        await request.app[JOBS].wait(job_id, query.wait)
    return await whole(request.app, job_id)


@operations(
    "DELETE",
    "/jobs/{job_id}",
    {204: Said(description="It is forgotten; its files stay.")},
    errors={**UNKNOWN, 409: "It has not ended."},
    parts=_ID,
)
async def delete_job(request: web.Request, job_id: str) -> web.Response:
    """Forget a job that has ended."""
    job = await request.app[JOBS].get(job_id)
    if not await request.app[JOBS].forget([job_id]):
        raise Refusal(
            409, "not_ended", f"the job is {job.state}; only ended ones can be forgotten", "cancel it"
        )
    request.app[FEED].forget(job_id)
    return web.Response(status=204)


@operations(
    "POST", "/jobs/{job_id}/cancel", JobDetails, errors={**UNKNOWN, 409: "It has ended already."}, parts=_ID
)
async def post_cancel(request: web.Request, job_id: str, query: Waiting) -> JobDetails:
    """End a job; a running one takes a moment, for which `wait` waits."""
    jobs = request.app[JOBS]
    if not await jobs.cancel(job_id):
        job = await jobs.get(job_id)
        if job.state is not State.CANCELLED:
            raise Refusal(409, "already_ended", f"the job is {job.state} already")
    if query.wait:
        await jobs.wait(job_id, query.wait)
    return await whole(request.app, job_id)


@operations(
    "POST", "/jobs/{job_id}/retry", JobDetails, errors={**UNKNOWN, 409: "It has not failed."}, parts=_ID
)
async def post_retry(request: web.Request, job_id: str) -> JobDetails:
    """Have a job that failed, was cancelled or was set aside run again."""
    await request.app[JOBS].retry(job_id)
    return await whole(request.app, job_id)


@operations(
    "POST", "/jobs/{job_id}/move", JobDetails, errors={**UNKNOWN, 409: "It does not wait."}, parts=_ID
)
async def post_move(request: web.Request, job_id: str, body: Move) -> JobDetails:
    """Give a pending job another place in the line."""
    await request.app[JOBS].get(job_id)
    await request.app[JOBS].move(job_id, priority=body.priority, to=body.to or "", before=body.before or "")
    return await whole(request.app, job_id)


@operations(
    "GET",
    "/jobs/{job_id}/workflow",
    {200: Said(dict[str, Value], "A plain graph: sub-graphs expanded, values put in.")},
    errors=UNKNOWN,
    parts=_ID,
)
async def get_job_workflow(request: web.Request, job_id: str, query: Form) -> web.Response:
    """Give the graph that a job runs."""
    record = await record_of(request.app, job_id)
    graph: str = record.request["graph"]
    if query.form == "document":
        graph = (await asyncio.to_thread(json.loads, record.request["texts"])).get("safelight", graph)
    return web.Response(text=graph, content_type="application/json")


@operations(
    "GET",
    "/jobs/{job_id}/timeline",
    {200: Said(dict[str, Value], "Spans in the trace event format, for Perfetto or chrome://tracing.")},
    errors={**UNKNOWN, 409: "It has not run to an end."},
    parts=_ID,
)
async def get_job_timeline(request: web.Request, job_id: str) -> web.Response:
    """Give the spans of a job's run."""
    record = await record_of(request.app, job_id)
    if record.end is None:
        raise Refusal(409, "not_ended", f"the job is {record.job.state}; its timeline comes with its end")
    return web.Response(text=record.end["timeline"], content_type="application/json")


async def whole(app: web.Application, job_id: str, warnings: Sequence[Problem] = ()) -> JobDetails:
    """A job with everything that is known about it.

    Raises:
        Refusal: there is none of this id.
    """
    return told_whole(app, await record_of(app, job_id), warnings)


def told_whole(app: web.Application, record: Record, warnings: Sequence[Problem] = ()) -> JobDetails:
    return details(
        record.job,
        end_of(record),
        position=position_of(app, record.job),
        progress=app[FEED].progress(record.job.id),
        metadata=metadata_of(record),
        warnings=warnings,
    )


async def record_of(app: web.Application, job_id: str) -> Record:
    job = await app[JOBS].get(job_id)
    found = await app[DATABASE].read(partial(table.records, seqs=[job.seq]))
    if not found:  # it was forgotten just now
        raise Refusal(404, "unknown_job", f"there is no job {job_id[:80]!r}")
    return found[0]


def position_of(app: web.Application, job: Job) -> int | None:
    """How many jobs go before a pending one; none before one that has left the line to begin."""
    return app[JOBS].line.position(job.id) or 0 if job.state is State.PENDING else None
