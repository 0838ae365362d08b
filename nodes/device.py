"""The device that people chose: which one it is, what it computes with, and how its thread is set up."""

import ctypes
import gc
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal

from engine.node import UserError

if TYPE_CHECKING:
    import torch

Part = Literal["denoiser", "autoencoder"]

#: Kinds of devices that models are copied to from the host's memory.
OWN_MEMORY: Final[set[str]] = {"cuda"}

#: What weights may take of a device's memory; the rest is for what is computed with them.
MODELS_SHARE: Final = 0.8

#: What each kind of device computes with; text encoders compute in float32 everywhere.  Autoencoders are
#: small beside denoisers, and some overflow in half precision.
PRECISION: Final[dict[str, dict[Part, str]]] = {
    "cpu": {"denoiser": "float32", "autoencoder": "float32"},
    "cuda": {"denoiser": "float16", "autoencoder": "float32"},
    "mps": {"denoiser": "float16", "autoencoder": "float32"},
}


def kind(device_name: str) -> str:
    """`cuda` of `cuda:1`.

    Raises:
        UserError: there is no such kind of device.
    """
    name = device_name.partition(":")[0]
    if name not in PRECISION:
        raise UserError(f"unknown device {device_name!r}; there are {', '.join(PRECISION)} (or cuda:1, …)")
    return name


def best() -> str:
    """The device to take when nobody chose one; a guess from outside, as torch is not loaded yet."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    if "+cpu" not in torch_version() and (Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi")):
        return "cuda"
    return "cpu"


@cache
def torch_version() -> str:
    """Of the torch that is installed; it is not loaded."""
    return version("torch")


def profile(device_name: str) -> str:
    """What decides the last bits of a result: part of the cache key of what is computed.  Without torch."""
    precision = ",".join(PRECISION[kind(device_name)].values())
    major, minor, *_ = torch_version().split(".")
    return f"{kind(device_name)} {precision} torch {major}.{minor}"


def choose(device_name: str) -> "torch.device":
    """The device of a name.

    Raises:
        UserError: this machine has none such.
    """
    import torch

    name = kind(device_name)
    index = device_name.partition(":")[2] or "0"
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if not index.isdecimal() or int(index) >= present[name]:
        others = [each for each, count in present.items() if count]
        raise UserError(f"no device {device_name!r} on this machine; there is {' and '.join(others)}")
    if name == "cpu":
        tune_allocator(KEEP_FREED)
    return torch.device(device_name)


def precision(device_name: str, part: Part) -> "torch.dtype":
    """What a part of a model computes with."""
    import torch

    dtype = getattr(torch, PRECISION[kind(device_name)][part])
    assert isinstance(dtype, torch.dtype)
    return dtype


def itemsize(device_name: str, part: Part) -> int:
    """Bytes of a number of what a part of a model computes with.  Without torch."""
    return {"float32": 4, "float16": 2, "bfloat16": 2}[PRECISION[kind(device_name)][part]]


def has_memory(device_name: str) -> bool:
    """Whether a device has a memory of its own."""
    return kind(device_name) in OWN_MEMORY


def model_memory(device_name: str) -> Callable[[], int] | None:
    """Tells the bytes that models may take on a device with a memory of its own."""
    if not has_memory(device_name):
        return None

    def measured() -> int:
        import torch

        return int(torch.cuda.get_device_properties(choose(device_name)).total_memory * MODELS_SHARE)

    return measured


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is not enough memory."""
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from nodes.diffusion import memory

    return memory.is_full(error)


def give_back() -> None:
    """Give memory that was let go back to the system, or to the device's other users."""
    gc.collect()  # networks are full of cycles
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # as torch has it
            torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def stopwatch(device_name: str) -> Callable[[], float | None]:
    """Measure what a device does.  One that works behind the thread's back is not waited for."""
    if kind(device_name) != "cuda":
        start = perf_counter()
        return lambda: perf_counter() - start
    import torch

    stream = torch.cuda.current_stream(choose(device_name))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record(stream)
    ended = False

    def read() -> float | None:
        nonlocal ended
        if not ended:
            end.record(stream)
            ended = True
        return begin.elapsed_time(end) / 1e3 if end.query() else None  # type: ignore[no-untyped-call]

    return read


@contextmanager
def scope() -> Iterator[None]:
    """Surrounds everything that a device's thread does."""
    import torch

    with torch.inference_mode():
        yield


class Malloc(IntEnum):
    """Options of glibc's allocator, as `malloc.h` numbers them; values are C ints."""

    TRIM_THRESHOLD = -1
    MMAP_MAX = -4
    ARENA_MAX = -8


def tune_allocator(options: Mapping[Malloc, int]) -> None:
    """Set options where the C library is glibc, and do nothing elsewhere."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in options.items():
            mallopt(int(option), value)


# Every layer of a network takes and frees tensors of megabytes.  By default glibc gives each back to the
# kernel, and every 4 KiB of the next one cost a page fault.  Kept memory is used again instead:
# `tests/benchmarks/allocator.py` measures the gain.
KEEP_FREED: Final = {Malloc.MMAP_MAX: 0, Malloc.TRIM_THRESHOLD: 2**31 - 1}

# Only the main arena keeps memory, and a thread takes its arena with its first allocation: this must
# stand before the device's thread does, so it is here and not in `scope`.
tune_allocator({Malloc.ARENA_MAX: 1})
