"""Random LoRAs in the namings of several trainers, and what merging them by hand gives."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.reference import ldm

RANK = 4
Change = tuple[Tensor, Tensor, float | None]
"""up [out,r,…], down [r,in,…] and alpha."""


def random_changes(network: nn.Module, chosen: Iterable[str], alpha: float | None = 2.0) -> dict[str, Change]:
    """A change for each of the chosen modules, linear or convolutional."""
    generator = torch.Generator().manual_seed(3)
    changes: dict[str, Change] = {}
    for name in chosen:
        weight = network.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        out, inner = weight.shape[:2]
        ones = [1] * (weight.ndim - 2)
        up = torch.randn(out, RANK, *ones, generator=generator) * 0.1
        down = torch.randn(RANK, inner, *weight.shape[2:], generator=generator) * 0.1
        changes[name] = (up, down, alpha)
    return changes


def merged(network: nn.Module, changes: Mapping[str, Change], strength: float) -> dict[str, Tensor]:
    """The weights that the changed modules should have."""
    found = {}
    for name, (up, down, alpha) in changes.items():
        weight = network.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        scale = strength * (1.0 if alpha is None else alpha / RANK)
        flat = weight.ndim == 2
        delta = up @ down if flat else torch.einsum("or,rihw->oihw", up[:, :, 0, 0], down)
        found[name] = weight + scale * delta
    return found


def kohya(name: str) -> str:
    return "lora_unet_" + name.replace(".", "_")


def kohya_original(name: str) -> str:
    """With the names of the original layout, for a UNet with two resnets per level."""
    return "lora_unet_" + ldm.unet_name(f"{name}.weight", 2).removesuffix(".weight").replace(".", "_")


def kohya_text(name: str) -> str:
    return "lora_te_text_model_" + name.replace(".", "_")


def written(
    path: Path, changes: Mapping[str, Change], spelt: Callable[[str], str], form: str = "kohya"
) -> Path:
    """A LoRA file: `spelt` names its modules, `form` says what the two halves are called."""
    up_name, down_name = {
        "kohya": ("{}.lora_up.weight", "{}.lora_down.weight"),
        "peft": ("{}.lora_B.weight", "{}.lora_A.weight"),
        "older": ("{}.lora.up.weight", "{}.lora.down.weight"),
        "processor": ("{}_lora.up.weight", "{}_lora.down.weight"),
        "linear layer": ("{}.lora_linear_layer.up.weight", "{}.lora_linear_layer.down.weight"),
    }[form]
    state: dict[str, Tensor] = {}
    for name, (up, down, alpha) in changes.items():
        module = spelt(name)
        state |= {up_name.format(module): up, down_name.format(module): down}
        if alpha is not None:
            state[f"{module}.alpha"] = torch.tensor(alpha)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path
