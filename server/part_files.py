"""Files on their way in: received under a hidden name, and given their own when they are whole."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from engine.claims import storage_error
from engine.files import make_folder
from engine.model_paths import exists
from server.refusal import Refusal


def part_in(folder: Path) -> Path:
    """A hidden name that nobody else uses."""
    return folder / f".{uuid4().hex}.part"


@asynccontextmanager
async def received(chunks: AsyncIterable[bytes], folder: Path, limit: int) -> AsyncIterator[Path]:
    """A part file in `folder` with everything that came; gone afterwards, unless it was given a name.

    Raises:
        Refusal: more than `limit` bytes came.
        StorageError: the disk would not take them.
    """
    part = part_in(folder)
    try:
        await _write(chunks, part, limit)
        yield part
    finally:
        await asyncio.to_thread(_forget, part)


def _forget(part: Path) -> None:
    with suppress(OSError):  # there is no such folder, for instance
        part.unlink()


async def _write(chunks: AsyncIterable[bytes], part: Path, limit: int) -> None:
    await asyncio.to_thread(make_folder, part.parent)
    size = 0
    try:
        file = await asyncio.to_thread(part.open, "xb")
    except OSError as error:
        raise storage_error(part, error) from error
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise Refusal(413, "too_large", f"the file is larger than {limit} bytes, the limit here")
            try:
                await asyncio.to_thread(file.write, chunk)
            except OSError as error:
                raise storage_error(part, error) from error
    finally:
        await asyncio.to_thread(file.close)


def put_new(part: Path, root: Path, path: Path) -> bool:
    """Give a part file a name that is free; False when it is taken.

    Raises:
        Refusal: a file lies where a folder must be.
        StorageError: the disk would not take it.
    """
    _make_way(root, path)
    try:
        with _on_the_disk_of(part, path) as near:
            _take(near, path)
        part.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_error(path, error) from error
    return True


def put_over(part: Path, root: Path, path: Path) -> None:
    """Give a part file a name, in the place of what has it.

    Raises:
        Refusal: a folder has the name, or a file lies where a folder must be.
        StorageError: the disk would not take it.
    """
    _make_way(root, path)
    if path.is_dir():
        raise Refusal(400, "name_taken", f"{path.name!r} is a folder; choose another name")
    try:
        with _on_the_disk_of(part, path) as near:
            near.replace(path)
            if near != part:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def _on_the_disk_of(part: Path, path: Path) -> Iterator[Path]:
    """The part itself, or a copy of it when a rename would cross from one disk to another."""
    if part.stat().st_dev == path.parent.stat().st_dev:
        yield part
        return
    copy = part_in(path.parent)
    try:
        shutil.copyfile(part, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _take(part: Path, path: Path) -> None:
    """Give a file a second name, or its only one: of two who try, one gets it, and never half a file.

    Raises:
        FileExistsError: it is taken.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without such links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        part.replace(path)


def write_whole(root: Path, path: Path, content: str) -> None:
    """Write a text so that nobody ever reads half of it.

    Raises:
        StorageError: the disk would not take it.
    """
    _make_way(root, path)
    part = part_in(path.parent)
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def _make_way(root: Path, path: Path) -> None:
    """Make the folders between a root and a file."""
    for folder in path.parents:
        if exists(folder):
            if not folder.is_dir():
                raise Refusal(
                    400, "name_taken", f"{folder.name!r} is a file, not a folder; choose another name"
                )
            break
        if folder == root:
            break
    make_folder(path.parent)
