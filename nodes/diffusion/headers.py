"""What a safetensors file says of itself: names, types, shapes and places, without its tensors.

The format is eight bytes of length, so much JSON, then the data
(https://huggingface.co/docs/safetensors). Everything that a damaged or hostile
header can claim is checked here, once, so that later code may trust it.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nodes.diffusion.errors import ModelError

HEADER_LIMIT = 100_000_000  # bytes: the limit of the safetensors library itself

ITEM_SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip

PICKLES = {".ckpt", ".pt", ".pth", ".bin", ".pkl"}
CONVERT = "Convert it to .safetensors (`safelight convert`), or get that version of the model"
PICKLE = f"is a pickled PyTorch file, which can run code when it is read. {CONVERT}"

NOT_SAFETENSORS = (  # how other files begin, and what to tell their owner
    (b"PK\x03\x04", PICKLE),
    (b"\x80\x02", PICKLE),
    (b"GGUF", "is a GGUF file, which is not supported. Get the model as .safetensors"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the weights: run `git lfs pull`"),
    (b"<!DOCTYPE", "is a web page: the download went wrong"),
    (b"<html", "is a web page: the download went wrong"),
)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Type, shape and place of one tensor; `begin` and `end` count from the start of the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header(Mapping[str, TensorInfo]):
    """The tensors of a file by name, or of several files that make one network."""

    path: Path
    tensors: Mapping[str, TensorInfo]

    def __getitem__(self, name: str) -> TensorInfo:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def read_header(path: Path) -> Header:
    """The checked header of a safetensors file."""
    if path.suffix.lower() in PICKLES:
        raise ModelError(path, PICKLE)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            raw = _header_bytes(path, file, size)
    except FileNotFoundError as error:
        raise ModelError(path, "there is no such file") from error
    except OSError as error:
        raise ModelError(path, f"cannot be read ({error.strerror})") from error
    try:
        claims = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError(path, "is damaged: its header is not JSON. Download it again") from error
    if not isinstance(claims, dict):
        raise ModelError(path, "is damaged: its header is not a JSON object. Download it again")
    claims.pop("__metadata__", None)
    start = 8 + len(raw)
    tensors = {name: _tensor(path, name, claim, start, size) for name, claim in claims.items()}
    if not tensors:
        raise ModelError(path, "holds no tensors")
    return Header(path, tensors)


def _header_bytes(path: Path, file: BinaryIO, size: int) -> bytes:
    """The JSON of the header, unread; says what the file is when it has none."""
    first = file.read(64)
    for magic, problem in NOT_SAFETENSORS:
        if first.startswith(magic):
            raise ModelError(path, problem)
    if not first:
        raise ModelError(path, "is empty. Download it again")
    if first[8:9] != b"{":
        raise ModelError(path, "is not a safetensors file")
    length = int.from_bytes(first[:8], "little")
    if length > HEADER_LIMIT:
        raise ModelError(path, f"is damaged: it claims a header of {length} bytes. Download it again")
    if 8 + length > size:
        raise ModelError(path, "is truncated: it ends inside its header. Download it again")
    file.seek(8)
    return file.read(length)


def _tensor(path: Path, name: str, claim: Any, start: int, size: int) -> TensorInfo:
    """One entry of the header, with every claim checked against the file's length."""
    match claim:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if all(
            isinstance(n, int) and n >= 0 for n in shape
        ):
            pass
        case _:
            raise ModelError(path, f"is damaged: its header does not describe {name!r}. Download it again")
    if dtype not in ITEM_SIZES:
        raise ModelError(path, f"holds {name!r} as {dtype}, a type that is not supported")
    length = ITEM_SIZES[dtype]
    for n in shape:
        length *= n
    if not 0 <= begin <= end or end - begin != length:
        raise ModelError(
            path, f"is damaged: the size of {name!r} is not that of its shape. Download it again"
        )
    if start + end > size:
        missing = start + end - size
        raise ModelError(path, f"is truncated: at least {missing} bytes are missing. Download it again")
    return TensorInfo(path, dtype, tuple(shape), start + begin, start + end)


def read_values(header: Header, name: str) -> list[float]:
    """The numbers of one small floating-point tensor."""
    info = header[name]
    with info.file.open("rb") as file:
        file.seek(info.begin)
        raw = file.read(info.end - info.begin)
    match info.dtype:
        case "BF16":  # the upper half of a float32
            halves = (b"\0\0" + raw[i : i + 2] for i in range(0, len(raw), 2))
            return [value for (value,) in map(struct.Struct("<f").unpack, halves)]
        case "F16" | "F32" | "F64":
            code = {"F16": "e", "F32": "f", "F64": "d"}[info.dtype]
            return list(struct.unpack(f"<{len(raw) // ITEM_SIZES[info.dtype]}{code}", raw))
    raise ModelError(header.path, f"has {name!r} as {info.dtype}: expected a floating-point type")
