"""How stored files are answered: what a browser may show, and everything else as something to save.

Pages, scripts, style sheets, SVG and XML could act in the name of the person who opens them; none is ever
served as what it is.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from aiohttp import web

TYPES: Final[Mapping[str, str]] = {
    ".png": "image/png", ".apng": "image/apng", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif", ".bmp": "image/bmp",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".avif": "image/avif", ".ico": "image/x-icon",
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
    ".mkv": "video/x-matroska", ".avi": "video/x-msvideo", ".ogv": "video/ogg", ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg",
    ".oga": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".aac": "audio/aac",
    ".json": "application/json", ".txt": "text/plain; charset=utf-8", ".csv": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8", ".yaml": "text/plain; charset=utf-8",
    ".glb": "model/gltf-binary",
}  # fmt: skip

UNKNOWN: Final = "application/octet-stream"


def headers(name: str, media_type: str | None = None) -> dict[str, str]:
    """The headers of a stored file.  It may change under its name, so that caches must ask."""
    kind = media_type or TYPES.get(PurePath(name).suffix.lower(), UNKNOWN)
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    encoded = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    how = "attachment" if kind == UNKNOWN else "inline"
    return {
        "Content-Type": kind,
        "Content-Disposition": f'{how}; filename="{plain}"{encoded}',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }


def file_answer(path: PurePath) -> web.FileResponse:
    return web.FileResponse(path, chunk_size=1 << 20, headers=headers(path.name))
