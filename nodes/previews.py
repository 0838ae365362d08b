"""Previews of unfinished latents: small, approximate, and made only for those who look."""

from functools import lru_cache
from typing import TYPE_CHECKING

from nodes import recognition
from nodes.pictures import to_bytes
from nodes.sockets import Model

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def preview(model: Model, denoised: "Tensor") -> "Image":
    """A picture of the first of [B,C,h,w] (model space), one pixel for each cell.

    Raises:
        UserError: the colours are not known, and the model's file holds no VAE to learn them from.
    """
    from PIL import Image

    from nodes.diffusion import previews

    latent_format = recognition.denoiser(model.path).latent_format
    if latent_format in previews.FACTORS:
        pixels = previews.preview(denoised, latent_format)
    else:
        pixels = previews.latent_to_rgb(denoised[:1].cpu(), *_colours(model))[0]
    return Image.fromarray(to_bytes(pixels))


@lru_cache(maxsize=16)
def _colours(model: Model) -> "tuple[Tensor, Tensor]":
    """The linear map from a model's latents to colours, fitted to what its own VAE decodes."""
    from nodes.diffusion.loading import load_vae
    from nodes.diffusion.previews import fit_latent_rgb

    with recognition.told_to_users():
        decode = load_vae(model.path).decode
    return fit_latent_rgb(decode, recognition.denoiser(model.path).latent_format)
