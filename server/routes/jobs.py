"""/api/jobs: the queue and its past, as newer clients ask for it."""

import uuid
from sqlite3 import Connection
from typing import Any, Final

from aiohttp import web

from server.answers import answer
from server.bodies import integer, json_body
from server.errors import Refusal
from server.keys import DATABASE, JOBS
from server.store import jobs as table
from server.store.jobs import State
from server.wire.history import STATUS, job_object

routes: Final = web.RouteTableDef()

_SORTS: Final = {"created_at": "created", "execution_duration": "duration"}


def said(message: str, status: int = 400, **more: Any) -> web.Response:
    """An error as these routes word it."""
    return answer({"error": message, **more}, status)


@routes.get("/api/jobs")
async def get_jobs(request: web.Request) -> web.Response:
    """Jobs of every state, page by page."""
    query = request.query
    names = [name.strip() for name in query.get("status", "").split(",") if name.strip()]
    unknown = [name for name in names if name not in STATUS.values()]
    if unknown:
        return said(
            f"unknown status {unknown[0][:40]!r}; there are {', '.join(dict.fromkeys(STATUS.values()))}"
        )
    states = [state for state in State if not names or STATUS[state] in names]
    by, order = query.get("sort_by", "created_at"), query.get("sort_order", "desc")
    if by not in _SORTS or order not in {"asc", "desc"}:
        return said(f"sort_by must be one of {', '.join(_SORTS)}, and sort_order asc or desc")
    try:
        limit = integer(request, "limit", 100, low=1)
        offset = integer(request, "offset", 0)
    except Refusal as refusal:
        return said(refusal.message)

    def read(db: Connection) -> tuple[list[dict[str, Any]], int]:
        page = table.listing(
            db, states=states, workflow=query.get("workflow_id", ""), by=_SORTS[by],
            descending=order == "desc", limit=min(limit, 1000), offset=offset,
        )  # fmt: skip
        return [job_object(each) for each in table.records(db, (job.seq for job in page.jobs))], page.total

    jobs, total = await request.app[DATABASE].read(read)
    more = offset + len(jobs) < total
    page = {"offset": offset, "limit": limit, "total": total, "has_more": more}
    return answer({"jobs": jobs, "pagination": page})


@routes.get("/api/jobs/{job_id}")
async def get_job(request: web.Request) -> web.Response:
    job_id = request.match_info["job_id"]

    def read(db: Connection) -> dict[str, Any] | None:
        job = table.find(db, job_id)
        found = table.records(db, [job.seq]) if job is not None else []
        return job_object(found[0], whole=True) if found else None

    found = await request.app[DATABASE].read(read)
    return said("Job not found", 404) if found is None else answer(found)


@routes.post("/api/jobs/cancel")
async def cancel_jobs(request: web.Request) -> web.Response:
    """Cancel several; says whether there was anything to cancel."""
    try:
        body = await json_body(request)
    except Refusal as refusal:
        return said(refusal.message)
    ids = body.get("job_ids") if isinstance(body, dict) else None
    if not isinstance(ids, list):
        return said("job_ids must be a list of job ids")
    invalid = [each for each in ids if not _is_uuid(each)]
    if invalid:
        return said("job_ids must be UUIDs", invalid_ids=[str(each)[:80] for each in invalid])
    jobs = request.app[JOBS]
    return answer({"cancelled": any([await jobs.cancel(each) for each in ids])})


@routes.post("/api/jobs/{job_id}/cancel")
async def cancel_job(request: web.Request) -> web.Response:
    return answer({"cancelled": await request.app[JOBS].cancel(request.match_info["job_id"])})


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
