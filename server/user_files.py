"""What clients keep on the server for their one user: workflows, settings, whatever else they like."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any, Final

from engine.files import Files
from server.answers import dump
from server.names import new_place, place
from server.part_files import put_new, put_over, write_whole
from server.refusal import Refusal

SETTINGS_FILE: Final = "comfy.settings.json"

#: What a first start should not ask for: no tour, no news of another server, and the mouse as people know it.
DEFAULTS: Final[dict[str, Any]] = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.Canvas.LeftMouseClickBehavior": "panning",
    "Comfy.Canvas.MouseWheelScroll": "zoom",
}

_MOST_SETTINGS: Final = 16 << 20  # bytes of the file

#: Folders that clients list before they have put anything there.
_EXPECTED: Final = frozenset({"workflows", "subgraphs"})

#: Clients keep an index of favourites under a hidden name.
_DOTTED: Final = frozenset({".index.json"})

_settings_lock: Final = Lock()


def user_root(files: Files) -> Path:
    """The folder of the only user there is."""
    return files.home / "user" / "default"


def user_file(root: Path, name: str) -> Path:
    """A file that exists.

    Raises:
        Refusal: 403 for a name that leads elsewhere, 404 when there is no such file.
    """
    path = place(root, name, status=403, dotted=_DOTTED)
    try:
        found = path.is_file()
    except OSError:
        found = False
    if not found:
        raise Refusal(404, "not_found", f"there is no file {name[:200]!r}")
    return path


def store(part: Path, root: Path, name: str, *, overwrite: bool) -> Path:
    """Give a part file the name that a client asks for.

    Raises:
        Refusal: 403 for a name that leads elsewhere, 409 when it is taken.
    """
    path = new_place(root, name, status=403, dotted=_DOTTED)
    if overwrite:
        put_over(part, root, path)
    elif not put_new(part, root, path):
        raise Refusal(
            409, "name_taken", f"{name[:200]!r} exists already; ask for overwrite=true to replace it"
        )
    return path


def facts(root: Path, path: Path) -> dict[str, Any]:
    """A file as clients list it; times are milliseconds since 1970."""
    status = path.stat()
    return {
        "path": path.relative_to(root).as_posix(),
        "size": status.st_size,
        "modified": int(status.st_mtime * 1000),
        "created": int(status.st_ctime * 1000),
    }


def listing(root: Path, name: str, *, recurse: bool) -> tuple[Path, list[Path]]:
    """A folder, and the files in it.

    Raises:
        Refusal: 403 for a name that leads elsewhere, 404 when there is no such folder.
    """
    folder = _folder(root, name)
    return folder, [path for path in _below(folder, recurse=recurse) if path.is_file()]


def tree(root: Path, name: str) -> list[dict[str, Any]]:
    """Everything below a folder, folders first.

    Raises:
        Refusal: 403 for a name that leads elsewhere, 404 when there is no such folder.
    """
    found = []
    for path in _below(_folder(root, name), recurse=True):
        told = facts(root, path)
        if path.is_dir():
            found.append({"name": path.name, "path": told["path"], "type": "directory"})
        else:
            file = {"name": path.name, "path": told["path"], "type": "file"}
            found.append({**file, "size": told["size"], "modified": told["modified"]})
    return sorted(found, key=lambda each: (each["type"] != "directory", each["path"]))


def _folder(root: Path, name: str) -> Path:
    if name.strip("/") in {"", "."}:
        return root
    folder = place(root, name, status=403)
    if not folder.is_dir() and name.strip("/") not in _EXPECTED:
        raise Refusal(404, "not_found", f"there is no folder {name[:200]!r}")
    return folder


def _below(folder: Path, *, recurse: bool) -> Iterator[Path]:
    """Files and folders that are not hidden, links left out when they lead nowhere."""
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in (*folders, *sorted(files)):
            path = Path(directory, each)
            if not each.startswith(".") and path.exists():
                yield path
        if not recurse:
            return


def read_settings(root: Path) -> dict[str, Any]:
    """The settings, and the defaults of those that were never set."""
    return DEFAULTS | (_stored_settings(root / SETTINGS_FILE) or {})


def merge_settings(root: Path, changes: dict[str, Any]) -> None:
    """Change some settings and leave the others.

    Raises:
        Refusal: they would become too many.
    """
    path = root / SETTINGS_FILE
    with _settings_lock:
        stored = _stored_settings(path)
        if stored is None and path.exists():  # somebody may still want to mend it
            path.replace(path.with_suffix(".broken.json"))
        content = dump((stored or {}) | changes)
        if len(content) > _MOST_SETTINGS:
            raise Refusal(413, "too_large", f"the settings would be larger than {_MOST_SETTINGS} bytes")
        write_whole(root, path, content)


def _stored_settings(path: Path) -> dict[str, Any] | None:
    """None when there are none, or none that can be read."""
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return stored if isinstance(stored, dict) else None
