"""Conditionings that show a network a picture: to fill in a part of it, or to change it as it is told."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from pydantic import Field

from engine.node import Context, node
from nodes.sockets import Conditioning, Image, Latent, Mask, Vae
from nodes.vae import encoded


class Shown(NamedTuple):
    positive: Conditioning
    negative: Conditioning
    latent: Latent


@node("InpaintModelConditioning", category="conditioning/inpaint", numeric=True)
async def inpaint_model_conditioning(
    ctx: Context,
    *,
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    mask: Mask,
    noise_mask: Annotated[bool, Field(description="Keep what is not masked as it was, exactly.")] = True,
) -> Shown:
    """Show a network that was trained to fill in a picture with a hole in it."""
    from nodes.diffusion.masks import inpaint_mask, inpaint_pixels, multiple_of_eight

    rows, columns = (multiple_of_eight(side) for side in pixels.shape[1:3])
    hole = inpaint_mask(mask, pixels.shape[1], pixels.shape[2], 0)
    async with ctx.resident(vae.on) as autoencoder:
        hidden = await ctx.device.drive(encoded(autoencoder, inpaint_pixels(pixels, mask)))
        whole = await ctx.device.drive(encoded(autoencoder, pixels[:, rows, columns]))
    latent = Latent(whole, hole if noise_mask else None)
    return Shown(showing(positive, hidden, hole), showing(negative, hidden, hole), latent)


@node("InstructPixToPixConditioning", category="conditioning/instructpix2pix", numeric=True)
async def instruct_pix_to_pix_conditioning(
    ctx: Context, *, positive: Conditioning, negative: Conditioning, vae: Vae, pixels: Image
) -> Shown:
    """Show a network that was trained to change pictures as it is told the picture that it is to change."""
    async with ctx.resident(vae.on) as autoencoder:
        whole = await ctx.device.drive(encoded(autoencoder, pixels))
    empty = Latent(whole.new_zeros(whole.shape))
    return Shown(showing(positive, whole, None), showing(negative, whole, None), empty)


def showing(conditioning: Conditioning, latent: "Image", mask: "Mask | None") -> Conditioning:
    return tuple(replace(cond, concat=latent, concat_mask=mask) for cond in conditioning)
