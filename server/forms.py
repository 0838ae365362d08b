"""Multipart forms with one file: its bytes go to a part file as they come, in whatever order fields are."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from server.keys import ENGINE, SETTINGS
from server.part_files import received
from server.refusal import Refusal

_LONGEST_FIELD: Final = 64 << 10
_MOST_FIELDS: Final = 32

#: How a part may be encoded: as it is.
_PLAIN: Final = frozenset({"", "binary", "8bit", "7bit", "identity"})


@dataclass(frozen=True)
class Form:
    """What came: the file under a hidden name, what its sender says of it, and the other fields."""

    part: Path
    name: str
    content_type: str
    fields: Mapping[str, str]


@asynccontextmanager
async def received_form(request: web.Request, field: str) -> AsyncIterator[Form]:
    """The form of a request; its file is gone afterwards, unless it was given a name.

    Raises:
        Refusal: it is no such form, or too large.
    """
    limit = request.app[SETTINGS].max_body
    if (request.content_length or 0) > limit:
        raise Refusal(413, "too_large", f"the body is larger than {limit} bytes, the limit of an upload")
    fields: dict[str, str] = {}
    file: tuple[Path, str, str] | None = None
    async with AsyncExitStack() as stack:
        async for part in _parts(request):
            if part.name != field:
                fields[part.name or ""] = await _text(part)
            elif file is not None:
                raise _malformed(f"it has more than one file {field!r}")
            else:
                folder = request.app[ENGINE].files.temp
                path = await stack.enter_async_context(received(_chunks(part), folder, limit))
                file = path, part.filename or "", part.headers.get("Content-Type", "")
        if file is None or not file[1]:
            raise _malformed(f"it has no file in the field {field!r}")
        yield Form(*file, fields)


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    if not request.content_type.startswith("multipart/"):
        raise _malformed("its content type is not multipart/form-data")
    with _refusing():
        reader = await request.multipart()
    for _ in range(_MOST_FIELDS):
        with _refusing():
            part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader):
            raise _malformed("it has a form inside a form")
        encodings = {part.headers.get(f"Content-{which}Encoding", "").lower() for which in ("", "Transfer-")}
        if not encodings <= _PLAIN:
            raise _malformed("it has an encoded part; send parts as they are")
        yield part
    raise _malformed(f"it has more than {_MOST_FIELDS} fields")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        with _refusing():
            chunk = await part.read_chunk(1 << 20)
        if not chunk:
            return
        yield chunk


async def _text(part: BodyPartReader) -> str:
    content = bytearray()
    async for chunk in _chunks(part):
        content += chunk
        if len(content) > _LONGEST_FIELD:
            raise _malformed(f"its field {part.name!r} is longer than {_LONGEST_FIELD} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _malformed(f"its field {part.name!r} is no text in UTF-8") from None


class _refusing:  # noqa: N801  # a context manager in two methods
    """Everything that a parser raises over a torn form, as what is wrong with the form."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        torn = (ValueError, AssertionError, KeyError, TypeError, RuntimeError, HttpProcessingError)
        if isinstance(error, (*torn, web.RequestPayloadError)):
            raise _malformed("it is torn") from None


def _malformed(why: str) -> Refusal:
    return Refusal(400, "invalid_form", f"the body is no form that can be read: {why}")
