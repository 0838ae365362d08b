"""What the machine is, found out without loading anything heavy."""

import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from engine.engine import machine_bytes

#: The release of ComfyUI whose protocol is spoken; clients compare it.
PROTOCOL: Final = "0.3.64"

_MEMINFO: Final = Path("/proc/meminfo")


def free_bytes() -> int:
    """The memory that a program could still be given."""
    try:
        lines = _MEMINFO.read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


@cache
def torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def stats(device_name: str) -> dict[str, Any]:
    """The machine and its device."""
    return {"system": system(), "devices": [device(device_name)]}


def system() -> dict[str, Any]:
    return {
        "os": sys.platform,
        "ram_total": machine_bytes(),
        "ram_free": free_bytes(),
        "comfyui_version": PROTOCOL,
        "required_frontend_version": "",
        "installed_templates_version": "",
        "required_templates_version": "",
        "python_version": sys.version,
        "pytorch_version": torch_version(),
        "embedded_python": False,
        "argv": ["safelight"],
    }


def device(name: str) -> dict[str, Any]:
    """A device as far as its name tells.  The processor's memory is the machine's; a GPU's is not known."""
    kind, _, number = name.partition(":")
    total, free = (machine_bytes(), free_bytes()) if kind == "cpu" else (0, 0)
    return {
        "name": name,
        "type": kind,
        "index": int(number) if number.isdigit() else 0,
        "vram_total": total,
        "vram_free": free,
        "torch_vram_total": total,
        "torch_vram_free": free,
    }
