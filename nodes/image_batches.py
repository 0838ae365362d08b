"""Image nodes: batches taken apart and put together."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from engine.node import Growing, UserError, node
from nodes.image import resized
from nodes.sockets import Image

Count = Annotated[int, Field(ge=1, le=4096)]
MOST = 50


@node("ImageFromBatch", category="image/batch", lane="cpu")
def image_from_batch(
    *, image: Image, batch_index: Annotated[int, Field(ge=0, le=4095)] = 0, length: Count = 1
) -> Image:
    """Take some pictures out of a batch."""
    start = min(batch_index, len(image) - 1)
    return image[start : start + length].clone()


@node("RepeatImageBatch", category="image/batch", lane="cpu")
def repeat_image_batch(*, image: Image, amount: Count = 1) -> Image:
    """Repeat a whole batch."""
    return image.repeat(amount, 1, 1, 1)


@node("RebatchImages", category="image/batch", display_name="Rebatch Images", lane="cpu")
def rebatch_images(*, images: list[Image], batch_size: Count = 1) -> list[Image]:
    """Put pictures into batches of a size; those of different sizes stay apart."""
    from nodes.diffusion.latents import rebatched

    return rebatched(images, batch_size)


@node("BatchImagesNode", category="image", display_name="Batch Images", lane="cpu")
def batch_images(
    *, images: Annotated[Mapping[str, Image], Growing([f"image{index}" for index in range(MOST)])]
) -> Image:
    """Put any number of pictures behind one another; all are made to fit the first."""
    import torch

    from nodes.diffusion.layout import same_channels

    if not images:
        raise UserError("images: there are none; link at least one")
    first, *rest = images.values()
    height, width = first.shape[1:3]
    fitted = [
        each if each.shape[1:3] == (height, width) else resized(each, width, height, "lanczos", "center")
        for each in rest
    ]
    return torch.cat(same_channels([first, *fitted]))
