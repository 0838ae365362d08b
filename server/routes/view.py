"""GET /view: a stored file, or a picture in another form."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from server.keys import ENGINE
from server.media import file_answer, headers
from server.pictures import Form, channel, drawn, preview
from server.stored_files import find

routes = web.RouteTableDef()


@routes.get("/view")
async def get_view(request: web.Request) -> web.StreamResponse:
    """Answer with a file of the input, output or temp folder."""
    query = request.query
    path = await asyncio.to_thread(
        find,
        request.app[ENGINE].files,
        query.get("filename", ""),
        query.get("type", ""),
        query.get("subfolder", ""),
    )
    if "preview" in query:
        form, quality = wanted_preview(query)
        return picture_answer(await drawn(preview, path, form, quality), path, form)
    match query.get("channel", "rgba"):
        case "rgb":
            return picture_answer(await drawn(channel, path, "rgb"), path, "png")
        case "a":
            return picture_answer(await drawn(channel, path, "a"), path, "png")
    return file_answer(path)


def wanted_preview(query: Mapping[str, str]) -> tuple[Form, int]:
    """`webp;80` as form and quality.  JPEG has no alpha, so who asks for that is given WebP."""
    form, _, text = query["preview"].partition(";")
    quality = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 90
    jpeg = form == "jpeg" and "a" not in query.get("channel", "")
    return "jpeg" if jpeg else "webp", min(max(quality, 1), 100)


def picture_answer(content: bytes, path: Path, form: str) -> web.Response:
    return web.Response(body=content, headers=headers(path.name, f"image/{form}"))
