"""Frames of the websocket: JSON texts, and binary ones that begin with a big-endian event number."""

import io
import struct
import time
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image

from server.answers import dump

PREVIEW_IMAGE: Final = 1
PREVIEW_IMAGE_WITH_METADATA: Final = 4
JPEG: Final = 1
PNG: Final = 2


def text(kind: str, data: Mapping[str, Any]) -> str:
    return dump({"type": kind, "data": data})


def picture(kind: int, content: bytes) -> bytes:
    """Event 1: a picture, of whatever runs."""
    return struct.pack(">II", PREVIEW_IMAGE, kind) + content


def picture_of_node(content: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Event 4: a picture, and whose it is."""
    head = dump(metadata).encode()
    return struct.pack(">II", PREVIEW_IMAGE_WITH_METADATA, len(head)) + head + content


def jpeg(image: Image.Image, side: int) -> bytes:
    """A preview: fitted into a square of `side` pixels, enlarged when it is small.  Takes its time."""
    scale = side / max(image.size)
    if scale != 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def milliseconds() -> int:
    return int(time.time() * 1000)
