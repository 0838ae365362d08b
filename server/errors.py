"""What goes wrong in a request, as an answer: one place, always JSON, never a traceback or a path."""

import errno
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from engine.errors import DocumentError, PathError, StorageError, UserError
from server.answers import answer
from server.keys import ENGINE
from server.refusal import Refusal, conceal

__all__ = ["Handler", "Refusal", "conceal", "errors"]

log: Final = logging.getLogger("safelight")

#: What a disk says that is full, or may not be written to, wherever it is met.
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in JSON for everything that a handler raises."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer(refusal.body(), refusal.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_error(error)
    except DocumentError as error:
        return _told(request, 400, "invalid_document", error)
    except PathError as error:
        return _told(request, 400, "invalid_path", error)
    except StorageError as error:
        return _told(request, 507, "storage", error)
    except UserError as error:
        return _told(request, 400, "invalid_request", error)
    except web.RequestPayloadError:
        message = "the body does not arrive as its headers say; send it as it is"
        return answer({"error": {"code": "invalid_body", "message": message}}, 400)
    except ConnectionError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            log.warning("%s %s: %s", request.method, request.path, error)
            message = f"the server's disk refuses: {os.strerror(error.errno)}"
            hint = "free some space, or look at who may write to the home"
            return answer(Refusal(507, "storage", message, hint).body(), 507)
        # Our own mistake: the log has it all, the client learns that it was ours.
        log.exception("a request failed: %s %s", request.method, request.path)
        return answer(
            {"error": {"code": "internal", "message": "a mistake in Safelight; its log says more"}}, 500
        )


def _told(request: web.Request, status: int, code: str, error: Exception) -> web.Response:
    message = conceal(str(error), request.app[ENGINE].files)
    return answer({"error": {"code": code, "message": message}}, status)


def _http_error(error: web.HTTPException) -> web.Response:
    code = error.reason.lower().replace(" ", "_").replace("-", "_")
    response = answer({"error": {"code": code, "message": error.reason}}, error.status)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response
