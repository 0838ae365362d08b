"""Mask nodes: [B,H,W] of 0..1, 1 where a picture may change."""

from typing import Annotated, Literal

from pydantic import Field

from engine.node import Choices, Step, node
from nodes.diffusion import names
from nodes.sockets import Image, Mask

Side = Annotated[int, Field(ge=1, le=16_384)]
Offset = Annotated[int, Field(ge=0, le=16_384)]
Feather = Annotated[int, Field(ge=0, le=16_384, description="Pixels over which this side fades.")]
CHANNELS = ("red", "green", "blue", "alpha")


@node("SolidMask", category="mask", display_name="Solid Mask", lane="cpu")
def solid_mask(
    *,
    value: Annotated[float, Field(ge=0, le=1), Step(0.01)] = 1.0,
    width: Side = 512,
    height: Side = 512,
) -> Mask:
    """A mask of one value."""
    import torch

    return torch.full((1, height, width), value, dtype=torch.float32)


@node("InvertMask", category="mask", display_name="Invert Mask", lane="cpu")
def invert_mask(*, mask: Mask) -> Mask:
    """Exchange what may change and what may not."""
    return 1 - mask


@node("MaskComposite", category="mask", display_name="Mask Composite", lane="cpu")
def mask_composite(
    *,
    destination: Mask,
    source: Mask,
    x: Offset = 0,
    y: Offset = 0,
    operation: Annotated[str, Choices(names.MASK_OPERATIONS)],
) -> Mask:
    """Work one mask into another."""
    from nodes.diffusion.masks import combine

    return combine(batched(destination), batched(source), x, y, operation)


@node("FeatherMask", category="mask", display_name="Feather Mask", lane="cpu")
def feather_mask(
    *, mask: Mask, left: Feather = 0, top: Feather = 0, right: Feather = 0, bottom: Feather = 0
) -> Mask:
    """Let a mask fade out towards its sides."""
    from nodes.diffusion.masks import feather

    return feather(batched(mask), left, top, right, bottom)


@node("MaskToImage", category="mask", display_name="Convert Mask to Image", lane="cpu")
def mask_to_image(*, mask: Mask) -> Image:
    """A gray picture of a mask."""
    return batched(mask)[..., None].expand(-1, -1, -1, 3).contiguous()


@node("ImageToMask", category="mask", display_name="Convert Image to Mask", lane="cpu")
def image_to_mask(*, image: Image, channel: Literal["red", "green", "blue", "alpha"]) -> Mask:
    """One channel of a picture; an alpha that it does not have is 1 everywhere."""
    index = CHANNELS.index(channel)
    if index >= image.shape[-1]:
        return image.new_ones(image.shape[:3])
    return image[..., index].contiguous()


def batched(mask: Mask) -> Mask:
    """[B,H,W], also when a mask came without a batch."""
    return mask.reshape(-1, *mask.shape[-2:])
