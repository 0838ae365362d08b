"""VAE nodes: pictures to latents and back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from engine.node import Context, UserError, node
from nodes.sockets import Image, Latent, Mask, Vae

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.vae import Autoencoder

T = TypeVar("T")


@node("VAEDecode", category="latent", display_name="VAE Decode", numeric=True)
async def vae_decode(ctx: Context, *, samples: Latent, vae: Vae) -> Image:
    """Turn latents into pictures."""
    latent = samples.samples
    async with ctx.resident(vae.on(ctx.device_name)) as autoencoder:
        return await ctx.device.call(lambda: decoded(autoencoder, latent))


@node("VAEEncode", category="latent", display_name="VAE Encode", numeric=True)
async def vae_encode(ctx: Context, *, pixels: Image, vae: Vae) -> Latent:
    """Turn pictures into latents.  Sides are cut to multiples of 8."""
    async with ctx.resident(vae.on(ctx.device_name)) as autoencoder:
        return Latent(await ctx.device.call(lambda: encoded(autoencoder, pixels)))


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
    async with ctx.resident(vae.on(ctx.device_name)) as autoencoder:

        def encode() -> Latent:
            from nodes.diffusion.masks import inpaint_mask, inpaint_pixels

            hole = inpaint_mask(mask, pixels.shape[1], pixels.shape[2], grow_mask_by)
            return Latent(encoded(autoencoder, inpaint_pixels(pixels, mask)), hole)

        return await ctx.device.call(encode)


def decoded(autoencoder: "Autoencoder", latent: "Tensor") -> "Tensor":
    """Pictures of latents.

    Raises:
        UserError: the latents are of another family.
    """
    got, wanted = latent.shape[1], autoencoder.channels
    if got != wanted:
        raise UserError(f"the latent has {got} channels, this VAE takes {wanted}; use the VAE of its family")
    return roomy(lambda: autoencoder.decode(latent), lambda: autoencoder.decode_tiled(latent))


def encoded(autoencoder: "Autoencoder", pixels: "Tensor") -> "Tensor":
    """Latents of pictures.

    Raises:
        UserError: the pictures are smaller than one cell of a latent.
    """
    height, width, cell = pixels.shape[1], pixels.shape[2], autoencoder.downscale
    if min(height, width) < cell:
        raise UserError(f"pixels: the picture is {width} × {height}; it must be at least {cell} × {cell}")
    return roomy(lambda: autoencoder.encode(pixels), lambda: autoencoder.encode_tiled(pixels))


def roomy(whole: Callable[[], T], in_tiles: Callable[[], T]) -> T:
    """All at once; in tiles, which need less memory, when that does not fit."""
    import torch

    try:
        return whole()
    except torch.OutOfMemoryError:
        pass  # the tiles come outside this block: its exception holds on to what did not fit
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
    try:
        return in_tiles()
    except torch.OutOfMemoryError as error:
        raise UserError("not enough memory on the device, even in tiles; make the picture smaller") from error
