"""Files of the input, output and temp folders, as clients name them: filename, subfolder and type."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.files import Files, Root, annotated
from server.names import check, place
from server.refusal import Refusal

ROOTS: Final[Mapping[str, Root]] = {"input": "input", "output": "output", "temp": "temp"}


def find(files: Files, filename: str, kind: str = "", subfolder: str = "") -> Path:
    """The file that is meant; `filename [input]` beats `kind`, and examples count as input.

    Raises:
        Refusal: 403 for a subfolder that leads elsewhere, 400 for such a name or an unknown kind, 404
            when there is no such file.
    """
    if not filename:
        raise Refusal(404, "not_found", "no filename was given")
    if kind and kind not in ROOTS:
        raise Refusal(400, "invalid_type", f"type must be one of {', '.join(ROOTS)}, not {kind[:40]!r}")
    filename, root = annotated(filename, ROOTS[kind or "output"])
    wanted = "/".join(check(filename))
    if subfolder.strip("/") not in {"", "."}:
        wanted = "/".join((*check(subfolder, status=403), wanted))
        place(files.root(root), "/".join(check(subfolder, status=403)), status=403)
    places = [files.root(root)]
    if root == "input" and files.examples is not None:
        places.append(files.examples)
    for folder in places:
        path = place(folder, wanted)
        try:
            if path.is_file():
                return path
        except OSError:  # no permission to look
            continue
    raise Refusal(404, "not_found", f"no file {wanted[:200]!r} in the {root} folder")


def newest_first(folder: Path) -> list[str]:
    """The names directly in a folder, hidden ones left out."""
    if not folder.is_dir():
        return []
    dated = []
    for each in folder.iterdir():
        with suppress(OSError):  # it is gone, or a link that leads nowhere
            if not each.name.startswith(".") and each.is_file():
                dated.append((-each.stat().st_mtime_ns, each.name))
    return [name for _, name in sorted(dated)]
