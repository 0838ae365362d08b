"""The three networks, and the diffusers folder they live in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TOKENS = 77
# v-prediction on Stable Diffusion's linear ancestor schedule (arXiv 2006.11239, 2202.00512).
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "steps_offset": 1,  # no effect on trailing timesteps; diffusers warns of any other value
}


def alphas_cumprod() -> Tensor:
    """The share of signal in the variance, for each of the 1000 timesteps."""
    betas = torch.linspace(SCHEDULE["beta_start"], SCHEDULE["beta_end"], 1000, dtype=torch.float64)
    return torch.cumprod(1 - betas, 0).float()


@dataclass
class Networks:
    """The model's parts. Any, because diffusers' and transformers' classes look like no module to mypy."""

    tokenizer: Any
    text: Any
    unet: Any  # a UNet2DConditionModel
    vae: Any  # an AutoencoderKL

    @classmethod
    def fresh(cls, tokenizer: Any) -> "Networks":
        """4.2 M + 0.4 M + 0.95 M parameters, 11 MB in half precision, not trained."""
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=128,
                intermediate_size=256,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=TOKENS,
                projection_dim=128,
                hidden_act="quick_gelu",
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        unet = UNet2DConditionModel(  # type: ignore[no-untyped-call]
            sample_size=16,
            in_channels=4,
            out_channels=4,
            block_out_channels=(32, 64, 128),
            layers_per_block=1,
            cross_attention_dim=128,
            attention_head_dim=(2, 4, 4),
            norm_num_groups=16,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        )
        vae = AutoencoderKL(  # type: ignore[no-untyped-call]
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(16, 32, 64, 64),
            layers_per_block=1,
            norm_num_groups=2,
            mid_block_add_attention=False,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            sample_size=128,
            scaling_factor=1.0,
        )
        return cls(tokenizer, text, unet, vae)

    @classmethod
    def load(cls, folder: Path) -> "Networks":
        """The folder's networks in float32, whatever they are stored in."""
        parts: list[tuple[Any, str]] = [
            (CLIPTextModel, "text_encoder"),
            (UNet2DConditionModel, "unet"),
            (AutoencoderKL, "vae"),
        ]
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        return cls(tokenizer, *(part.from_pretrained(folder / name).float() for part, name in parts))

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write a diffusers folder; in half precision, the networks stay so."""
        if half:
            self.vae, self.text, self.unet = self.vae.half(), self.text.half(), self.unet.half()
        pipeline: Any = StableDiffusionPipeline(  # type: ignore[no-untyped-call]
            vae=self.vae,
            text_encoder=self.text,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=EulerDiscreteScheduler(**SCHEDULE),  # type: ignore[no-untyped-call]
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(folder, safe_serialization=True)
        for part in ("unet", "vae"):
            file = folder / part / "config.json"
            config = json.loads(file.read_text())
            config.pop("_name_or_path", None)  # where it was loaded from is nobody's business
            file.write_text(json.dumps(config, indent=2) + "\n")

    def token_ids(self, captions: Sequence[str]) -> Tensor:
        """[B, 77], filled up with the end token; the tokenizer's own padding would be saved with it."""
        end = int(self.tokenizer.eos_token_id)
        ids = torch.full((len(captions), TOKENS), end)
        for row, tokens in zip(ids, self.tokenizer(list(captions)).input_ids, strict=True):
            fitting = torch.tensor(tokens[: TOKENS - 1])
            row[: len(fitting)] = fitting
        return ids

    def encode_pictures(self, pixels: Tensor) -> Tensor:
        """Latents in the space that the UNet works in: zero mean and unit variance per channel."""
        latents: Tensor = self.vae.encode(pixels).latent_dist.mean
        return latents

    def decode_latents(self, latents: Tensor) -> Tensor:
        pixels: Tensor = self.vae.decode(latents).sample
        return pixels


def to_pixels(pictures: Sequence[Image.Image]) -> Tensor:
    array = np.stack([np.asarray(picture) for picture in pictures])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    array = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(picture) for picture in array]
