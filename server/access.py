"""Every request, counted and, when debugging, logged: its path, never its query, where tokens travel."""

import logging
import time
from typing import Final

from aiohttp import web

from server.errors import Handler
from server.metrics import METRICS

log: Final = logging.getLogger("safelight.access")

#: The client went before it was answered; a number that servers use and no standard names.
_GONE: Final = 499


@web.middleware
async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """See the module."""
    started = time.perf_counter()
    status = _GONE
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        seconds = time.perf_counter() - started
        counted = None if status == 101 else seconds
        request.app[METRICS].request(_template(request), request.method, status, counted)
        if log.isEnabledFor(logging.DEBUG):
            facts = {"status": status, "seconds": round(seconds, 4), "from": request.remote or ""}
            log.debug("%s %s", request.method, request.path, extra=facts)
    return response


def _template(request: web.Request) -> str:
    """The route as it was written, with its variables: paths themselves are without end."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
