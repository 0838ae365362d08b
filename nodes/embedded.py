"""Workflows that pictures carry: where each file format keeps them, and reading them back."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from nodes.pictures import decoding

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

#: What pictures carry of how they were made; `parameters` is the text of other programs.
KEYS: Final = ("safelight", "workflow", "prompt", "parameters")

#: EXIF tags (Make, Model and those below) that hold `key:json` in WebP pictures.
TAGS: Final = range(0x0110, 0x0100, -1)
EXIF_IFD: Final = 0x8769
USER_COMMENT: Final = 0x9286
ENCODINGS: Final = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-be", b"\0\0\0\0\0\0\0\0": "utf-8"}


def read_workflow(path: Path) -> dict[str, str]:
    """The texts of `KEYS` inside a PNG, WebP or JPEG picture; empty when there are none.

    Raises:
        UserError: it is no image, or a damaged one.
    """
    from PIL import Image

    with decoding(path), Image.open(path) as file:
        found = _texts(file) or _exif_texts(file.getexif())
    return {key: found[key] for key in KEYS if key in found}


def _texts(file: "Image") -> dict[str, str]:
    """Text chunks of a PNG: those before its pixels are read already, those behind only when needed."""
    texts = {key: text for key, text in file.info.items() if key in KEYS and isinstance(text, str)}
    if texts or file.format != "PNG":
        return texts
    file.load()
    return {key: text for key, text in getattr(file, "text", {}).items() if key in KEYS}


def _exif_texts(exif: "Exif") -> dict[str, str]:
    texts: dict[str, str] = {}
    for tag in TAGS:
        key, colon, text = str(exif.get(tag, "")).partition(":")
        if colon and key in KEYS:
            texts.setdefault(key, text.rstrip("\0"))
    comment = exif.get_ifd(EXIF_IFD).get(USER_COMMENT)
    if isinstance(comment, bytes) and (encoding := ENCODINGS.get(comment[:8])):
        texts.setdefault("parameters", comment[8:].decode(encoding, "replace").rstrip("\0"))
    return texts
