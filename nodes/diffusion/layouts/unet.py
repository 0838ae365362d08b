"""The UNet of Stable Diffusion (arXiv 2112.10752): names and shapes in the original layout.

There every module has a number in one long list: resnets and down- or upsamplers
count alike. Ours are the names of diffusers' UNet2DConditionModel, which go by
level and kind.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nodes.diffusion.errors import ModelError
from nodes.diffusion.layouts.tensors import Source, Tensors

RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
ORIGINAL_RESNET = {ours: theirs for theirs, ours in RESNET.items()}
FIXED = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
NUMBERED = re.compile(r"(input|output)_blocks\.(\d{1,4})\.(\d)\.(.+)")
OURS = re.compile(
    r"(down_blocks|up_blocks|mid_block)(?:\.(\d+))?\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)
MIDDLE = re.compile(r"middle_block\.(\d)\.(.+)")


def config(tensors: Tensors, heads: Callable[[Sequence[int]], list[int]]) -> dict[str, Any]:
    """The arguments of UNet2DConditionModel.

    All but one can be read off the shapes: `heads` gives the attention heads per
    level from the levels' channels.
    """
    down = down_config(tensors, heads)
    return {
        **down,
        "out_channels": tensors.shape("out.2.weight", 4)[0],
        "up_block_types": _up(down["down_block_types"]),
    }


def diffusers_config(tensors: Tensors, heads: Callable[[Sequence[int]], list[int]]) -> dict[str, Any]:
    """The same for a file with our names that came without its config.json."""
    down = diffusers_down_config(tensors, heads)
    return {
        **down,
        "out_channels": tensors.shape("conv_out.weight", 4)[0],
        "up_block_types": _up(down["down_block_types"]),
    }


def down_config(tensors: Tensors, heads: Callable[[Sequence[int]], list[int]]) -> dict[str, Any]:
    """What describes the way down and the middle."""
    levels = _levels(tensors)
    resnets = {len(level) for level in levels}
    if len(resnets) != 1:
        raise ModelError(tensors.header.path, "has a UNet of an unknown form (levels of unequal length)")
    channels = [tensors.shape(f"{level[0]}.0.in_layers.2.weight", 4)[0] for level in levels]
    attentive = [f"{level[0]}.1.proj_in.weight" in tensors for level in levels]
    attention = next(
        (f"{level[0]}.1" for level, a in zip(levels, attentive, strict=True) if a), "middle_block.1"
    )
    context = tensors.shape(f"{attention}.transformer_blocks.0.attn2.to_k.weight", 2)[1]
    return {
        "in_channels": tensors.shape("input_blocks.0.0.weight", 4)[1],
        "block_out_channels": channels,
        "layers_per_block": resnets.pop(),
        "down_block_types": _down(attentive),
        "cross_attention_dim": context,
        "attention_head_dim": heads(channels),  # diffusers' misnomer: their number
        "use_linear_projection": has_linear_projection(tensors),
    }


def diffusers_down_config(tensors: Tensors, heads: Callable[[Sequence[int]], list[int]]) -> dict[str, Any]:
    """The same for a file with our names."""
    depth = tensors.count("down_blocks.{}.resnets.0.conv1.weight")
    channels = [tensors.shape(f"down_blocks.{i}.resnets.0.conv1.weight", 4)[0] for i in range(depth)]
    attentive = [f"down_blocks.{i}.attentions.0.proj_in.weight" in tensors for i in range(depth)]
    context = tensors.shape("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", 2)[1]
    return {
        "in_channels": tensors.shape("conv_in.weight", 4)[1],
        "block_out_channels": channels,
        "layers_per_block": tensors.count("down_blocks.0.resnets.{}.conv1.weight"),
        "down_block_types": _down(attentive),
        "cross_attention_dim": context,
        "attention_head_dim": heads(channels),
        "use_linear_projection": has_linear_projection(tensors),
    }


def _down(attentive: Sequence[bool]) -> list[str]:
    return ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attentive]


def _up(down: Sequence[str]) -> list[str]:
    return [kind.replace("Down", "Up") for kind in reversed(down)]


def translated(name: str, layers_per_block: int) -> str | None:
    """Our name for a parameter of the original layout; None for what is not part of the network."""
    return _translate(name, layers_per_block + 1)


def has_linear_projection(tensors: Tensors) -> bool:
    """Whether attention blocks begin with a linear layer (SD2, SDXL) or a convolution (SD1)."""
    names = ("middle_block.1.proj_in.weight", "mid_block.attentions.0.proj_in.weight")
    found = [tensors.header[tensors.prefix + name] for name in names if name in tensors]
    return bool(found) and len(found[0].shape) == 2


def check_channels(path: Path, taken: int, given: int) -> None:
    """Make sure that a UNet takes what can be shown to it.

    Raises:
        ModelError: it does not.
    """
    if taken - given not in {0, given, given + 1}:  # nothing more, a latent, a latent and a mask
        raise ModelError(path, f"takes {taken} channels and gives {given}, which is not supported")


def sources(tensors: Tensors, layers_per_block: int) -> dict[str, Source]:
    """Where each parameter of UNet2DConditionModel lies."""
    named = ((_translate(name, layers_per_block + 1), name) for name in tensors)
    return {ours: Source(tensors.prefix + theirs) for ours, theirs in named if ours}


def diffusers_sources(tensors: Tensors) -> dict[str, Source]:
    """The same for a file with our names."""
    return {name: Source(tensors.prefix + name) for name in tensors}


def _levels(tensors: Tensors) -> list[list[str]]:
    """The names of the blocks with a resnet on the way down, by level."""
    levels: list[list[str]] = [[]]
    blocks = {
        int(found[2]) for name in tensors if (found := NUMBERED.fullmatch(name)) and found[1] == "input"
    }
    for n in sorted(blocks - {0}):
        block = f"input_blocks.{n}"
        if f"{block}.0.in_layers.2.weight" in tensors:
            levels[-1].append(block)
        elif f"{block}.0.op.weight" in tensors:
            levels.append([])
        else:
            raise ModelError(tensors.header.path, f"has a UNet of an unknown form (an odd {block})")
    if not all(levels):
        raise ModelError(tensors.header.path, "has a UNet of an unknown form (a level without resnets)")
    return levels


def _translate(name: str, per_level: int) -> str | None:
    """Our name for a parameter; None for what is not part of the network."""
    for theirs, ours in FIXED.items():
        if name.startswith(theirs + "."):
            return ours + name.removeprefix(theirs)
    if middle := MIDDLE.fullmatch(name):
        return _block("mid_block", int(middle[1]) // 2, middle[1] == "1", middle[2])
    if not (numbered := NUMBERED.fullmatch(name)):
        return None
    way, number, part, rest = numbered.groups()
    level, j = divmod(int(number) - (way == "input"), per_level)
    block = f"down_blocks.{level}" if way == "input" else f"up_blocks.{level}"
    if rest.startswith("op."):
        return f"{block}.downsamplers.0.conv.{rest.removeprefix('op.')}"
    if rest.startswith("conv."):
        return f"{block}.upsamplers.0.{rest}"
    return _block(block, j, part != "0", rest)


def _block(block: str, j: int, attention: bool, rest: str) -> str | None:
    """Inside an attention block the two layouts agree; inside a resnet they do not."""
    if attention:
        return f"{block}.attentions.{j}.{rest}"
    layer, _, leaf = rest.rpartition(".")
    return f"{block}.resnets.{j}.{RESNET[layer]}.{leaf}" if layer in RESNET else None


def original_names(module: str, layers_per_block: int) -> tuple[str, ...]:
    """What the original layout calls a module of ours; more names than one where only one of them exists."""
    for theirs, ours in FIXED.items():
        if module == ours:
            return (theirs,)
    if not (found := OURS.fullmatch(module)):
        return ()
    where, level, kind, j, rest = found.groups()
    number, per_level = int(level or 0), layers_per_block + 1
    if kind == "downsamplers":
        return (f"input_blocks.{per_level * (number + 1)}.0.op",)
    if kind == "upsamplers":  # it comes after the attention, if that level has one
        return tuple(f"output_blocks.{per_level * (number + 1) - 1}.{part}.{rest}" for part in (1, 2))
    attention = kind == "attentions"
    if where == "mid_block":
        block = f"middle_block.{1 if attention else 2 * int(j)}"
    elif where == "down_blocks":
        block = f"input_blocks.{per_level * number + int(j) + 1}.{int(attention)}"
    else:
        block = f"output_blocks.{per_level * number + int(j)}.{int(attention)}"
    return (f"{block}.{rest if attention else ORIGINAL_RESNET.get(rest, rest)}",)
