"""The checkpoint that the reference results were computed with: SD 1.5 in every size, with seeded weights.

Every tensor is drawn from a generator seeded by its own name, so neither the
order of modules nor the initialisation of any library enters. Gains are chosen so
that signals keep their size through the network and the prompt has an effect.
"""

import math
import re
import zlib
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from tests.reference import ldm

UNET: dict[str, Any] = {
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
}
CLIP: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}

NORM = re.compile(r"(in_layers\.0|out_layers\.0|\.out\.0|\bnorm\d?|norm_out)\.weight$")
BRANCH_ENDS = ("out_layers.3", "proj_out", "to_out.0", "ff.net.2", "conv2", "out_proj", "fc2")
GAINS = {"model.diffusion_model.out.2": 0.25, "first_stage_model.decoder.conv_out": 0.4}


def make(path: Path) -> None:
    """Write the checkpoint (2.1 GB, half precision) in the LDM layout."""
    make_unet: Any = UNet2DConditionModel
    make_vae: Any = AutoencoderKL
    with torch.device("meta"):
        unet = make_unet(**UNET).state_dict()
        vae = ldm.vae_state(make_vae(**VAE).state_dict())
        clip = CLIPTextModel(CLIPTextConfig(**CLIP)).state_dict()
    named = {
        **{f"model.diffusion_model.{ldm.unet_name(name)}": tensor for name, tensor in unet.items()},
        **{f"first_stage_model.{name}": tensor for name, tensor in vae.items()},
        **{f"cond_stage_model.transformer.{ldm.clip_name(name)}": tensor for name, tensor in clip.items()},
    }
    state = {name: drawn(name, tensor.shape).half() for name, tensor in named.items()}
    save_file(state, path, {"format": "pt"})


def drawn(name: str, shape: torch.Size) -> Tensor:
    """The values of one tensor."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    normal = torch.randn(shape, generator=generator)
    if name.endswith("embedding.weight"):
        return normal * 0.02
    if len(shape) == 1:
        layer = name.rsplit(".", 2)[-2]
        is_norm = name.endswith("weight") and ("norm" in layer or NORM.search(name))
        return 1 + 0.05 * normal if is_norm else 0.02 * normal
    gain = 0.6 if any(end + "." in name for end in BRANCH_ENDS) else 1.0
    if ".attn2.to_out.0" in name or ".attn2.to_v" in name:
        gain = 1.4
    gain = next((g for beginning, g in GAINS.items() if name.startswith(beginning)), gain)
    return normal * (gain / math.sqrt(math.prod(shape[1:])))
