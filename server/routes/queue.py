"""GET and POST /queue, POST /interrupt, POST /free: what waits and what runs."""

from sqlite3 import Connection
from typing import Final

from aiohttp import web

from server.answers import empty
from server.bodies import json_object
from server.errors import Refusal
from server.keys import DATABASE, JOBS
from server.store import jobs as table
from server.wire.history import queue_item

routes: Final = web.RouteTableDef()


@routes.get("/queue")
async def get_queue(request: web.Request) -> web.Response:
    """All that runs and waits, each with its graph."""
    jobs, database = request.app[JOBS], request.app[DATABASE]
    running = [job.seq for job in jobs.running]
    pending = list(jobs.line.seqs())

    def read(db: Connection) -> bytes:
        runs, waits = (",".join(map(queue_item, table.records(db, seqs))) for seqs in (running, pending))
        return f'{{"queue_running":[{runs}],"queue_pending":[{waits}]}}'.encode()

    return web.Response(body=await database.read(read), content_type="application/json")


@routes.post("/queue")
async def post_queue(request: web.Request) -> web.Response:
    """`clear` all that waits, or `delete` some of it; what runs is left alone, unknown ids are ignored."""
    body = await json_object(request, default={})
    jobs = request.app[JOBS]
    ids = [job.id for job in jobs.line.in_order()] if body.get("clear") else ids_of(body)
    await jobs.cancel_pending(ids)
    return empty()


@routes.post("/interrupt")
async def post_interrupt(request: web.Request) -> web.Response:
    """Stop the job that is named if it runs, or else the oldest running one."""
    body = await json_object(request, default={})
    jobs = request.app[JOBS]
    named = body.get("prompt_id")
    if named is None:
        await jobs.interrupt()
    elif any(job.id == named for job in jobs.running):
        await jobs.cancel(named)
    return empty()


@routes.post("/free")
async def post_free(request: web.Request) -> web.Response:
    """Let go of loaded models that nobody uses, and of results that are kept in memory."""
    body = await json_object(request, default={})
    everything = bool(body.get("free_memory"))
    if everything or body.get("unload_models"):
        await request.app[JOBS].free(results=everything)
    return empty()


def ids_of(body: dict[str, object]) -> list[str]:
    """The ids to delete.

    Raises:
        Refusal: `delete` is no list of texts.
    """
    ids = body.get("delete") or []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise Refusal(400, "invalid_body", "delete must be a list of prompt ids")
    return ids
