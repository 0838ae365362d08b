"""Nodes that show pictures and values, or write them in other forms than `SaveImage` does."""

import json
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from engine.node import Choices, Context, Step, Upload, Variants, node
from nodes import pictures
from nodes.image import (
    PREVIEW_COMPRESSION,
    HandedOn,
    LoadedImage,
    image_content,
    image_problems,
    load_image,
    write,
)
from nodes.mask import batched
from nodes.sockets import Image, Mask

Prefix = Annotated[str, Field(description="May hold folders, and marks such as %year% or %width%.")]
Fps = Annotated[float, Field(ge=0.01, le=1000), Step(0.01)]


@node("MaskPreview", category="mask", display_name="Preview Mask", lane="cpu", output_node=True, version=2)
def mask_preview(ctx: Context, *, mask: Mask) -> Mask:
    """Show masks without keeping them."""
    gray = batched(mask)[..., None].expand(-1, -1, -1, 3)
    write(ctx, gray, "preview", "temp", PREVIEW_COMPRESSION)
    return mask


@node("ImageCompare", category="image", display_name="Image Compare", lane="cpu", output_node=True)
def image_compare(ctx: Context, *, image_a: Image | None = None, image_b: Image | None = None) -> None:
    """Show two pictures in one place, to slide between them."""
    for kind, images in (("a_images", image_a), ("b_images", image_b)):
        if images is not None:
            write(ctx, images, "compare", "temp", PREVIEW_COMPRESSION, kind)


class Shown(NamedTuple):
    STRING: str


@node("PreviewAny", category="utils", display_name="Preview as Text", output_node=True)
def preview_any(ctx: Context, *, source: Any) -> Shown:
    """Show whatever it is as text."""
    text = as_text(source)
    ctx.show("text", [text])
    return Shown(text)


def as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float | list | dict):
        try:
            return json.dumps(value, ensure_ascii=False, indent=None)
        except (TypeError, ValueError):
            return str(value)
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} {list(shape)}" if shape is not None else str(value)


class Png(NamedTuple):
    bit_depth: Literal["8-bit", "16-bit"] = "8-bit"
    input_color_space: Annotated[
        Literal["sRGB", "linear"], Field(description="What the values are; files hold sRGB.")
    ] = "sRGB"


@node(
    "SaveImageAdvanced", category="image", display_name="Save Image (Advanced)", lane="cpu", output_node=True
)
def save_image_advanced(
    ctx: Context,
    *,
    images: Image,
    filename_prefix: Prefix = "ComfyUI",
    format: Annotated[Png, Variants({"png": Png})],  # noqa: A002  # the ecosystem's name
) -> HandedOn:
    """Write pictures to the output folder with as many bits as are wanted, and the workflow inside."""
    values = pictures.to_srgb(images) if format.input_color_space == "linear" else images
    write(
        ctx, values, filename_prefix, "output", pictures.COMPRESSION, bits=int(format.bit_depth.split("-")[0])
    )
    return HandedOn(images)


@node("SaveAnimatedPNG", category="image/animation", lane="cpu", output_node=True)
def save_animated_png(
    ctx: Context,
    *,
    images: Image,
    filename_prefix: Prefix = "ComfyUI",
    fps: Fps = 6.0,
    compress_level: Annotated[int, Field(ge=0, le=9)] = 4,
) -> None:
    """Write a batch as one animated PNG, with the workflow inside."""
    claim = ctx.claim(filename_prefix, ".png", width=images.shape[2], height=images.shape[1])
    with claim as part:
        pictures.write_animated_png(part, images, ctx.metadata, fps=fps, compress_level=compress_level)
    ctx.show("images", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])
    ctx.show("animated", [True])


@node("SaveAnimatedWEBP", category="image/animation", lane="cpu", output_node=True)
def save_animated_webp(
    ctx: Context,
    *,
    images: Image,
    filename_prefix: Prefix = "ComfyUI",
    fps: Fps = 6.0,
    lossless: bool = True,
    quality: Annotated[int, Field(ge=0, le=100)] = 80,
    method: Literal["default", "fastest", "slowest"],
) -> None:
    """Write a batch as one animated WebP, with the workflow inside."""
    claim = ctx.claim(filename_prefix, ".webp", width=images.shape[2], height=images.shape[1])
    effort = {"default": 4, "fastest": 0, "slowest": 6}[method]
    with claim as part:
        pictures.write_animated_webp(
            part, images, ctx.metadata, fps=fps, lossless=lossless, quality=quality, method=effort
        )
    ctx.show("images", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])
    ctx.show("animated", [len(images) > 1])


@node(
    "LoadImageOutput",
    category="image",
    display_name="Load Image (from Outputs)",
    lane="cpu",
    experimental=True,
)
def load_image_output(
    ctx: Context,
    *,
    image: Annotated[
        str,
        Choices(lambda files: [f"{name} [output]" for name in files.names("output", pictures.SUFFIXES)]),
        Upload("image"),
    ],
) -> LoadedImage:
    """Read a picture from the output folder."""
    return load_image(ctx, image=image)


load_image_output.fingerprint(image_content)
load_image_output.check(image_problems)
