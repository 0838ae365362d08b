"""Compositing nodes: pictures over pictures, and their alphas."""

from typing import Annotated, NamedTuple

from pydantic import Field

from engine.node import Choices, node
from nodes.image import resized
from nodes.mask import batched
from nodes.sockets import Image, Mask

Offset = Annotated[int, Field(ge=0, le=16_384)]
MODES = (
    "ADD", "CLEAR", "DARKEN", "DST", "DST_ATOP", "DST_IN", "DST_OUT", "DST_OVER", "LIGHTEN", "MULTIPLY",
    "OVERLAY", "SCREEN", "SRC", "SRC_ATOP", "SRC_IN", "SRC_OUT", "SRC_OVER", "XOR",
)  # fmt: skip


class Parted(NamedTuple):
    IMAGE: Image
    MASK: Mask


@node("ImageCompositeMasked", category="image", lane="cpu")
def image_composite_masked(
    *,
    destination: Image,
    source: Image,
    x: Offset = 0,
    y: Offset = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Image:
    """Paste a picture onto another, where a mask is 1; what lies outside is cut off."""
    from nodes.diffusion.latents import composite
    from nodes.diffusion.layout import same_channels

    if resize_source:
        source = resized(source, destination.shape[2], destination.shape[1], "bilinear", "disabled")
    destination, source = same_channels([destination, source])
    pasted = composite(destination.movedim(-1, 1), source.movedim(-1, 1), x, y, mask)
    return pasted.movedim(1, -1).contiguous()


@node("SplitImageWithAlpha", category="mask/compositing", display_name="Split Image with Alpha", lane="cpu")
def split_image_with_alpha(*, image: Image) -> Parted:
    """The colours of pictures, and where they are transparent; without an alpha, nowhere."""
    alpha = image[..., 3] if image.shape[-1] > 3 else image.new_ones(image.shape[:3])
    return Parted(image[..., :3].contiguous(), 1 - alpha)


@node("JoinImageWithAlpha", category="mask/compositing", display_name="Join Image with Alpha", lane="cpu")
def join_image_with_alpha(*, image: Image, alpha: Mask) -> Image:
    """Make pictures transparent where a mask is 1."""
    import torch

    from nodes.diffusion.layout import repeated

    opacity = 1 - fitted(alpha, image)
    count = max(len(image), len(opacity))
    return torch.cat([repeated(image[..., :3], count), repeated(opacity, count)], dim=-1)


@node("PorterDuffImageComposite", category="mask/compositing", lane="cpu")
def porter_duff_image_composite(
    *,
    source: Image,
    source_alpha: Mask,
    destination: Image,
    destination_alpha: Mask,
    mode: Annotated[str, Choices(MODES)] = "DST",
) -> Parted:
    """Composite two pictures by a mode of drawing programs; masks are 1 where they are transparent."""
    from nodes.diffusion.layout import repeated
    from nodes.diffusion.porter_duff import composite

    if source.shape[1:3] != destination.shape[1:3]:
        source = resized(source, destination.shape[2], destination.shape[1], "bicubic", "center")
    opacity, under = 1 - fitted(source_alpha, destination), 1 - fitted(destination_alpha, destination)
    parts = (source[..., :3], opacity, destination[..., :3], under)
    above, opacity, below, under = (repeated(each, max(map(len, parts))) for each in parts)
    colour, alpha = composite(above, opacity, below, under, mode)
    return Parted(colour, 1 - alpha[..., 0])


def fitted(mask: Mask, image: Image) -> Image:
    """[B,H,W,1], of the size of a picture."""
    pixels = batched(mask)[..., None]
    if pixels.shape[1:3] == image.shape[1:3]:
        return pixels
    return resized(pixels, image.shape[2], image.shape[1], "bilinear", "disabled")
