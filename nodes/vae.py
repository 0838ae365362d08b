"""VAE nodes: pictures to latents and back."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine.node import Context, UserError, node
from nodes.sockets import Image, Latent, Mask, Vae

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.asks import Steps
    from nodes.diffusion.vae import Autoencoder


@node("VAEDecode", category="latent", display_name="VAE Decode", numeric=True)
async def vae_decode(ctx: Context, *, samples: Latent, vae: Vae) -> Image:
    """Turn latents into pictures."""
    async with ctx.resident(vae.on) as autoencoder:
        return await ctx.device.drive(decoded(autoencoder, samples.samples))


@node("VAEEncode", category="latent", display_name="VAE Encode", numeric=True)
async def vae_encode(ctx: Context, *, pixels: Image, vae: Vae) -> Latent:
    """Turn pictures into latents.  Sides are cut to multiples of 8."""
    async with ctx.resident(vae.on) as autoencoder:
        return Latent(await ctx.device.drive(encoded(autoencoder, pixels)))


@node("VAEEncodeForInpaint", category="latent/inpaint", display_name="VAE Encode for Inpaint", numeric=True)
async def vae_encode_for_inpaint(
    ctx: Context,
    *,
    pixels: Image,
    vae: Vae,
    mask: Mask,
    grow_mask_by: Annotated[
        int, Field(ge=0, le=64, description="Pixels that the mask is grown by, for a seamless edge.")
    ] = 6,
) -> Latent:
    """Encode pictures with the masked part made gray, and mark it as to be filled."""
    async with ctx.resident(vae.on) as autoencoder:

        def encode() -> "Steps[Latent]":
            from nodes.diffusion.masks import inpaint_mask, inpaint_pixels

            hole = inpaint_mask(mask, pixels.shape[1], pixels.shape[2], grow_mask_by)
            return Latent((yield from encoded(autoencoder, inpaint_pixels(pixels, mask))), hole)

        return await ctx.device.drive(encode())


def decoded(autoencoder: "Autoencoder", latent: "Tensor") -> "Steps[Tensor]":
    """Pictures of latents.

    Raises:
        UserError: the latents are of another family.
    """
    got, wanted = latent.shape[1], autoencoder.channels
    if got != wanted:
        raise UserError(f"the latent has {got} channels, this VAE takes {wanted}; use the VAE of its family")
    return (yield from autoencoder.decoding(latent))


def encoded(autoencoder: "Autoencoder", pixels: "Tensor") -> "Steps[Tensor]":
    """Latents of pictures.

    Raises:
        UserError: the pictures are smaller than one cell of a latent.
    """
    height, width, cell = pixels.shape[1], pixels.shape[2], autoencoder.downscale
    if min(height, width) < cell:
        raise UserError(f"pixels: the picture is {width} × {height}; it must be at least {cell} × {cell}")
    return (yield from autoencoder.encoding(pixels))
