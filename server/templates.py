"""Example workflows: those that come with Safelight, and those in the folders of packs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.files import Files
from server.names import check, place
from server.refusal import Refusal
from server.session import WORKFLOWS

#: The pack that our own workflows are told under.
OURS: Final = "safelight"

#: Folders of a pack that may hold examples.
_FOLDERS: Final = ("example_workflows", "example", "examples", "workflow", "workflows")

#: A workflow, and the picture that shows it.
_SUFFIXES: Final = frozenset({".json", ".jpg", ".jpeg", ".png", ".webp"})


def templates(files: Files) -> dict[str, list[str]]:
    """The names of workflows by pack; packs without any are left out."""
    found = {}
    for pack in (OURS, *_packs(files)):
        stems = {path.stem for folder in _folders(files, pack) for path in folder.glob("*.json")}
        if visible := sorted((each for each in stems if not each.startswith(".")), key=str.lower):
            found[pack] = visible
    return found


def template(files: Files, pack: str, name: str) -> Path:
    """The file of an example.

    Raises:
        Refusal: 404 when there is none, 400 for a name that leads elsewhere.
    """
    parts = check(name)
    if len(parts) == 1 and Path(name).suffix.lower() in _SUFFIXES:
        for folder in _folders(files, pack):
            if (path := place(folder, name)).is_file():
                return path
    raise Refusal(404, "not_found", f"{pack[:100]!r} has no example {name[:100]!r}")


def _packs(files: Files) -> list[str]:
    if not files.packs.is_dir():
        return []
    return sorted(each.name for each in files.packs.iterdir() if _is_pack(each))


def _is_pack(path: Path) -> bool:
    disabled = path.name.startswith((".", "_")) or path.name.endswith(".disabled")
    return not disabled and path.name != OURS and path.is_dir()


def _folders(files: Files, pack: str) -> Iterator[Path]:
    if pack == OURS:
        yield WORKFLOWS
    elif pack in _packs(files):
        yield from (folder for name in _FOLDERS if (folder := files.packs / pack / name).is_dir())
