"""/v1/files: the files of the input, output and temp folders."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import Field

from engine.claims import storage_error
from engine.files import Files
from server import file_kinds
from server.keys import ENGINE, SETTINGS
from server.media import file_answer
from server.names import new_place
from server.part_files import put_new, put_over, received
from server.pictures import drawn
from server.refusal import Refusal
from server.stored_files import ROOTS, find
from server.v1.job import view
from server.v1.operation import Answer, Operations, Said
from server.v1.shape import Moment, Query, Shape, moment

operations: Final = Operations("files")

_PARTS: Final = {
    "root": "`input`, `output` or `temp`.",
    "file": "The file's name; it may lie in folders: `a/b.png`.",
}
_UNKNOWN: Final = {404: "There is no such folder or file."}


class FileEntry(Shape):
    """A file in one of the folders."""

    name: str
    """With the folders that it lies in: `a/b.png`."""
    root: Literal["input", "output", "temp"]
    size: int
    modified: Moment
    url: str


class FilePage(Shape):
    """A part of the files of a folder."""

    files: list[FileEntry]
    total: int
    limit: int
    offset: int


class FileListing(Query):
    prefix: str = ""
    """Only names that begin so."""
    sort: Literal["name", "modified"] = "name"
    order: Literal["asc", "desc"] = "asc"
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    offset: Annotated[int, Field(ge=0, le=1 << 53)] = 0


class Upload(Query):
    overwrite: bool = False
    """Whether a file of this name is replaced."""


@operations("GET", "/files/{root}", FilePage, errors=_UNKNOWN, parts=_PARTS)
async def get_files(request: web.Request, root: str, query: FileListing) -> FilePage:
    """List the files of a folder."""
    found, total = await asyncio.to_thread(listing, request.app[ENGINE].files, known(root), query)
    return FilePage(files=found, total=total, limit=query.limit, offset=query.offset)


@operations(
    "GET",
    "/files/{root}/{file}",
    {
        200: Said(description="The file.", media=("*/*",)),
        206: Said(description="A range of it.", media=("*/*",)),
    },
    errors={**_UNKNOWN, 400: "No file may be called so."},
    parts=_PARTS,
)
async def get_file(request: web.Request, root: str, file: str) -> web.StreamResponse:
    """Give a file."""
    path = await asyncio.to_thread(find, request.app[ENGINE].files, file, known(root))
    return file_answer(path)


@operations(
    "POST",
    "/files/{root}/{file}",
    {
        201: Said(FileEntry, "Stored.", {"Location": "The file."}),
    },
    errors={
        **_UNKNOWN,
        400: "No file may be called so, or it is not what its name says.",
        409: "There is a file of this name.",
        413: "It is too large.",
        415: "Files of its kind are not taken.",
    },
    takes="*/*",
    parts=_PARTS,
)
async def post_file(request: web.Request, root: str, file: str, query: Upload) -> Answer:
    """Store a file."""
    files, settings = request.app[ENGINE].files, request.app[SETTINGS]
    base = files.root(ROOTS[known(root)])
    path = new_place(base, file)
    if (request.content_length or 0) > settings.max_body:
        raise Refusal(413, "too_large", f"the file is larger than {settings.max_body} bytes, the limit here")
    async with received(request.content.iter_any(), files.temp, settings.max_body) as part:
        name = await drawn(file_kinds.check, part, path.name, "", settings.max_pixels)
        path = path.with_name(name)
        if query.overwrite:
            await asyncio.to_thread(put_over, part, base, path)
        elif not await asyncio.to_thread(put_new, part, base, path):
            raise Refusal(
                409, "name_taken", f"{file[:200]!r} exists already", "ask for overwrite=true to replace it"
            )
    stored = entry(base, path, root)
    return Answer(stored, 201, {"Location": stored.url})


@operations(
    "DELETE",
    "/files/{root}/{file}",
    {204: Said(description="It is gone.")},
    errors={**_UNKNOWN, 400: "No file may be called so.", 403: "It comes with Safelight."},
    parts=_PARTS,
)
async def delete_file(request: web.Request, root: str, file: str) -> web.Response:
    """Delete a file."""
    files = request.app[ENGINE].files
    path = await asyncio.to_thread(find, files, file, known(root))
    if not path.is_relative_to(files.root(ROOTS[root])):
        raise Refusal(403, "read_only", f"{file[:200]!r} comes with Safelight; it cannot be deleted")
    await asyncio.to_thread(remove, path)
    return web.Response(status=204)


def known(root: str) -> str:
    """A folder's name.

    Raises:
        Refusal: there is none of this name.
    """
    if root not in ROOTS:
        raise Refusal(
            404, "unknown_folder", f"there is no folder {root[:40]!r}", f"one of {', '.join(ROOTS)}"
        )
    return root


def listing(files: Files, root: str, query: FileListing) -> tuple[list[FileEntry], int]:
    """A part of the files of a folder, hidden ones left out, and how many there are."""
    names = [name for name in files.names(ROOTS[root]) if name.startswith(query.prefix)]
    last, part = query.order == "desc", slice(query.offset, query.offset + query.limit)
    if query.sort == "name":
        names.sort(key=str.lower, reverse=last)
        return list(entries(files, root, names[part])), len(names)
    found = sorted(entries(files, root, names), key=lambda each: each.modified, reverse=last)
    return found[part], len(found)


def entries(files: Files, root: str, names: Iterable[str]) -> Iterator[FileEntry]:
    """Files by name; those that come with Safelight are input too."""
    places = [files.root(ROOTS[root])]
    if root == "input" and files.examples is not None:
        places.append(files.examples)
    for name in names:
        for place in places:
            try:
                yield entry(place, place / name, root)
            except OSError:  # not in this place, or gone
                continue
            break


def entry(base: Path, path: Path, root: str) -> FileEntry:
    status = path.stat()
    name = path.relative_to(base)
    subfolder = name.parent.as_posix() if name.parent != Path() else ""
    return FileEntry(
        name=name.as_posix(),
        root=ROOTS[root],
        size=status.st_size,
        modified=moment(status.st_mtime),
        url=view(name.name, subfolder, root),
    )


def remove(path: Path) -> None:
    """Delete a file.

    Raises:
        StorageError: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
