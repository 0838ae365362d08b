"""Our own API, under /v1: its operations, routed and described."""

from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web

from server.answers import answer
from server.keys import ENGINE, JOBS, SETTINGS
from server.v1 import (
    events,
    files,
    functions,
    jobs,
    models,
    nodes,
    plans,
    queue,
    session,
    system,
    workflows,
)
from server.v1.docs import page
from server.v1.feed import FEED, Feed
from server.v1.openapi import describe
from server.v1.operation import Operation, Operations, Said
from server.v1.shape import Value

operations: Final = Operations("description")

_DOCUMENT: Final = web.AppKey("description", dict[str, Any])


@operations("GET", "/openapi.json", {200: Said(dict[str, Value], "An OpenAPI document.")})
async def get_description(request: web.Request) -> web.Response:
    """Describe this API for programs."""
    return answer(request.app[_DOCUMENT])


@operations("GET", "/docs", {200: Said(description="A page.", media=("text/html",))})
async def get_docs(request: web.Request) -> web.Response:
    """Describe this API for people."""
    return web.Response(text=page(request.app[_DOCUMENT]), content_type="text/html")


OPERATIONS: Final[tuple[Operation, ...]] = (
    *workflows.operations,
    *functions.operations,
    *plans.operations,
    *jobs.operations,
    *queue.operations,
    *events.operations,
    *nodes.operations,
    *models.operations,
    *files.operations,
    *system.operations,
    *session.operations,
    *operations,
)


def add_v1(app: web.Application) -> None:
    """Register every operation, and what tells of jobs; after the services, which it listens to."""
    app[_DOCUMENT] = describe(OPERATIONS, system.release())
    app.cleanup_ctx.append(_feed)
    app.on_shutdown.append(_let_readers_go)
    for operation in OPERATIONS:
        if operation.routed:
            head = {"allow_head": False} if operation.method == "GET" and operation.streams else {}
            add = getattr(app.router, f"add_{operation.method.lower()}")
            add(operation.pattern, operation.__call__, **head)


async def _feed(app: web.Application) -> AsyncIterator[None]:
    feed = app[FEED] = Feed(app[ENGINE].files, app[SETTINGS].preview_size)
    app[JOBS].listeners.append(feed)
    yield
    app[JOBS].listeners.remove(feed)


async def _let_readers_go(app: web.Application) -> None:
    if FEED in app:
        app[FEED].close()
