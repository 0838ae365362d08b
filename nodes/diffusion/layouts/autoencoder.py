"""The autoencoder of Stable Diffusion (arXiv 2112.10752): names and shapes in its layouts.

Ours are the names of diffusers' AutoencoderKL. Its attention was once called
differently there too; both spellings are read.
"""

import re
from typing import Any

from nodes.diffusion.layouts.tensors import Source, Tensors

ATTENTION = {
    "norm": "group_norm",
    "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
    "query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0",
}  # fmt: skip
LEVEL = re.compile(r"(down|up)\.(\d{1,2})\.(block|downsample|upsample)(?:\.(\d{1,2}))?\.(.+)")
MIDDLE_RESNET = re.compile(r"mid\.block_([12])\.(.+)")
MIDDLE_ATTENTION = re.compile(rf"mid\.attn_1\.({'|'.join(ATTENTION)})\.(.+)")
OLD_ATTENTION = re.compile(r"(.+\.mid_block\.attentions\.0\.)(query|key|value|proj_attn)(\..+)")


def config(tensors: Tensors) -> dict[str, Any]:
    """The arguments of AutoencoderKL, read off the shapes in the original layout."""
    depth = tensors.count("encoder.down.{}.block.0.conv1.weight")
    channels = [tensors.shape(f"encoder.down.{i}.block.0.conv1.weight", 4)[0] for i in range(max(depth, 1))]
    return _config(
        tensors,
        channels,
        layers=tensors.count("encoder.down.0.block.{}.conv1.weight"),
        attention="encoder.mid.attn_1.norm.weight" in tensors,
    )


def diffusers_config(tensors: Tensors) -> dict[str, Any]:
    """The same for a file in diffusers' layout that came without its config.json."""
    depth = tensors.count("encoder.down_blocks.{}.resnets.0.conv1.weight")
    name = "encoder.down_blocks.{}.resnets.0.conv1.weight"
    channels = [tensors.shape(name.format(i), 4)[0] for i in range(max(depth, 1))]
    return _config(
        tensors,
        channels,
        layers=tensors.count("encoder.down_blocks.0.resnets.{}.conv1.weight"),
        attention="encoder.mid_block.attentions.0.group_norm.weight" in tensors,
    )


def _config(tensors: Tensors, channels: list[int], *, layers: int, attention: bool) -> dict[str, Any]:
    return {
        "in_channels": tensors.shape("encoder.conv_in.weight", 4)[1],
        "out_channels": tensors.shape("decoder.conv_out.weight", 4)[0],
        "latent_channels": tensors.shape("decoder.conv_in.weight", 4)[1],
        "block_out_channels": channels,
        "layers_per_block": layers,
        "down_block_types": ["DownEncoderBlock2D"] * len(channels),
        "up_block_types": ["UpDecoderBlock2D"] * len(channels),
        "mid_block_add_attention": attention,
        "use_quant_conv": "quant_conv.weight" in tensors,
        "use_post_quant_conv": "post_quant_conv.weight" in tensors,
    }


def sources(tensors: Tensors, depth: int) -> dict[str, Source]:
    """Where each parameter of AutoencoderKL lies, in a file of the original layout with `depth` levels."""
    named = ((_translate(name, depth), name) for name in tensors)
    return {ours: Source(tensors.prefix + theirs) for ours, theirs in named if ours}


def diffusers_sources(tensors: Tensors) -> dict[str, Source]:
    """The same for a file in diffusers' layout, new or old."""
    return {
        OLD_ATTENTION.sub(lambda m: m[1] + ATTENTION[m[2]] + m[3], name): Source(tensors.prefix + name)
        for name in tensors
    }


def _translate(name: str, depth: int) -> str | None:
    """Our name for a parameter; None for what is not part of the network (the training loss)."""
    half, _, rest = name.partition(".")
    if half in {"quant_conv", "post_quant_conv"}:
        return name
    if half not in {"encoder", "decoder"}:
        return None
    rest = rest.replace("norm_out.", "conv_norm_out.").replace("nin_shortcut.", "conv_shortcut.")
    if found := LEVEL.fullmatch(rest):
        way, i, kind, j, leaf = found.groups()
        # The original counts levels by resolution, ours in the order of computing.
        level = int(i) if way == "down" else depth - 1 - int(i)
        return f"{half}.{way}_blocks.{level}.{'resnets' if kind == 'block' else kind + 'rs'}.{j or 0}.{leaf}"
    if found := MIDDLE_RESNET.fullmatch(rest):
        return f"{half}.mid_block.resnets.{int(found[1]) - 1}.{found[2]}"
    if found := MIDDLE_ATTENTION.fullmatch(rest):
        return f"{half}.mid_block.attentions.0.{ATTENTION[found[1]]}.{found[2]}"
    return f"{half}.{rest}"
