"""The roots of a home, and safe ways into them.

A home holds `models/ input/ output/ temp/ packs/` and the engine's own `state/`.  Names that come from
graphs and requests are resolved here and nowhere else: never absolute, never above their root, not
through a symbolic link that leads outside.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from engine.errors import PathError, StorageError
from engine.model_paths import EXTRA_PATHS, ModelPaths, exists

Root = Literal["input", "output", "temp"]

_ANNOTATED: Final = re.compile(r"^(?P<name>.*?)\s*\[(?P<root>input|output|temp)\]$", re.DOTALL)


def default_home() -> Path:
    """`SAFELIGHT_HOME`, or a folder that a person finds."""
    return Path(os.environ.get("SAFELIGHT_HOME") or Path.home() / "safelight")


@dataclass
class Files:
    """Where everything lives."""

    home: Path
    output: Path = field(default_factory=Path)
    models: ModelPaths = field(default_factory=ModelPaths)
    examples: Path | None = None  # files that may be named as if they lay in the input folder

    def __post_init__(self) -> None:
        self.home = self.home.expanduser().absolute()
        if self.output == Path():
            self.output = self.home / "output"
        self.output = self.output.expanduser().absolute()
        for folder in list(self.models.places):
            self.models.add(folder, self.home / "models" / folder)
        if (extra := self.home / EXTRA_PATHS).is_file():
            self.models.read_extra_paths(extra)

    @property
    def input(self) -> Path:
        return self.home / "input"

    @property
    def temp(self) -> Path:
        return self.home / "temp"

    @property
    def packs(self) -> Path:
        return self.home / "packs"

    @property
    def state(self) -> Path:
        """Caches, tables and locks: nothing that a person needs to open."""
        return self.home / "state"

    def root(self, root: Root) -> Path:
        return {"input": self.input, "output": self.output, "temp": self.temp}[root]

    def resolve(self, name: str, root: Root = "input") -> Path:
        """The existing file that `name` stands for; `name [output]` says another root.

        Raises:
            PathError: it leaves its root, or is not there.
        """
        name, root = annotated(name, root)
        path = inside(self.root(root), name)
        if not exists(path) and root == "input" and self.examples is not None:
            path = inside(self.examples, name)
        if not exists(path) or not path.is_file():
            raise PathError(f"no file {name[:200]!r} in the {root} folder ({self.root(root)})")
        return path

    def names(self, root: Root = "input", suffixes: frozenset[str] | None = None) -> list[str]:
        """The files directly and deeper in a root, `/` between parts, hidden ones left out."""
        places = [self.root(root)]
        if root == "input" and self.examples is not None:
            places.append(self.examples)
        found = {name for place in places for name in _files_below(place, suffixes)}
        return sorted(found, key=str.lower)


def _files_below(base: Path, suffixes: frozenset[str] | None) -> Iterator[str]:
    for directory, folders, files in os.walk(base):
        folders[:] = [each for each in folders if not each.startswith(".")]
        here = Path(directory)
        for file in files:
            path = here / file
            if not file.startswith(".") and (suffixes is None or path.suffix.lower() in suffixes):
                yield path.relative_to(base).as_posix()


def annotated(name: str, root: Root) -> tuple[str, Root]:
    """A name and its root: `name [output]` says another one."""
    if found := _ANNOTATED.match(name):
        return found["name"], found["root"]  # type: ignore[return-value]  # the pattern admits the three roots only
    return name, root


def inside(root: Path, name: str) -> Path:
    """`root / name`, when that stays in `root` after links are followed.

    Raises:
        PathError: it does not.
    """
    if not name.strip() or "\0" in name:
        raise PathError(f"{name[:200]!r} is no file name")
    relative = Path(name.replace("\\", "/"))
    drive = len(name) > 1 and name[1] == ":"
    if drive or relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise PathError(f"{name[:200]!r} leaves its folder; name a file inside {root.name}/")
    path = root / relative
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; what no file name can hold
        raise PathError(f"{name[:200]!r} cannot be resolved: {error}") from error
    if not real.is_relative_to(root.resolve()):
        raise PathError(f"{name!r} leads outside its folder {root.name}/ through a link")
    return path


def make_folder(path: Path) -> Path:
    """A folder that exists afterwards.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make folder {path}: {error.strerror or error}") from error
    return path
