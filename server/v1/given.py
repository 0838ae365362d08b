"""Pictures that come as the values of inputs: checked, and kept in `input/` under their content's name."""

import base64
import binascii
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from engine.files import Files, make_folder
from engine.model_paths import exists
from server import file_kinds
from server.config import Settings
from server.part_files import part_in, put_new
from server.pictures import drawn
from server.refusal import Refusal
from server.v1.shape import Problem

_DATA: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*?;base64,", re.IGNORECASE)


async def stored_pictures(
    files: Files, settings: Settings, values: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """Values with names of files in the place of pictures, and what is wrong with those left out."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in values.items():
        try:
            content = _content(value)
            if content is None:
                found[name] = value
            else:
                found[name] = await drawn(keep, files, content, settings)
        except Refusal as refusal:
            problems.append(
                Problem(
                    severity="error",
                    code=refusal.code,
                    message=refusal.message,
                    hint=refusal.hint,
                    name=name,
                )
            )
    return found, problems


def keep(files: Files, content: str, settings: Settings) -> str:
    """Store a picture, unless it is there already; its name.

    Raises:
        Refusal: it is none, or too large.
    """
    if len(content) * 3 // 4 > settings.max_body:
        raise Refusal(413, "too_large", f"the picture is larger than {settings.max_body} bytes")
    try:
        decoded = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(422, "invalid_base64", "this is no base64") from None
    make_folder(files.input)
    part = part_in(files.input)
    try:
        part.write_bytes(decoded)
        stem = blake2b(decoded, digest_size=16).hexdigest()
        name = file_kinds.check(part, stem, "image/*", settings.max_pixels)
        path = files.input / name
        if not exists(path):
            put_new(part, files.input, path)
        return name
    finally:
        part.unlink(missing_ok=True)


def _content(value: Any) -> str | None:
    """The base64 of a picture that stands in a value; None for any other value.

    Raises:
        Refusal: it should be one, and is not.
    """
    if isinstance(value, str):
        found = _DATA.match(value[:200])
        return value[found.end() :] if found else None
    if isinstance(value, dict) and "base64" in value:
        content = value["base64"]
        if not isinstance(content, str) or not set(value) <= {"base64", "media_type", "filename"}:
            raise Refusal(422, "invalid_base64", 'a picture is {"base64": "…"}')
        found = _DATA.match(content[:200])
        return content[found.end() :] if found else content
    return None
