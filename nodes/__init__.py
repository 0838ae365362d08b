"""The built-in nodes: thin nodes over plain numerics.

This module declares the pack and imports none of it; torch comes in when a node runs.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nodes.pinhole import WEIGHTS

NAMESPACE = "core"

MODULES = (
    "nodes.loaders",
    "nodes.lora",
    "nodes.merging",
    "nodes.adapters",
    "nodes.text",
    "nodes.conditioning",
    "nodes.controlnet",
    "nodes.latent",
    "nodes.latent_operations",
    "nodes.sampling",
    "nodes.custom_sampling",
    "nodes.schedules",
    "nodes.model_sampling",
    "nodes.model_changes",
    "nodes.vae",
    "nodes.vae_tiled",
    "nodes.inpainting",
    "nodes.image",
    "nodes.image_sizes",
    "nodes.image_batches",
    "nodes.image_effects",
    "nodes.compositing",
    "nodes.saving",
    "nodes.upscale",
    "nodes.mask",
    "nodes.logic",
    "nodes.strings",
)

#: Models that come with the pack: folder, name, place.
MODELS = {"checkpoints": {"pinhole": WEIGHTS}}


def best_device() -> str:
    """The device to take when nobody chose one."""
    from nodes import device

    return device.best()


def profile(device_name: str) -> str:
    """What decides the last bits of numeric results on a device."""
    from nodes import device

    return device.profile(device_name)


def scope() -> AbstractContextManager[None]:
    """Surrounds everything that runs on a device's thread."""
    from nodes import device

    return device.scope()


def model_memory(device_name: str) -> Callable[[], int] | None:
    """Tells the bytes that models may take on a device with a memory of its own."""
    from nodes import device

    return device.model_memory(device_name)


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is not enough memory."""
    from nodes import device

    return device.is_full(error)


def give_back() -> None:
    """Give memory that was let go back to the system."""
    from nodes import device

    device.give_back()


def stopwatch(device_name: str) -> Callable[[], float | None]:
    """Measure what a device does, without waiting for it."""
    from nodes import device

    return device.stopwatch(device_name)


def yardstick(name: str, device_name: str, **options: Any) -> Callable[[], Any]:
    """The same work as a run's without the engine, to be measured beside it."""
    from nodes.yardsticks import YARDSTICKS

    return YARDSTICKS[name](device_name, **options)


def warm_up() -> None:
    """Load what the first run needs: seconds that nobody has to wait for."""
    from nodes.diffusion import clip, loading, sampling  # noqa: F401

    loading.network_classes()


def read_workflow(path: Path) -> dict[str, str]:
    """The texts that a picture carries."""
    from nodes import embedded

    return embedded.read_workflow(path)


def as_images(value: Any) -> list[Any]:
    """The pictures (PIL) that an IMAGE value is; none for other values."""
    from nodes import pictures

    return pictures.as_images(value)
