"""Networks written down in the original (LDM) layout: the way back from our names, for tests.

Independent of the code that reads such files: it starts from diffusers' and
transformers' names and knows nothing of `nodes.diffusion.layouts`.
"""

import re

import torch
from torch import Tensor

UNET_MODULES = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET_LAYERS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
UNET_NAME = re.compile(r"(down_blocks|up_blocks|mid_block)\.(?:(\d+)\.)?([a-z]+)\.(\d+)\.(.*)")


def unet_name(name: str, layers: int = 2) -> str:
    """The LDM name of a parameter of a UNet2DConditionModel with `layers` resnets per level."""
    for ours, theirs in UNET_MODULES.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    found = UNET_NAME.fullmatch(name)
    assert found, name
    where, level, kind, number, rest = found.groups()
    i, j = int(level or 0), int(number)
    if kind == "downsamplers":
        return f"input_blocks.{(layers + 1) * (i + 1)}.0.op{rest.removeprefix('conv')}"
    if kind == "upsamplers":
        # The first level on the way up has no attention in SD, so its upsampler comes second.
        return f"output_blocks.{(layers + 1) * (i + 1) - 1}.{1 if i == 0 else 2}.{rest}"
    if where == "mid_block":
        block = "middle_block.1" if kind == "attentions" else f"middle_block.{2 * j}"
    else:
        n = (layers + 1) * i + j
        part = 0 if kind == "resnets" else 1
        block = f"input_blocks.{n + 1}.{part}" if where == "down_blocks" else f"output_blocks.{n}.{part}"
    if kind == "resnets":
        layer, _, leaf = rest.rpartition(".")
        rest = f"{RESNET_LAYERS[layer]}.{leaf}"
    return f"{block}.{rest}"


def vae_name(name: str, levels: int = 4) -> str:
    """The LDM name of a parameter of an AutoencoderKL with so many levels."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda m: f"up.{levels - 1 - int(m[1])}.block.", name)
    name = re.sub(
        r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda m: f"up.{levels - 1 - int(m[1])}.upsample.", name
    )
    name = re.sub(r"mid_block\.resnets\.(\d)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", name)
    name = name.replace("mid_block.attentions.0.", "mid.attn_1.")
    for ours, theirs in VAE_ATTENTION.items():
        name = name.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    return name


def vae_state(state: dict[str, Tensor], levels: int = 4) -> dict[str, Tensor]:
    """An AutoencoderKL in the LDM layout, where attention is made of convolutions."""
    named = {vae_name(name, levels): tensor for name, tensor in state.items()}
    return {n: t[..., None, None] if ".attn_1." in n and t.ndim == 2 else t for n, t in named.items()}


def clip_name(name: str) -> str:
    return name if name.startswith("text_") else f"text_model.{name}"


def open_clip_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A CLIPTextModelWithProjection with OpenCLIP's names: query, key and value in one matrix."""
    state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    modules = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    modules["self_attn.out_proj"] = "attn.out_proj"
    names = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    written = {
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "text_projection": state["text_projection.weight"].T.contiguous(),
        "logit_scale": torch.tensor(4.6),
    }
    for name, tensor in state.items():
        if name in names:
            written[names[name]] = tensor
        elif found := re.fullmatch(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", name):
            block, layer, leaf = found.groups()
            if layer in modules:
                written[f"transformer.resblocks.{block}.{modules[layer]}.{leaf}"] = tensor
            elif layer == "self_attn.q_proj":
                parts = [state[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
                written[f"transformer.resblocks.{block}.attn.in_proj_{leaf}"] = torch.cat(parts)
    return written
