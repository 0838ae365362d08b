"""Low-rank changes of weights (arXiv 2106.09685), merged into copies of those they touch.

A changed network shares every other tensor with the one it comes from, which stays as it was: taking a
LoRA off is going back to it, bit for bit.
"""

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nodes.diffusion.components import Checkpoint, Part
from nodes.diffusion.denoisers import UNetDenoiser
from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import read_header
from nodes.diffusion.layouts.lora import addressed, matched, read_changes
from nodes.diffusion.text import TextEncoder

Network = TypeVar("Network", bound=nn.Module)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lora:
    """A file, how strongly it is applied, and what stands for its content."""

    path: Path
    strength: float
    identity: str


def patched_denoiser(base: UNetDenoiser, checkpoint: Checkpoint, loras: Sequence[Lora]) -> UNetDenoiser:
    """The denoiser with LoRAs, in their order; `base` is as it was."""
    unet = patched(base.unet, "denoiser", checkpoint, loras, lambda weight: weight)
    return replace(base, unet=unet, identity=(base.identity, _identity(loras)), base=base)


def patched_text_encoder(base: TextEncoder, checkpoint: Checkpoint, loras: Sequence[Lora]) -> TextEncoder:
    """The same for a text encoder, whose weights are rounded to float16 whenever they are loaded."""
    network = patched(base.network, "text_encoder", checkpoint, loras, Tensor.half)
    return replace(base, network=network, identity=(base.identity, _identity(loras)), base=base)


def _identity(loras: Sequence[Lora]) -> tuple[tuple[str, float], ...]:
    return tuple((lora.identity, lora.strength) for lora in loras)


def patched(
    network: Network,
    part: Part,
    checkpoint: Checkpoint,
    loras: Sequence[Lora],
    rounded: Callable[[Tensor], Tensor],
) -> Network:
    """A network that shares all tensors but the changed ones."""
    state = network.state_dict()
    sums: dict[str, Tensor] = {}
    for lora in loras:
        for name, delta in _deltas(lora.path, part, checkpoint, state):
            weight = sums[name] if name in sums else state[name].float()
            sums[name] = weight + lora.strength * delta.to(weight.device)
    shared = chain(network.parameters(), network.buffers())
    changed = copy.deepcopy(network, {id(tensor): tensor for tensor in shared})
    new = {name: rounded(weight).to(state[name].dtype) for name, weight in sums.items()}
    changed.load_state_dict(new, strict=False, assign=True)
    return changed.eval().requires_grad_(False)


def _deltas(
    path: Path, part: Part, checkpoint: Checkpoint, state: Mapping[str, Tensor]
) -> list[tuple[str, Tensor]]:
    """What a file adds to the parameters that it changes."""
    everything = read_changes(read_header(path))
    changes = matched(path, everything, part, checkpoint.components[part])
    if strange := len(addressed(everything, part)) - len(changes):
        log.warning("%s: %d of its modules are not in this model and are left out", path.name, strange)
    found = []
    try:
        with safe_open(path, framework="pt") as file:
            for module, change in changes.items():
                tensors = {role: file.get_tensor(name).float() for role, name in change.names.items()}
                if "bias" in tensors:
                    found.append((f"{module}.bias", tensors["bias"]))
                if (delta := _delta(tensors)) is not None:
                    found.append((f"{module}.weight", delta))
    except (OSError, SafetensorError) as error:
        raise ModelError(path, f"cannot be read ({error})") from error
    return [(name, _fitted(path, name, delta, state)) for name, delta in found]


def _delta(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The change of a weight, [out, …]: up · down, scaled by alpha over the rank if there is an alpha."""
    delta = tensors.get("diff")
    if "up" in tensors:
        up, down = tensors["up"], tensors["down"]
        if "mid" in tensors:  # a core between the two, for convolutions
            low = torch.einsum("rs...,si->ri...", tensors["mid"], down.flatten(1))
            product = torch.tensordot(up.flatten(1), low, 1)
        else:
            product = up.flatten(1) @ down.flatten(1)
        scale = float(tensors["alpha"]) / len(down) if "alpha" in tensors else 1.0
        delta = product * scale if delta is None else delta + product * scale
    return delta


def _fitted(path: Path, name: str, delta: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """The change in the shape of the parameter; convolutions of one pixel are matrices in some files."""
    if name not in state:
        raise ModelError(path, f"changes {name!r}, which this model does not have")
    wanted = state[name].shape
    if delta.numel() != wanted.numel() or (delta.ndim and len(delta) != wanted[0]):
        problem = f"it changes {name!r} by {list(delta.shape)}, and this model has {list(wanted)} there"
        raise ModelError(path, f"was made for another family of models: {problem}")
    return delta.reshape(wanted)
