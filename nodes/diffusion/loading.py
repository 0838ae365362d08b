"""From a recognised checkpoint to networks that compute."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import torch
from torch import Tensor, nn

from nodes.diffusion import tokenizer
from nodes.diffusion.checkpoints import identify_vae, require
from nodes.diffusion.clip import ClipText
from nodes.diffusion.components import Checkpoint, Component
from nodes.diffusion.denoisers import UNetDenoiser
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.networks import build
from nodes.diffusion.text import TextEncoder
from nodes.diffusion.vae import Autoencoder

CPU = torch.device("cpu")

_importing: Final = Lock()


def load_denoiser(
    checkpoint: Checkpoint,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    rounding: torch.dtype | None = None,
) -> UNetDenoiser:
    """The checkpoint's UNet, with the noise levels and the latent space that it was trained for.

    `rounding` is a type that the weights are rounded to before they become `dtype`.
    """
    component = require(checkpoint, "denoiser")

    def convert(tensor: Tensor) -> Tensor:
        return (tensor if rounding is None else tensor.to(rounding)).to(device, dtype)

    identity = checkpoint.identity if rounding is None else (checkpoint.identity, rounding)
    unet = build(make_unet, component, convert)
    return UNetDenoiser(unet, checkpoint.sampling, checkpoint.latent_format, identity)


def load_text_encoder(
    checkpoint: Checkpoint, device: torch.device = CPU, dtype: torch.dtype = torch.float32
) -> TextEncoder:
    """The checkpoint's text encoder, with the tokenizer it was trained with.

    Whatever the file holds is rounded to float16, as existing workflows have it;
    `dtype` is what is computed with.
    """
    component = require(checkpoint, "text_encoder")
    network = build(make_clip, component, lambda tensor: tensor.half().to(device, dtype))
    style = checkpoint.text
    words = (
        tokenizer.from_folder(style.tokenizer, style.pad) if style.tokenizer else tokenizer.builtin(style.pad)
    )
    return TextEncoder(network, words, style, checkpoint.identity)


def load_autoencoder(
    checkpoint: Checkpoint, device: torch.device = CPU, dtype: torch.dtype = torch.float32
) -> Autoencoder:
    """The checkpoint's own VAE."""
    return _autoencoder(require(checkpoint, "autoencoder"), checkpoint.identity, device, dtype)


def load_vae(path: Path, device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> Autoencoder:
    """A VAE by itself: a file in the original or in diffusers' layout, a folder, or that of a checkpoint."""
    return _autoencoder(identify_vae(path), weights_identity(path), device, dtype)


def _autoencoder(
    component: Component, identity: str, device: torch.device, dtype: torch.dtype
) -> Autoencoder:
    vae = build(make_vae, component, partial(Tensor.to, device=device, dtype=dtype))
    return Autoencoder(vae, identity)


def make_clip(config: Mapping[str, Any]) -> ClipText:
    return ClipText(**config)


def network_classes() -> tuple[Any, Any]:
    """The UNet's and the VAE's class, loaded on one thread at a time: two would meet half-loaded modules."""
    with _importing:
        from diffusers import AutoencoderKL, UNet2DConditionModel

        return UNet2DConditionModel, AutoencoderKL


def make_unet(config: Mapping[str, Any]) -> nn.Module:
    unet: nn.Module = network_classes()[0].from_config(dict(config))
    return unet


def make_vae(config: Mapping[str, Any]) -> nn.Module:
    vae: nn.Module = network_classes()[1].from_config(dict(config))
    return vae
