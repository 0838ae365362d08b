"""VAE nodes for pictures larger than memory: in tiles that overlap, whatever memory there is."""

from typing import Annotated

from pydantic import Field

from engine.node import Context, Step, UserError, node
from nodes.sockets import Image, Latent, Vae

TileSize = Annotated[int, Field(ge=64, le=4096, description="Pixels of a tile's side."), Step(64)]
Overlap = Annotated[int, Field(ge=0, le=4096, description="Pixels that tiles share."), Step(32)]
#: For videos: pictures have no time to be tiled.
Frames = Annotated[int, Field(ge=4, le=4096), Step(4)]


@node("VAEDecodeTiled", category="_for_testing", display_name="VAE Decode (Tiled)", numeric=True)
async def vae_decode_tiled(
    ctx: Context,
    *,
    samples: Latent,
    vae: Vae,
    tile_size: TileSize = 512,
    overlap: Overlap = 64,
    temporal_size: Annotated[Frames, Field(ge=8)] = 64,  # noqa: ARG001
    temporal_overlap: Frames = 8,  # noqa: ARG001
) -> Image:
    """Turn latents into pictures, tile by tile."""
    tile, shared = tiles(tile_size, overlap)
    async with ctx.resident(vae.on) as autoencoder:
        got, wanted, cell = samples.samples.shape[1], autoencoder.channels, autoencoder.downscale
        if got != wanted:
            raise UserError(f"the latent has {got} channels, this VAE takes {wanted}; use its family's VAE")
        return await ctx.device.call(
            lambda: autoencoder.decode_tiled(samples.samples, tile // cell, shared // cell)
        )


@node("VAEEncodeTiled", category="_for_testing", display_name="VAE Encode (Tiled)", numeric=True)
async def vae_encode_tiled(
    ctx: Context,
    *,
    pixels: Image,
    vae: Vae,
    tile_size: TileSize = 512,
    overlap: Overlap = 64,
    temporal_size: Annotated[Frames, Field(ge=8)] = 64,  # noqa: ARG001
    temporal_overlap: Frames = 8,  # noqa: ARG001
) -> Latent:
    """Turn pictures into latents, tile by tile."""
    tile, shared = tiles(tile_size, overlap)
    async with ctx.resident(vae.on) as autoencoder:
        height, width, cell = pixels.shape[1], pixels.shape[2], autoencoder.downscale
        if min(height, width) < cell:
            raise UserError(f"pixels: the picture is {width} × {height}; it must be at least {cell} × {cell}")
        encoded = await ctx.device.call(lambda: autoencoder.encode_tiled(pixels, tile, shared))
    return Latent(encoded)


def tiles(size: int, overlap: int) -> tuple[int, int]:
    """The side of a tile, and what tiles share: a quarter of it at most."""
    return size, size // 4 if size < overlap * 4 else overlap
