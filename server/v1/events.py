"""/v1/events and /v1/jobs/{job_id}/events: what happens, as server-sent events.

A stream can be left and taken up again by number, and a job's stream ends with the job.  Where a reader
asks for what is not kept any more, a `gap` event says how things stand instead.
"""

import time
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from server.keys import JOBS
from server.v1.event import Ended, Gap, JobEvent, QueueEvent, QueueGap
from server.v1.feed import ALL, FEED
from server.v1.job import summary
from server.v1.jobs import UNKNOWN, whole
from server.v1.operation import Operations, Said
from server.v1.reader import Told, stream
from server.v1.shape import Query, Shape, moment

operations: Final = Operations("events")

STREAM: Final = "text/event-stream"
Number = Annotated[int, Field(ge=0, le=1 << 53)]


class EventHeaders(Query):
    last_event_id: Annotated[
        Number | None,
        Field(alias="Last-Event-ID", description="The last number that was read; goes before `after`."),
    ] = None


class EventQuery(Query):
    after: Number | None = None
    """Only events with higher numbers."""


class JobEventQuery(EventQuery):
    previews: bool = False
    """Pictures of unfinished work too."""


@operations(
    "GET",
    "/jobs/{job_id}/events",
    {
        200: Said(JobEvent, "Events as they happen; the data of each is one of these.", media=(STREAM,)),
        204: Said(description="The job has ended and everything was read: do not come again."),
    },
    errors=UNKNOWN,
    parts={"job_id": "The job's id."},
)
async def get_job_events(
    request: web.Request,
    job_id: str,
    headers: EventHeaders,
    query: JobEventQuery,
) -> web.StreamResponse:
    """Follow a job to its end, from its beginning or from a number on."""
    feed = request.app[FEED]
    job = await request.app[JOBS].get(job_id)
    after = _after(headers, query)
    reader = feed.join(job_id, previews=query.previews)
    try:
        past = feed.past(job_id, after)
        over = past.over if past is not None else job.state.ended
        number = past.number if past is not None else _number(job.ended) if over else feed.number()
        if over and after >= number:
            return web.Response(status=204)
        if past is not None and past.whole:
            events = past.events
        else:
            facts: dict[str, Any] = {"job_id": job_id, "at": moment(time.time())}
            now = await whole(request.app, job_id)
            events = [_told(number, Gap(job=now, **facts))]
            if over:
                events.append(_told(number, Ended(job=now, **facts)))
        return await stream(request, events, None if over else reader, feed.heartbeat)
    finally:
        feed.leave(job_id, reader)


@operations(
    "GET",
    "/events",
    {200: Said(QueueEvent, "Events as they happen; the data of each is one of these.", media=(STREAM,))},
)
async def get_events(request: web.Request, headers: EventHeaders, query: EventQuery) -> web.StreamResponse:
    """Follow the states of all jobs, from now or from a number on."""
    feed, jobs = request.app[FEED], request.app[JOBS]
    after = _after(headers, query)
    reader = feed.join(ALL)
    try:
        past = feed.past(ALL, after)
        assert past is not None
        events = past.events if after else []
        if after and not past.whole:
            running = [summary(job) for job in jobs.running]
            gap = QueueGap(at=moment(time.time()), pending=len(jobs.line), running=running)
            events = [_told(past.number, gap)]
        return await stream(request, events, reader, feed.heartbeat)
    finally:
        feed.leave(ALL, reader)


def _after(headers: EventHeaders, query: EventQuery) -> int:
    return headers.last_event_id if headers.last_event_id is not None else query.after or 0


def _number(ended: float | None) -> int:
    """The number of an end that only the database knows: not above the one that it was told with."""
    return int((ended or 0) * 1_000_000)


def _told(number: int, shape: Shape) -> Told:
    return Told(number, shape.model_dump()["type"], lambda: shape)
