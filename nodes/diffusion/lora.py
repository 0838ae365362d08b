"""Low-rank changes of weights (arXiv 2106.09685) and other models, merged into copies of those they touch.

A changed network shares every other tensor with the one it comes from, which stays as it was: taking a
LoRA off is going back to it, bit for bit.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from nodes.diffusion.low_rank import changed_weight
from nodes.diffusion.text import TextEncoder

Network = TypeVar("Network", bound=nn.Module)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lora:
    """A file, how strongly it is applied, and what stands for its content."""

    path: Path
    strength: float
    identity: str


@dataclass(frozen=True)
class Merge:
    """Another network of the same form, and how its weights are worked in: `ours` W1 + `theirs` W2.

    Both shares are functions of a parameter's name.
    """

    operand: Callable[[], nn.Module]
    ours: Callable[[str], float]
    theirs: Callable[[str], float]
    identity: str
    path: Path
    strength: float = 1.0

    def merged(self, sums: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Every parameter that differs, in float32.

        Raises:
            ModelError: the networks are of different forms.
        """
        others = self.operand().state_dict()
        if others.keys() != state.keys() or any(others[name].shape != state[name].shape for name in state):
            raise ModelError(self.path, "is of another form; only models of one family can be merged")
        for name, tensor in state.items():
            if not tensor.is_floating_point():
                continue
            ours, theirs = self.ours(name), self.theirs(name)
            if (ours, theirs) != (1.0, 0.0):
                weight = sums[name] if name in sums else tensor.float()
                yield name, weight * ours + others[name].to(weight) * theirs


Patch = Lora | Merge


def patched_denoiser(base: UNetDenoiser, checkpoint: Checkpoint, loras: Sequence[Patch]) -> UNetDenoiser:
    """The denoiser with LoRAs and merged models, in their order; `base` is as it was."""
    unet = patched(base.unet, "denoiser", checkpoint, loras, lambda weight: weight)
    return replace(base, unet=unet, identity=(base.identity, _identity(loras)), base=base)


def patched_text_encoder(base: TextEncoder, checkpoint: Checkpoint, loras: Sequence[Patch]) -> TextEncoder:
    """The same for a text encoder, whose weights are rounded to float16 whenever they are loaded."""
    network = patched(base.network, "text_encoder", checkpoint, loras, Tensor.half)
    return replace(base, network=network, identity=(base.identity, _identity(loras)), base=base)


def _identity(loras: Sequence[Patch]) -> tuple[tuple[str, float], ...]:
    return tuple((lora.identity, lora.strength) for lora in loras)


def patched(
    network: Network,
    part: Part,
    checkpoint: Checkpoint,
    loras: Sequence[Patch],
    rounded: Callable[[Tensor], Tensor],
) -> Network:
    """A network that shares all tensors but the changed ones."""
    state = network.state_dict()
    sums: dict[str, Tensor] = {}
    for lora in loras:
        if isinstance(lora, Merge):
            sums.update(lora.merged(sums, state))
            continue
        for name, tensors in _changes(lora.path, part, checkpoint, state):
            weight = sums[name] if name in sums else state[name].float()
            placed = {role: tensor.to(weight.device) for role, tensor in tensors.items()}
            try:
                sums[name] = changed_weight(weight, placed, lora.strength)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError, ArithmeticError, IndexError, TypeError) as error:
                problem = f"what it changes in {name!r} does not fit {list(weight.shape)} ({error})"
                raise ModelError(
                    lora.path, f"was made for another family of models, or is damaged: {problem}"
                ) from error
    shared = chain(network.parameters(), network.buffers())
    changed = copy.deepcopy(network, {id(tensor): tensor for tensor in shared})
    new = {name: rounded(weight).to(state[name].dtype) for name, weight in sums.items()}
    changed.load_state_dict(new, strict=False, assign=True)
    return changed.eval().requires_grad_(False)


def _changes(
    path: Path, part: Part, checkpoint: Checkpoint, state: Mapping[str, Tensor]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The parameters that a file changes, each with the tensors that do it."""
    everything = read_changes(read_header(path))
    changes = matched(path, everything, part, checkpoint.components[part])
    if strange := len(addressed(everything, part)) - len(changes):
        log.warning("%s: %d of its modules are not in this model and are left out", path.name, strange)
    try:
        with safe_open(path, framework="pt") as file:
            for module, change in changes.items():
                tensors = {role: file.get_tensor(name).float() for role, name in change.names.items()}
                parts = {"bias": {"diff": tensors.pop("bias")}} if "bias" in tensors else {}
                if tensors.keys() - {"alpha", "magnitude"}:
                    parts["weight"] = tensors
                for leaf, of_leaf in parts.items():
                    if (name := f"{module}.{leaf}") not in state:
                        raise ModelError(path, f"changes {name!r}, which this model does not have")
                    yield name, of_leaf
    except (OSError, SafetensorError) as error:
        raise ModelError(path, f"cannot be read ({error})") from error
