"""Names for outputs: `prefix_00001_.png`, each given once, and nothing half-written under it.

A claim reserves a name by creating its hidden part file exclusively, so two processes on one folder
never get the same one.  The file is written there and renamed onto its name; a failure leaves nothing.
A book remembers which call of which job has which name, so that a job that is run again after a crash
writes over its own file and not beside it.
"""

import datetime as dt
import errno
import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Protocol

from engine.errors import PathError, StorageError
from engine.files import inside, make_folder

#: Stems whose latest number is remembered.
_STEMS: Final = 1000

_MARK: Final = re.compile(r"%(\w+)%")


class Book(Protocol):
    """What remembers claims beyond the process."""

    def recall(self, node: str, index: int) -> Path | None: ...
    def record(self, node: str, index: int, path: Path) -> None: ...


class Loose:
    """A book with no memory: every claim is new."""

    def recall(self, node: str, index: int) -> Path | None:  # noqa: ARG002  # the protocol's names
        return None

    def record(self, node: str, index: int, path: Path) -> None: ...


@dataclass
class Claim:
    """A reserved name.  `with claim as part:` write to `part`; leaving renames it onto `path`."""

    root: Path
    path: Path

    @property
    def part(self) -> Path:
        return _part(self.path)

    @property
    def filename(self) -> str:
        return self.path.name

    @property
    def subfolder(self) -> str:
        """The folders between the root and the file, `/` between them; empty when there are none."""
        folder = self.path.parent.relative_to(self.root).as_posix()
        return "" if folder == "." else folder

    def __enter__(self) -> Path:
        return self.part

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self.part.replace(self.path)
            except OSError as failure:
                raise storage_error(self.path, failure) from failure
            return
        self.part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(self.path, error) from error

    def __del__(self) -> None:
        # A claim that nobody wrote to must not hold its name.
        try:
            if self.part.stat().st_size == 0:
                self.part.unlink(missing_ok=True)
        except OSError:
            pass


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def storage_error(path: Path, error: OSError) -> StorageError:
    """An error of the file system in words that say what to do."""
    if error.errno == errno.ENOSPC:
        return StorageError(f"cannot write {path}: the disk is full; free some space and run again")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StorageError(f"cannot write {path}: no permission to write in {path.parent}")
    return StorageError(f"cannot write {path}: {error.strerror or error}")


def fill_in(prefix: str, values: Mapping[str, object]) -> str:
    """Replace `%width%`, `%year%` and the like; unknown marks stay as they are."""
    now = dt.datetime.now(dt.UTC).astimezone()
    facts: dict[str, object] = {
        "year": now.year,
        "month": f"{now.month:02}",
        "day": f"{now.day:02}",
        "hour": f"{now.hour:02}",
        "minute": f"{now.minute:02}",
        "second": f"{now.second:02}",
        **values,
    }
    return _MARK.sub(lambda mark: str(facts.get(mark[1], mark[0])), prefix)


def claim(root: Path, prefix: str, extension: str, values: Mapping[str, object] | None = None) -> Claim:
    """Reserve the next free name for `prefix` (which may hold folders) under `root`.

    Raises:
        PathError: the prefix leaves the root.
        StorageError: the folder cannot be made or written to.
    """
    stem = fill_in(prefix, values or {}).replace("\\", "/")
    if not stem or stem.endswith("/"):
        stem += "Safelight"
    target = inside(root, stem)
    if len(target.name.encode("utf-8", "surrogateescape")) > 200:
        raise PathError(f"the file name prefix {target.name[:40]!r}… is too long; keep it under 200 bytes")
    folder = make_folder(target.parent)
    number = _latest.after(folder, target.name)
    while True:
        path = folder / f"{target.name}_{number:05}_{extension}"
        try:
            os.close(os.open(_part(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise storage_error(path, error) from error
        if not path.exists():
            _latest.note(folder, target.name, number, path)
            return Claim(root, path)  # not before: a claim that goes unused removes its part
        _part(path).unlink(missing_ok=True)  # another process has finished this very name just before
        number += 1


class _Latest:
    """The latest number of each stem: a folder of many files is not looked through for each new one."""

    def __init__(self) -> None:
        self._given: OrderedDict[tuple[Path, str], tuple[int, Path]] = OrderedDict()
        self._lock = Lock()

    def after(self, folder: Path, stem: str) -> int:
        """What to begin with: after the latest while its file is there, else after the folder's highest."""
        with self._lock:
            number, path = self._given.get((folder, stem), (0, None))
        if path is not None and (path.exists() or _part(path).exists()):
            return number + 1
        return _highest(folder, stem) + 1

    def note(self, folder: Path, stem: str, number: int, path: Path) -> None:
        with self._lock:
            self._given[folder, stem] = (number, path)
            self._given.move_to_end((folder, stem))
            if len(self._given) > _STEMS:
                self._given.popitem(last=False)


_latest: Final = _Latest()


def _highest(folder: Path, stem: str) -> int:
    """The highest number taken or reserved for a stem."""
    numbered = re.compile(rf"\.?{re.escape(stem)}_(\d+)_?(\..*)?$", re.IGNORECASE)
    highest = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if found := numbered.match(entry.name):
                highest = max(highest, int(found[1]))
    return highest
