"""`/health`, `/ready` and `/metrics`: what those who run the server ask."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from server.answers import answer
from server.metrics import METRICS

#: Says why the server is not ready, or nothing when it is.
UNREADY: Final[web.AppKey[Callable[[], str]]] = web.AppKey("unready")

routes = web.RouteTableDef()


@routes.get("/health")
async def health(request: web.Request) -> web.Response:  # noqa: ARG001  # that it answers is the answer
    return answer({"status": "ok"})


@routes.get("/ready")
async def ready(request: web.Request) -> web.Response:
    """Whether jobs are taken: 200, or 503 and why not."""
    if reason := request.app[UNREADY]():
        return answer({"status": "not ready", "reason": reason}, 503)
    return answer({"status": "ready"})


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    body, content_type = request.app[METRICS].page(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})
