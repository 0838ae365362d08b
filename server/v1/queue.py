"""/v1/queue: what runs, what waits, and whether anything begins."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from server.keys import JOBS
from server.v1.job import JobSummary, summary
from server.v1.operation import Operations
from server.v1.shape import Query, Shape

operations: Final = Operations("queue")


class Queue(Shape):
    """The line of jobs."""

    paused: bool
    running: list[JobSummary]
    """The oldest first."""
    pending: list[JobSummary]
    """In the order in which they go; the first `limit` of them."""
    pending_count: int


class QueueQuery(Query):
    limit: Annotated[int, Field(ge=0, le=1000)] = 100
    """How many pending jobs to tell of."""


@operations("GET", "/queue", Queue)
async def get_queue(request: web.Request, query: QueueQuery) -> Queue:
    """Tell what runs and what waits."""
    jobs = request.app[JOBS]
    pending = jobs.line.in_order()
    return Queue(
        paused=jobs.paused,
        running=[summary(job) for job in jobs.running],
        pending=[summary(job, number) for number, job in enumerate(pending[: query.limit])],
        pending_count=len(pending),
    )


@operations("POST", "/queue/pause", Queue)
async def post_pause(request: web.Request) -> Queue:
    """Begin no more jobs; those that run go on.  Survives restarts."""
    await request.app[JOBS].pause()
    return await get_queue(request, QueueQuery())


@operations("POST", "/queue/resume", Queue)
async def post_resume(request: web.Request) -> Queue:
    """Begin jobs again."""
    await request.app[JOBS].resume()
    return await get_queue(request, QueueQuery())
