"""What becomes of an upload: checked, and given a name of its own under a root."""

import filecmp
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.files import Files
from engine.model_paths import exists
from server import file_kinds, pictures
from server.forms import Form
from server.names import new_place
from server.part_files import part_in, put_new, put_over
from server.refusal import Refusal
from server.stored_files import ROOTS, find

#: How many files may have one name and different content.
_MOST: Final = 10_000


def keep(form: Form, files: Files, most_pixels: int) -> dict[str, str]:
    """Check the file of a form and store it; what the client calls it from now on.

    Raises:
        Refusal: it is not what it claims, or its name leads elsewhere.
    """
    name = file_kinds.check(form.part, form.name, form.content_type, most_pixels)
    return _stored(form, form.part, name, files)


def keep_mask(form: Form, files: Files, most_pixels: int) -> dict[str, str]:
    """Store the picture that a form refers to, with the alpha of the form's own.

    Raises:
        Refusal: there is no such picture, or one of the two is none.
    """
    original = _original(form.fields.get("original_ref", ""), files)
    result = part_in(files.temp)
    try:
        pictures.masked(original, form.part, result, most_pixels)
        return _stored(form, result, (form.name.rpartition(".")[0] or form.name) + ".png", files)
    finally:
        result.unlink(missing_ok=True)


def _original(reference: str, files: Files) -> Path:
    try:
        asked = json.loads(reference)
        filename, kind, subfolder = (asked.get(key, "") for key in ("filename", "type", "subfolder"))
    except (ValueError, AttributeError, RecursionError):
        filename = kind = subfolder = None
    if not all(isinstance(each, str) for each in (filename, kind, subfolder)):
        message = "original_ref must be the JSON of an object with filename, subfolder and type"
        raise Refusal(400, "invalid_form", message)
    return find(files, filename, kind, subfolder)


def _stored(form: Form, part: Path, name: str, files: Files) -> dict[str, str]:
    kind = form.fields.get("type", "") or "input"
    if kind not in ROOTS:
        raise Refusal(400, "invalid_type", f"type must be one of {', '.join(ROOTS)}, not {kind[:40]!r}")
    root = files.root(ROOTS[kind])
    if "/" in name or "\\" in name:
        message = f"{name[:100]!r} is a path; send the name of a file, and its folder as `subfolder`"
        raise Refusal(400, "invalid_name", message)
    wanted = "/".join((form.fields.get("subfolder", ""), name)) if form.fields.get("subfolder") else name
    path = new_place(root, wanted)
    if form.fields.get("overwrite", "").lower() in {"true", "1"}:
        put_over(part, root, path)
    else:
        path = _beside_others(part, root, path, files.examples if root == files.input else None)
    subfolder = path.parent.relative_to(root).as_posix()
    return {"name": path.name, "subfolder": "" if subfolder == "." else subfolder, "type": kind}


def _beside_others(part: Path, root: Path, path: Path, examples: Path | None) -> Path:
    """Store under the first name that is free, or that has this very content already."""
    for candidate in _candidates(path):
        twins = [candidate] if examples is None else [candidate, examples / candidate.relative_to(root)]
        holder = next((each for each in twins if exists(each)), None)
        if holder is None:
            if put_new(part, root, candidate):
                return candidate
        elif holder.is_file() and filecmp.cmp(part, holder, shallow=False):
            return candidate
    raise Refusal(409, "name_taken", f"too many files are called {path.name!r}; choose another name")


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    for number in range(1, _MOST):
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")
