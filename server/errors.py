"""What goes wrong in a request, as an answer: one place, always JSON, never a traceback or a path."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from engine.errors import DocumentError, PathError, StorageError, UserError
from engine.files import Files
from server.answers import answer
from server.keys import ENGINE

log: Final = logging.getLogger("safelight")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: The folder that the packages lie in.
PACKAGES: Final = Path(__file__).resolve().parent.parent


class Refusal(UserError):  # noqa: N818  # as in `engine.coercion`: not what went wrong, but what is said of it
    """A request that cannot be served, and why.  `facts` join the error object."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.facts: Mapping[str, Any] = facts

    def body(self) -> dict[str, Any]:
        """The error object of our own API; the ecosystem's routes word their own."""
        hint = {"hint": self.hint} if self.hint else {}
        return {"error": {"code": self.code, "message": self.message, **hint, **self.facts}}


def conceal(text: str, files: Files) -> str:
    """A message without the places of the machine: a path inside a root begins with the root's name."""
    places = {
        str(files.output): "output",
        str(files.home): "home",
        **{str(place): "models" for folder in files.models.places.values() for place in folder},
        str(PACKAGES): "safelight",
        str(Path.home()): "~",
    }
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, places[place])
    return text


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
    except ConnectionError:
        raise
    except Exception:  # our own mistake: the log has it all, the client learns that it was ours
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
