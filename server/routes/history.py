"""GET and POST /history: what has ended."""

from functools import partial
from sqlite3 import Connection
from typing import Final

from aiohttp import web

from server.answers import empty
from server.bodies import integer, json_object
from server.keys import DATABASE, JOBS
from server.routes.queue import ids_of
from server.store import jobs as table
from server.wire.history import history

routes: Final = web.RouteTableDef()

#: Ended jobs that one answer holds at most.
_MOST: Final = 10_000


@routes.get("/history")
async def get_history(request: web.Request) -> web.Response:
    """Ended jobs by id, the oldest first: the newest `max_items`, or those from `offset` on."""
    limit = integer(request, "max_items", -1, low=-1)
    offset = integer(request, "offset", -1, low=-1)
    text = await request.app[DATABASE].read(partial(_history, limit=limit, offset=offset))
    return web.Response(text=text, content_type="application/json")


def _history(db: Connection, limit: int, offset: int) -> str:
    return history(table.records(db, table.ended(db, limit if limit >= 0 else _MOST, offset)))


@routes.get("/history/{prompt_id}")
async def get_history_of(request: web.Request) -> web.Response:
    """One ended job; an empty object while it has not ended, or is not known."""
    prompt_id = request.match_info["prompt_id"]

    def read(db: Connection) -> str:
        job = table.find(db, prompt_id)
        ended = job is not None and job.state.ended and job.started is not None
        return history(table.records(db, [job.seq])) if job is not None and ended else "{}"

    text = await request.app[DATABASE].read(read)
    return web.Response(text=text, content_type="application/json")


@routes.post("/history")
async def post_history(request: web.Request) -> web.Response:
    """`clear` history, or `delete` some of it.  Written files stay."""
    body = await json_object(request, default={})
    jobs = request.app[JOBS]
    if body.get("clear"):
        await jobs.forget()
    elif ids := ids_of(body):
        await jobs.forget(ids)
    return empty()
