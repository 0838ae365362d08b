"""ControlNets of Stable Diffusion (arXiv 2302.05543): the way down of a UNet, twice, and an encoder of hints.

Ours are the names of diffusers' ControlNetModel.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from nodes.diffusion.layouts import unet
from nodes.diffusion.layouts.tensors import Source, Tensors

PREFIXES = ("control_model.", "controlnet.", "")
ZERO = re.compile(r"zero_convs\.(\d{1,3})\.0\.(.+)")
HINT = re.compile(r"input_hint_block\.(\d{1,3})\.(.+)")

Heads = Callable[[Sequence[int]], list[int]]


def is_original(tensors: Tensors) -> bool:
    return "input_hint_block.0.weight" in tensors


def is_diffusers(tensors: Tensors) -> bool:
    return "controlnet_cond_embedding.conv_in.weight" in tensors


def config(tensors: Tensors, heads: Heads) -> dict[str, Any]:
    """The arguments of ControlNetModel."""
    layers = _hint_layers(tensors)
    widths = [tensors.shape(f"input_hint_block.{n}.weight", 4)[0] for n in layers]
    return _config(
        unet.down_config(tensors, heads), tensors.shape("input_hint_block.0.weight", 4)[1], widths[0:-1:2]
    )


def diffusers_config(tensors: Tensors, heads: Heads) -> dict[str, Any]:
    """The same for a file with our names that came without its config.json."""
    first = tensors.shape("controlnet_cond_embedding.conv_in.weight", 4)
    count = tensors.count("controlnet_cond_embedding.blocks.{}.weight")
    blocks = [tensors.shape(f"controlnet_cond_embedding.blocks.{n}.weight", 4)[0] for n in range(count)]
    return _config(unet.diffusers_down_config(tensors, heads), first[1], [first[0], *blocks[1::2]])


def _config(down: dict[str, Any], channels: int, widths: Sequence[int]) -> dict[str, Any]:
    return {**down, "conditioning_channels": channels, "conditioning_embedding_out_channels": list(widths)}


def sources(tensors: Tensors, layers_per_block: int) -> dict[str, Source]:
    """Where each parameter of ControlNetModel lies."""
    last = _hint_layers(tensors)[-1]
    named = ((_translate(name, layers_per_block, last), name) for name in tensors)
    return {ours: Source(tensors.prefix + theirs) for ours, theirs in named if ours}


def _hint_layers(tensors: Tensors) -> list[int]:
    return sorted({int(found[1]) for name in tensors if (found := HINT.fullmatch(name))})


def _translate(name: str, layers_per_block: int, last: int) -> str | None:
    if zero := ZERO.fullmatch(name):
        return f"controlnet_down_blocks.{zero[1]}.{zero[2]}"
    if name.startswith("middle_block_out.0."):
        return name.replace("middle_block_out.0", "controlnet_mid_block")
    if hint := HINT.fullmatch(name):
        number = int(hint[1])
        if number in {0, last}:
            return f"controlnet_cond_embedding.{'conv_out' if number else 'conv_in'}.{hint[2]}"
        return f"controlnet_cond_embedding.blocks.{number // 2 - 1}.{hint[2]}"
    return unet.translated(name, layers_per_block)
