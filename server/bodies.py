"""Bodies and query values as clients send them: read with limits, refused with a reason."""

import asyncio
import json
import re
from typing import Any, Final

from aiohttp import web

from engine.errors import DocumentError
from engine.prompt import read_json
from server.errors import Refusal
from server.keys import SETTINGS

#: Bodies above this many bytes are parsed on a thread.
_LARGE: Final = 64 << 10

#: Where half of a character could be, as an escape or in bytes.
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


async def json_body(request: web.Request, *, default: Any = ...) -> Any:
    """The JSON of a body, whatever its content type says: scripts send JSON as a form type.

    An empty body gives `default`, when there is one.

    Raises:
        Refusal: it is no JSON, or too large.
    """
    limit = request.app[SETTINGS].max_json
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit) from None
    if len(content) > limit:
        raise _too_large(limit)
    if not content.strip() and default is not ...:
        return default
    try:
        return await asyncio.to_thread(_parsed, content) if len(content) > _LARGE else _parsed(content)
    except DocumentError as error:
        raise Refusal(400, "invalid_json", str(error)) from None


def _parsed(content: bytes) -> Any:
    """The JSON of a body, every text of it in whole characters: no file and no database holds others.

    Raises:
        DocumentError: it is not that.
    """
    value = read_json(content, "the body")
    if _HALF.search(content):  # there may be one; pairs are fine
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])
            raise DocumentError(f"the body: {half} is half of a character; send whole ones") from None
        except RecursionError:
            raise DocumentError("the body: nested too deeply to be a workflow") from None
    return value


async def json_object(request: web.Request, *, default: Any = ...) -> dict[str, Any]:
    """A body that must be an object.

    Raises:
        Refusal: it is not.
    """
    body = await json_body(request, default=default)
    if not isinstance(body, dict):
        shown = json.dumps(body, default=str)[:40]
        raise Refusal(400, "invalid_body", f"the body must be a JSON object, not {shown}")
    return body


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the body is larger than {limit} bytes, the limit of a JSON body")


def integer(request: web.Request, name: str, default: int, low: int = 0, high: int = 1 << 53) -> int:
    """A number of the query.

    Raises:
        Refusal: it is none, or out of bounds.
    """
    text = request.query.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise Refusal(400, "invalid_query", f"{name} must be a whole number, not {text[:40]!r}") from None
    if not low <= value <= high:
        raise Refusal(400, "invalid_query", f"{name} must be between {low} and {high}, not {value}")
    return value


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """A yes or no of the query."""
    text = request.query.get(name, "").strip().lower()
    return text in {"1", "true", "yes", "on"} if text else default
