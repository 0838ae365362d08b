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


@node("CropMask", category="mask", display_name="Crop Mask", lane="cpu")
def crop_mask(*, mask: Mask, x: Offset = 0, y: Offset = 0, width: Side = 512, height: Side = 512) -> Mask:
    """Cut a box out of masks; what of it lies outside is left away."""
    mask = batched(mask)
    x, y = min(x, mask.shape[2] - 1), min(y, mask.shape[1] - 1)
    return mask[:, y : y + height, x : x + width].contiguous()


@node("GrowMask", category="mask", display_name="Grow Mask", lane="cpu")
def grow_mask(
    *,
    mask: Mask,
    expand: Annotated[int, Field(ge=-16_384, le=16_384, description="Pixels; below 0 it shrinks.")] = 0,
    tapered_corners: bool = True,
) -> Mask:
    """Let a mask grow on all sides."""
    from nodes.diffusion.masks import grow

    return grow(batched(mask), expand, tapered_corners=tapered_corners)


@node("ThresholdMask", category="mask", display_name="Threshold Mask", lane="cpu")
def threshold_mask(*, mask: Mask, value: Annotated[float, Field(ge=0, le=1), Step(0.01)] = 0.5) -> Mask:
    """1 where a mask is above a value, 0 elsewhere."""
    return (batched(mask) > value).float()


@node("ImageColorToMask", category="mask", lane="cpu")
def image_color_to_mask(
    *,
    image: Image,
    color: Annotated[int, Field(ge=0, le=0xFFFFFF, description="0xRRGGBB as a number.")] = 0,
) -> Mask:
    """1 where pictures have a colour, 0 elsewhere."""
    from nodes.diffusion.masks import of_colour

    return of_colour(image, color)


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
