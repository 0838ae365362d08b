"""Which kinds of files may be uploaded, and how each begins."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final

from server import pictures
from server.refusal import Refusal

PICTURES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".apng", ".avif", ".ico"}
    | {".tga", ".ppm", ".pgm"}
)
TEXTS: Final = frozenset({".txt", ".json", ".csv", ".md", ".yaml", ".yml"})

_QUICKTIME: Final = rb".{4}(ftyp|moov|mdat|free|skip|wide)"
_MATROSKA: Final = rb"\x1a\x45\xdf\xa3"
_RIFF: Final = rb"(RIFF|RF64).{4}"
_TENSORS: Final = rb".{3}\x00\x00\x00\x00\x00\{"  # a length below 16 MiB, then JSON

#: Suffix -> how such a file begins.
BEGINNINGS: Final[Mapping[str, bytes]] = {
    ".mp4": _QUICKTIME, ".m4v": _QUICKTIME, ".mov": _QUICKTIME, ".m4a": _QUICKTIME,
    ".webm": _MATROSKA, ".mkv": _MATROSKA,
    ".avi": _RIFF + rb"AVI ", ".wav": _RIFF + rb"WAVE",
    ".mpg": rb"\x00\x00\x01[\xb3\xba]", ".mpeg": rb"\x00\x00\x01[\xb3\xba]",
    ".ogg": rb"OggS", ".oga": rb"OggS", ".ogv": rb"OggS", ".opus": rb"OggS",
    ".flac": rb"fLaC|ID3", ".mp3": rb"ID3|\xff[\xe0-\xff]", ".aac": rb"ID3|ADIF|\xff[\xf0-\xff]",
    ".safetensors": _TENSORS, ".sft": _TENSORS, ".latent": _TENSORS,
}  # fmt: skip

#: What a picture without a suffix is called after.
_SUFFIXES: Final = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
}


def check(path: Path, name: str, content_type: str, most_pixels: int) -> str:
    """That a file is what its name and content type claim; the name, with a suffix when it lacked one.

    Raises:
        Refusal: it is something else, or of no kind that is taken.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in PICTURES or content_type.lower().startswith("image/"):
        form = pictures.check(path, name, most_pixels)
        if suffix == "":
            return name + _SUFFIXES.get(form, ".png")
        if suffix in PICTURES:
            return name
    if suffix in TEXTS:
        _check_text(path, name)
    elif suffix in BEGINNINGS:
        with path.open("rb") as file:
            if not re.match(BEGINNINGS[suffix], file.read(64), re.DOTALL):
                raise Refusal(400, "invalid_file", f"{name!r} is damaged, or no {suffix} file")
    else:
        taken = " ".join(sorted(PICTURES | TEXTS | BEGINNINGS.keys()))
        hint = f"files of these kinds are taken: {taken}"
        raise Refusal(415, "unknown_kind", f"{name!r} is of no kind that can be uploaded", hint)
    return name


def _check_text(path: Path, name: str) -> None:
    with path.open("rb") as file:
        first = file.read(1 << 16)
    try:
        text = first[:-4].decode() if len(first) == 1 << 16 else first.decode()
    except UnicodeDecodeError as error:
        if len(first) < 1 << 16 or error.end < len(first) - 8:
            raise Refusal(400, "invalid_file", f"{name!r} is no text in UTF-8") from None
        text = ""
    if not first or "\0" in text:
        raise Refusal(400, "invalid_file", f"{name!r} is empty, or no text")
