"""The device that people chose: which one it is, what it computes with, and how its thread is set up."""

import ctypes
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from engine.errors import UserError

if TYPE_CHECKING:
    import torch

Part = Literal["denoiser", "autoencoder"]

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
    if "+cpu" not in version("torch") and (Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi")):
        return "cuda"
    return "cpu"


def profile(device_name: str) -> str:
    """What decides the last bits of a result: part of the cache key of what is computed.  Without torch."""
    precision = ",".join(PRECISION[kind(device_name)].values())
    major, minor, *_ = version("torch").split(".")
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
    return torch.device(device_name)


def precision(device_name: str, part: Part) -> "torch.dtype":
    """What a part of a model computes with."""
    import torch

    dtype = getattr(torch, PRECISION[kind(device_name)][part])
    assert isinstance(dtype, torch.dtype)
    return dtype


@contextmanager
def scope() -> Iterator[None]:
    """Surrounds everything that a device's thread does."""
    import torch

    keep_freed_memory()
    with torch.inference_mode():
        yield


def keep_freed_memory() -> None:
    """Tell glibc's allocator to keep large blocks that are freed, rather than hand them back each time.

    Every layer of a network frees and takes tensors of megabytes; each of them anew from the kernel
    costs a page fault per 4 KiB.  `tests/benchmarks/allocator.py` measures what this gains.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        for option, value in MALLOC:
            mallopt(option, value)


MMAP_MAX: Final = -4
TRIM_THRESHOLD: Final = -1
MALLOC: Final = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1))  # an option's value is a C int
