"""Image nodes: files, sizes, batches."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from engine.node import Choices, Context, Files, Step, Upload, node
from nodes import inputs, pictures
from nodes.diffusion import names
from nodes.sockets import Image, Mask

PREVIEW_COMPRESSION = 1

ImageName = Annotated[str, Choices(lambda files: files.names("input", pictures.SUFFIXES)), Upload("image")]
Method = Annotated[str, Choices(names.UPSCALE_METHODS)]
Side = Annotated[int, Field(ge=1, le=16_384)]
NewSide = Annotated[int, Field(ge=0, le=16_384, description="0 keeps the proportions.")]


class LoadedImage(NamedTuple):
    IMAGE: Image
    MASK: Mask


@node("LoadImage", category="image", display_name="Load Image", lane="cpu", tolerates=("upload",))
def load_image(ctx: Context, *, image: ImageName) -> LoadedImage:
    """Read a picture from the input folder; the mask is where it is transparent."""
    return LoadedImage(*pictures.read_picture(ctx.files.resolve(image)))


@node("LoadImageMask", category="mask", display_name="Load Image as Mask", lane="cpu", tolerates=("upload",))
def load_image_mask(
    ctx: Context, *, image: ImageName, channel: Literal["alpha", "red", "green", "blue"]
) -> Mask:
    """Read one channel of a picture as a mask."""
    return pictures.read_channel(ctx.files.resolve(image), channel)


@load_image.fingerprint
@load_image_mask.fingerprint
def image_content(files: Files, image: str | None) -> str | None:
    return inputs.content(files, image)


@load_image.check
@load_image_mask.check
def image_problems(files: Files, image: str) -> Mapping[str, str]:
    return inputs.problems(files, image=image)


class HandedOn(NamedTuple):
    """What was written or shown, for newer graphs, which go on behind it."""

    images: Image


@node("SaveImage", category="image", display_name="Save Image", lane="cpu", output_node=True, version=2)
def save_image(
    ctx: Context,
    *,
    images: Image,
    filename_prefix: Annotated[
        str, Field(description="May hold folders, and marks such as %year% or %width%.")
    ] = "ComfyUI",
) -> HandedOn:
    """Write pictures as PNG files to the output folder, with the workflow inside."""
    write(ctx, images, filename_prefix, "output", pictures.COMPRESSION)
    return HandedOn(images)


@node("PreviewImage", category="image", display_name="Preview Image", lane="cpu", output_node=True, version=2)
def preview_image(ctx: Context, *, images: Image) -> HandedOn:
    """Show pictures without keeping them."""
    write(ctx, images, "preview", "temp", PREVIEW_COMPRESSION)
    return HandedOn(images)


@node(
    "SaveImageWebsocket", category="api/image", display_name="Save Image (Websocket)", lane="cpu",
    output_node=True, cache=False,
)  # fmt: skip
def save_image_websocket(ctx: Context, *, images: Image) -> None:
    """Send pictures to the client that asked for them, without writing files."""
    for index, pixels in enumerate(images):
        ctx.progress(index, len(images))
        ctx.deliver(pictures.as_images(pixels[None])[0])


def write(
    ctx: Context,
    images: Image,
    prefix: str,
    root: Literal["output", "temp"],
    compress_level: int,
    kind: str = "images",
    *,
    bits: int = 8,
) -> None:
    """Write each picture of a batch under a name of its own, and show it."""
    count, height, width = images.shape[:3]
    for index, pixels in enumerate(images):
        ctx.progress(index, count)
        claim = ctx.claim(prefix, ".png", root=root, width=width, height=height, batch_num=index)
        with claim as part:
            pictures.write_png(part, pixels, ctx.metadata, compress_level=compress_level, bits=bits)
        ctx.show(kind, [{"filename": claim.filename, "subfolder": claim.subfolder, "type": root}])


@node("EmptyImage", category="image", display_name="Empty Image", lane="cpu")
def empty_image(
    *,
    width: Side = 512,
    height: Side = 512,
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 1,
    color: Annotated[int, Field(ge=0, le=0xFFFFFF, description="0xRRGGBB as a number.")] = 0,
) -> Image:
    """Pictures of one colour."""
    import torch

    rgb = torch.tensor([color >> 16 & 0xFF, color >> 8 & 0xFF, color & 0xFF]) / 255
    return rgb.repeat(batch_size, height, width, 1)


@node("ImageScale", category="image/upscaling", display_name="Upscale Image", lane="cpu")
def image_scale(
    *,
    image: Image,
    upscale_method: Method,
    width: NewSide = 512,
    height: NewSide = 512,
    crop: Annotated[str, Choices(names.CROPS), Field(description="`center` keeps the proportions.")],
) -> Image:
    """Resize pictures to a size."""
    rows, columns = image.shape[1:3]
    if width == height == 0:
        return image
    width = width or max(1, round(columns * height / rows))
    height = height or max(1, round(rows * width / columns))
    return resized(image, width, height, upscale_method, crop)


@node("ImageScaleBy", category="image/upscaling", display_name="Upscale Image By", lane="cpu")
def image_scale_by(
    *,
    image: Image,
    upscale_method: Method,
    scale_by: Annotated[float, Field(ge=0.01, le=8), Step(0.01)] = 1.0,
) -> Image:
    """Resize pictures by a factor."""
    rows, columns = image.shape[1:3]
    width, height = max(1, round(columns * scale_by)), max(1, round(rows * scale_by))
    return resized(image, width, height, upscale_method, "disabled")


@node("ImageInvert", category="image", display_name="Invert Image", lane="cpu")
def image_invert(*, image: Image) -> Image:
    """The negative of pictures."""
    return 1 - image


@node("ImageBatch", category="image", display_name="Batch Images", lane="cpu")
def image_batch(*, image1: Image, image2: Image) -> Image:
    """Put pictures behind one another; the second are made to fit the first."""
    import torch

    height, width = image1.shape[1:3]
    if image2.shape[1:3] != image1.shape[1:3]:
        image2 = resized(image2, width, height, "bilinear", "center")
    if image1.shape[-1] != image2.shape[-1]:  # an alpha that one has and the other lacks
        image1, image2 = image1[..., :3], image2[..., :3]
    return torch.cat([image1, image2])


class Size(NamedTuple):
    width: int
    height: int
    batch_size: int


@node("GetImageSize", category="image", display_name="Get Image Size")
def get_image_size(*, image: Image) -> Size:
    """Width and height of pictures, and how many there are."""
    count, height, width = image.shape[:3]
    return Size(width, height, count)


def resized(image: Image, width: int, height: int, method: str, crop: str) -> Image:
    from nodes.diffusion.latents import resize

    return resize(image.movedim(-1, 1), width, height, method, crop).movedim(1, -1).contiguous()
