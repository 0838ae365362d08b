"""The disk tier: dear results, kept over restarts, in a folder that several processes may share.

One safetensors file per entry: the arrays' bytes, and in the metadata a JSON record that says how they
make up the values.  Files are written behind the run on one thread, beside their
name and then renamed, with a checksum; a torn or foreign file is a miss, and is removed.  What no codec
can write (a foreign object) stays in memory.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open

from engine.cache import Entry, measure
from engine.signature import Key
from engine.spec import NodeSpec
from engine.types import Buffer, Packed

FORMAT: Final = 1
SUFFIX: Final = ".safetensors"

#: Before the suffix of what shared calls gave: one look at the names tells what counts under `exact`.
MERGED: Final = ".merged"

#: A result is dear when it took this long, or this many times what writing it takes.
DEAR_SECONDS: Final = 0.020
DEAR_RATIO: Final = 10.0
_WRITE_OVERHEAD: Final = 0.5e-3
_WRITE_RATE: Final = 500e6

#: No write takes this many seconds: its process is gone.
_ABANDONED: Final = 3600


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the tier, for people: what it holds and how large it is."""

    key: str
    class_type: str
    nbytes: int
    path: Path


@dataclass
class DiskCache:
    """Entries below `folder`, within `budget` bytes; with `exact`, those that are not do not count."""

    folder: Path
    budget: int = 8 << 30
    exact: bool = False
    _writer: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="cache-writer")
    )
    _written: int = 0
    _pending: set[Future[None]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def path(self, key: Key, *, exact: bool = True) -> Path:
        name = key.hex()
        return self.folder / name[:2] / (name + (SUFFIX if exact else MERGED + SUFFIX))

    def has(self, key: Key) -> bool:
        return any(path.is_file() for path in self._paths(key))

    def get(self, key: Key, spec: NodeSpec) -> Entry | None:
        """Read an entry; anything that is wrong with it makes it a miss."""
        found = (self._get(path, spec) for path in self._paths(key) if path.is_file())
        return next((entry for entry in found if entry is not None), None)

    def _paths(self, key: Key) -> list[Path]:
        """Where an entry may be, the exact one first."""
        return [self.path(key)] if self.exact else [self.path(key), self.path(key, exact=False)]

    def _get(self, path: Path, spec: NodeSpec) -> Entry | None:
        try:
            entry = _read(path, spec)
            if entry is not None and entry.valid and (entry.exact or not self.exact):
                with suppress(OSError):  # a folder that is only read from
                    os.utime(path)
                return entry
        except Exception:  # noqa: BLE001, S110  # a file may hold anything
            pass
        with suppress(OSError):
            path.unlink()
        return None

    def offer(self, key: Key, spec: NodeSpec, entry: Entry) -> None:
        """Write an entry behind the run, if it is dear and can be written."""
        if why_not(spec, entry) is None:
            pending = self._writer.submit(self._write, key, spec, entry)
            with self._lock:
                self._pending.add(pending)
            pending.add_done_callback(self._settled)

    def _settled(self, done: Future[None]) -> None:
        with self._lock:
            self._pending.discard(done)

    def _write(self, key: Key, spec: NodeSpec, entry: Entry) -> None:
        path = self.path(key, exact=entry.exact)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            content = _content(spec, entry)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(path)
        except Exception:  # noqa: BLE001  # a cache that cannot be written is only slower
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            return
        self._written += len(content)
        if self._written > self.budget // 16:
            self._written = 0
            self.trim()

    def trim(self) -> None:
        """Remove what was not used longest, down to the budget, and what killed processes left behind."""
        for part in self.folder.glob("??/.*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED:
                    part.unlink()
        files = []
        for path in self._files():
            with suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda each: each[0]):
            if total <= self.budget:
                return
            with suppress(OSError):
                path.unlink()
                total -= size

    def flush(self) -> None:
        """Wait until everything offered is written."""
        with self._lock:
            pending = list(self._pending)
        for each in pending:
            each.result()

    def close(self) -> None:
        self._writer.shutdown()
        if self._written:
            self.trim()

    def entries(self) -> Iterator[Stored]:
        for path in sorted(self._files()):
            class_type = "?"
            with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
                length = min(int.from_bytes(file.read(8), "little"), 1 << 24)
                class_type = json.loads(json.loads(file.read(length))["__metadata__"]["entry"])["class_type"]
            yield Stored(
                path.name.removesuffix(SUFFIX).removesuffix(MERGED), class_type, path.stat().st_size, path
            )

    def clear(self) -> int:
        """Remove every entry; gives the bytes that were freed."""
        self.flush()
        freed = 0
        for path in self._files():
            with suppress(OSError):
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _files(self) -> Iterator[Path]:
        return self.folder.glob(f"??/*{SUFFIX}")


def why_not(spec: NodeSpec, entry: Entry) -> str | None:
    """Why an entry does not go to disk; None when it does: it was dear, or wrote files."""
    for output in spec.outputs:
        if output.socket.codec is None:
            return f"values of type {output.socket.wire} stay in memory"
    if entry.files:
        return None
    if entry.seconds > DEAR_SECONDS or entry.seconds > DEAR_RATIO * (
        _WRITE_OVERHEAD + entry.nbytes / _WRITE_RATE
    ):
        return None
    return "it is cheaper to compute again"


def _content(spec: NodeSpec, entry: Entry) -> bytes:
    """An entry as the bytes of a file."""
    import numpy as np
    from safetensors.numpy import save

    arrays: dict[str, bytes] = {}
    slots = []
    for output, values in zip(spec.outputs, entry.slots, strict=True):
        codec = output.socket.codec
        assert codec is not None  # `why_not` looked
        trees = []
        for value in values:
            packed = codec.pack(value)
            buffers = {}
            for name, buffer in packed.buffers.items():
                full = f"{len(arrays)}.{name}"
                arrays[full] = buffer.data
                buffers[name] = [full, buffer.dtype, buffer.shape]
            trees.append({"tree": packed.tree, "buffers": buffers})
        slots.append(trees)
    record = {
        "format": FORMAT,
        "class_type": spec.class_type,
        "slots": slots,
        "shown": dict(entry.shown),
        "files": list(entry.files),
        "seconds": entry.seconds,
        "exact": entry.exact,
    }
    text = json.dumps(record)
    return save(
        {name: np.frombuffer(data, np.uint8) for name, data in arrays.items()},
        {"entry": text, "digest": _digest(text, arrays)},
    )


def _read(path: Path, spec: NodeSpec) -> Entry | None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118  # no mapping
    record = json.loads(metadata["entry"])
    if record["format"] != FORMAT or record["class_type"] != spec.class_type:
        return None
    if _digest(metadata["entry"], arrays) != metadata["digest"]:
        return None
    slots = []
    for output, trees in zip(spec.outputs, record["slots"], strict=True):
        codec = output.socket.codec
        if codec is None:
            return None
        slots.append([codec.unpack(_packed(tree, arrays)) for tree in trees])
    nbytes = measure(spec, tuple(slots))
    return Entry(
        tuple(slots),
        record["shown"],
        tuple(record["files"]),
        record["seconds"],
        nbytes,
        record.get("exact", True),
    )


def _packed(tree: dict[str, Any], arrays: dict[str, bytes]) -> Packed:
    buffers = {
        name: Buffer(dtype, tuple(shape), arrays[full])
        for name, (full, dtype, shape) in tree["buffers"].items()
    }
    return Packed(tree["tree"], buffers)


def _digest(text: str, arrays: dict[str, bytes]) -> str:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name])
    return digest.hexdigest()
