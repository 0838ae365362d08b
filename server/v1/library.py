"""Saved workflows: JSON files in the home, and those that come with Safelight, which are never changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, Final

from engine.coercion import nearest
from engine.errors import UserError
from engine.files import Files
from engine.prompt import Document, as_document, read_json
from server.names import new_place
from server.part_files import part_in, put_over
from server.refusal import Refusal
from server.session import WORKFLOWS

_NAME: Final = re.compile(r"[^\W_][\w .()+-]{0,118}")

ANY: Final = "*"

_lock: Final = Lock()


@dataclass(frozen=True)
class Saved:
    """A saved workflow, as its file has it."""

    name: str
    content: bytes
    shipped: bool

    @property
    def tag(self) -> str:
        """What a client says to change this and no later version."""
        return f'"{blake2b(self.content, digest_size=12).hexdigest()}"'

    def document(self) -> Document:
        """The workflow.

        Raises:
            DocumentError: the file holds none.
        """
        return as_document(read_json(self.content, self.name), self.name)


@dataclass(frozen=True)
class Library:
    """The saved workflows of a home."""

    files: Files

    @property
    def folder(self) -> Path:
        return self.files.home / "workflows"

    def names(self) -> list[str]:
        found = {
            path.stem
            for folder in (self.folder, WORKFLOWS)
            for path in folder.glob("*.json")
            if path.is_file()
        }
        return sorted((name for name in found if _NAME.fullmatch(name)), key=str.lower)

    def all(self) -> Iterator[Saved]:
        """Every one that can be read."""
        for name in self.names():
            try:
                yield self.get(name)
            except UserError:  # it is gone, or there is no permission
                continue

    def get(self, name: str) -> Saved:
        """A workflow by its name; one in the home goes before one that came along.

        Raises:
            Refusal: there is none of this name.
        """
        if _NAME.fullmatch(name):
            for folder in (self.folder, WORKFLOWS):
                try:
                    content = (folder / f"{name}.json").read_bytes()
                except OSError:
                    continue
                return Saved(name, content, shipped=folder == WORKFLOWS)
        hint = nearest(name, self.names())
        raise Refusal(404, "unknown_workflow", f"there is no saved workflow {name[:100]!r}", hint)

    def put(
        self, name: str, content: bytes, *, matching: str = "", only_new: bool = False
    ) -> tuple[Saved, bool]:
        """Save a workflow in the home; True when there was none of this name there.

        Raises:
            Refusal: it has changed since the version that is meant, or it may not be called so.
            StorageError: the disk would not take it.
        """
        path = self._path(name)
        with _lock:
            before = self._in_home(name)
            self._hold(before, name, matching)
            if only_new and before is not None:
                raise Refusal(412, "exists", f"there is a workflow {name!r} already")
            part = part_in(self.files.temp)
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(content)
                put_over(part, self.folder, path)
            finally:
                part.unlink(missing_ok=True)
        return Saved(name, content, shipped=False), before is None

    def delete(self, name: str, *, matching: str = "") -> None:
        """Delete a workflow of the home; one of the same name that came along is seen again.

        Raises:
            Refusal: there is none, it has changed, or it came along.
        """
        with _lock:
            before = self._in_home(name)
            if before is None:
                self.get(name)
                raise Refusal(403, "read_only", f"{name!r} comes with Safelight; it cannot be deleted")
            self._hold(before, name, matching)
            self._path(name).unlink(missing_ok=True)

    def _in_home(self, name: str) -> Saved | None:
        try:
            return Saved(name, self._path(name).read_bytes(), shipped=False)
        except OSError:
            return None

    def _hold(self, before: Saved | None, name: str, matching: str) -> None:
        """Refuse to change another version than the one that is meant."""
        if not matching:
            return
        tags = {tag.strip().removeprefix("W/") for tag in matching.split(",")}
        if before is None or (ANY not in tags and before.tag not in tags):
            raise Refusal(
                412, "changed", f"the workflow {name!r} is not the version that you read", "read it again"
            )

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Refusal(
                400,
                "invalid_name",
                f"{name[:100]!r} cannot name a workflow",
                "use letters, digits, spaces and .()+-_, up to 119 of them, with a letter or digit first",
            )
        return new_place(self.folder, f"{name}.json")


def title_of(document: Document) -> tuple[str, str]:
    """The title and description that a document of any form has."""
    about: Any = document.get("_workflow")
    about = about if isinstance(about, dict) else {}
    title, description = (about.get(key) for key in ("title", "description"))
    return (title if isinstance(title, str) else "", description if isinstance(description, str) else "")
