"""Values taken apart into JSON and raw arrays, and put together again exactly.

What is not JSON is marked by a dict with the one key `$kind`: tensors become buffers, tuples and the
frozen dataclasses of `KEPT` say what they were.  Anything else is refused, so that a value that could
not come back as it was is never written at all.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.node import Buffer, Codec, Json, Packed

if TYPE_CHECKING:
    import torch

C = TypeVar("C", bound=type)

#: Names as safetensors writes them -> torch's.
DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

JSON: Final = (bool, int, float, str, list, tuple, dict)

#: Dataclasses that may be written, by name.
KEPT: Final[dict[str, type]] = {}


def kept(cls: C) -> C:
    """Let values of a dataclass be written: all its fields must be writable."""
    KEPT[cls.__name__] = cls
    return cls


def fields(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def measure(value: Any) -> int:
    """The bytes of all tensors inside a value, and a little for the rest."""
    if isinstance(value, Mapping):
        return 64 + sum(map(measure, value.values()))
    if isinstance(value, tuple | list):
        return 64 + sum(map(measure, value))
    if type(value) in KEPT.values():
        return 64 + sum(map(measure, fields(value).values()))
    return 64 + int(getattr(value, "nbytes", 0))


def pack(value: object) -> Packed:
    """Take a value apart.

    Raises:
        TypeError: something inside cannot be written.
    """
    buffers: dict[str, Buffer] = {}
    return Packed(_packed(value, buffers), buffers)


def unpack(packed: Packed) -> Any:
    """The value that was packed.

    Raises:
        ValueError: this is nothing that `pack` gave.
    """
    return _unpacked(packed.tree, packed.buffers)


EXACT: Final = Codec(pack, unpack)


def _packed(value: Any, buffers: dict[str, Buffer]) -> Json:
    if isinstance(value, JSON) and type(value) not in JSON:  # a subclass would not come back as itself
        raise TypeError(f"a {type(value).__qualname__} cannot be written to disk")
    match value:
        case None | bool() | int() | str():
            return value
        case Path():
            return {"$kind": "path", "value": str(value)}
        case float():
            return value if math.isfinite(value) else {"$kind": "float", "value": str(value)}
        case list():
            return [_packed(each, buffers) for each in value]
        case tuple():
            return {"$kind": "tuple", "items": [_packed(each, buffers) for each in value]}
        case dict() if all(isinstance(key, str) for key in value) and "$kind" not in value:
            return {key: _packed(each, buffers) for key, each in value.items()}
    if KEPT.get(type(value).__name__) is type(value):
        return {"$kind": type(value).__name__, "fields": _packed(fields(value), buffers)}
    if hasattr(value, "data_ptr"):
        name = str(len(buffers))
        buffers[name] = tensor_buffer(value)
        return {"$kind": "tensor", "buffer": name}
    raise TypeError(f"a {type(value).__qualname__} cannot be written to disk")


def _unpacked(tree: Json, buffers: Mapping[str, Buffer]) -> Any:
    match tree:
        case list():
            return [_unpacked(each, buffers) for each in tree]
        case {"$kind": "float", "value": str(text)}:
            return float(text)
        case {"$kind": "path", "value": str(text)}:
            return Path(text)
        case {"$kind": "tuple", "items": list(items)}:
            return tuple(_unpacked(each, buffers) for each in items)
        case {"$kind": "tensor", "buffer": str(name)} if name in buffers:
            return buffer_tensor(buffers[name])
        case {"$kind": str(name), "fields": dict(parts)} if name in KEPT:
            try:
                return KEPT[name](**{key: _unpacked(each, buffers) for key, each in parts.items()})
            except TypeError as error:  # fields of another version
                raise ValueError(f"this {name} has other fields: {error}") from error
        case {"$kind": kind}:
            raise ValueError(f"a stored value holds an unknown {kind!r}")
        case dict():
            return {key: _unpacked(each, buffers) for key, each in tree.items()}
    return tree


def tensor_buffer(tensor: "torch.Tensor") -> Buffer:
    """A tensor's bytes, wherever it lies and however it is strided."""
    import torch

    names = {getattr(torch, ours): short for short, ours in DTYPES.items()}
    if tensor.dtype not in names:
        raise TypeError(f"a tensor of {tensor.dtype} cannot be written to disk")
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return Buffer(names[tensor.dtype], tuple(tensor.shape), data)


def buffer_tensor(buffer: Buffer) -> "torch.Tensor":
    """The tensor that a buffer holds, with memory of its own."""
    import torch

    if buffer.dtype not in DTYPES:
        raise ValueError(f"a stored tensor is of an unknown type {buffer.dtype!r}")
    dtype = getattr(torch, DTYPES[buffer.dtype])
    if len(buffer.data) != math.prod(buffer.shape) * dtype.itemsize:
        raise ValueError(f"a stored tensor of shape {buffer.shape} has {len(buffer.data)} bytes")
    if not buffer.data:
        return torch.empty(buffer.shape, dtype=dtype)
    return torch.frombuffer(bytearray(buffer.data), dtype=dtype).reshape(buffer.shape)
