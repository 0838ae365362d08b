"""Image nodes: sizes, cutting, turning, frames."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from engine.node import Choices, Omittable, Step, UserError, Variants, node
from nodes.diffusion import names
from nodes.image import Method, Side, resized
from nodes.mask import batched
from nodes.sockets import Image, Mask

MEGAPIXEL = 1024 * 1024

Offset = Annotated[int, Field(ge=0, le=16_384), Step(1)]
Border = Annotated[int, Field(ge=0, le=16_384, description="Pixels to add on this side."), Step(8)]
Megapixels = Annotated[float, Field(ge=0.01, le=16, description="Of 1024 by 1024 pixels."), Step(0.01)]
ANY_ORDER = ("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic")
ASPECTS = (
    "1:1 (Square)", "3:2 (Photo)", "4:3 (Standard)", "16:9 (Widescreen)", "21:9 (Ultrawide)",
    "2:3 (Portrait Photo)", "3:4 (Portrait Standard)", "9:16 (Portrait Widescreen)",
)  # fmt: skip


class Padded(NamedTuple):
    IMAGE: Image
    MASK: Mask


class Size(NamedTuple):
    width: int
    height: int


@node(
    "ImageScaleToTotalPixels",
    category="image/upscaling",
    display_name="Scale Image to Total Pixels",
    lane="cpu",
)
def image_scale_to_total_pixels(
    *,
    image: Image,
    upscale_method: Method,
    megapixels: Megapixels = 1.0,
    resolution_steps: Annotated[
        int, Field(ge=1, le=256, description="The sides become multiples of this."), Omittable()
    ] = 1,
) -> Image:
    """Resize pictures to about so many pixels, whatever their proportions."""
    from nodes.diffusion.layout import sized_for

    height, width = image.shape[1:3]
    width, height = sized_for(width, height, megapixels * MEGAPIXEL, resolution_steps)
    return resized(image, width, height, upscale_method, "disabled")


@node(
    "ImageScaleToMaxDimension",
    category="image/upscaling",
    display_name="Image Scale to Max Dimension",
    lane="cpu",
)
def image_scale_to_max_dimension(
    *,
    image: Image,
    upscale_method: Annotated[str, Choices(ANY_ORDER)],
    largest_size: Annotated[int, Field(ge=0, le=16_384, description="0 leaves pictures as they are.")] = 512,
) -> Image:
    """Resize pictures so that their longer side has a length."""
    height, width = image.shape[1:3]
    return by_factor(image, largest_size / max(height, width), upscale_method)


@node("ImageCrop", category="image/transform", display_name="Image Crop", lane="cpu")
def image_crop(*, image: Image, width: Side = 512, height: Side = 512, x: Offset = 0, y: Offset = 0) -> Image:
    """Cut a box out of pictures; what of it lies outside is left away."""
    x, y = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, y : y + height, x : x + width].contiguous()


@node("ImageFlip", category="image/transform", lane="cpu")
def image_flip(*, image: Image, flip_method: Literal["x-axis: vertically", "y-axis: horizontally"]) -> Image:
    """Mirror pictures."""
    return image.flip(1 if flip_method.startswith("x") else 2)


@node("ImageRotate", category="image/transform", lane="cpu")
def image_rotate(
    *, image: Image, rotation: Literal["none", "90 degrees", "180 degrees", "270 degrees"]
) -> Image:
    """Turn pictures clockwise."""
    import torch

    return torch.rot90(image, names.ROTATIONS[rotation], (2, 1)).contiguous()


@node("ImageStitch", category="image/transform", display_name="Image Stitch", lane="cpu")
def image_stitch(
    *,
    image1: Image,
    direction: Literal["right", "down", "left", "up"] = "right",
    match_image_size: bool = True,
    spacing_width: Annotated[int, Field(ge=0, le=1024), Step(2)] = 0,
    spacing_color: Literal["white", "black", "red", "green", "blue"] = "white",
    image2: Image | None = None,
) -> Image:
    """Put two pictures beside or below one another."""
    from nodes.diffusion.layout import stitched

    if image2 is None:
        return image1
    gap = spacing_width + spacing_width % 2
    return stitched(image1, image2, direction, match=match_image_size, gap=gap, colour=spacing_color)


@node("ResizeAndPadImage", category="image/transform", lane="cpu")
def resize_and_pad_image(
    *,
    image: Image,
    target_width: Side = 512,
    target_height: Side = 512,
    padding_color: Literal["white", "black"],
    interpolation: Literal["area", "bicubic", "nearest-exact", "bilinear", "lanczos"],
) -> Image:
    """Make pictures fit into a size, with bars at two sides."""
    from nodes.diffusion.layout import framed

    height, width = image.shape[1:3]
    scale = min(target_width / width, target_height / height)
    fitted = resized(
        image, max(1, int(width * scale)), max(1, int(height * scale)), interpolation, "disabled"
    )
    return framed(fitted, target_width, target_height, float(padding_color == "white"))


@node("ImagePadForOutpaint", category="image", display_name="Pad Image for Outpainting", lane="cpu")
def image_pad_for_outpaint(
    *,
    image: Image,
    left: Border = 0,
    top: Border = 0,
    right: Border = 0,
    bottom: Border = 0,
    feathering: Annotated[
        int, Field(ge=0, le=16_384, description="Pixels of the picture that the mask fades out over.")
    ] = 40,
) -> Padded:
    """Extend pictures by gray borders, and mask these."""
    from nodes.diffusion.layout import outpainted

    return Padded(*outpainted(image, left, top, right, bottom, feathering))


@node("FluxKontextImageScale", category="advanced/conditioning/flux", lane="cpu")
def flux_kontext_image_scale(*, image: Image) -> Image:
    """Resize pictures to the nearest of the sizes that Flux Kontext knows."""
    from nodes.diffusion.layout import nearest_kontext_size

    width, height = nearest_kontext_size(image.shape[2], image.shape[1])
    return resized(image, width, height, "lanczos", "center")


@node("ResolutionSelector", category="utils", display_name="Resolution Selector", tolerates=("preview",))
def resolution_selector(
    *,
    aspect_ratio: Annotated[str, Choices(ASPECTS)],
    megapixels: Annotated[float, Field(ge=0.1, le=16), Step(0.1)] = 1.0,
    multiple: Annotated[int, Field(ge=1, le=256, description="Both sides are multiples of this.")] = 8,
) -> Size:
    """A width and a height of some proportions, with about so many pixels."""
    from nodes.diffusion.layout import sized_for

    wide, _, high = aspect_ratio.partition(" ")[0].partition(":")
    return Size(*sized_for(int(wide), int(high), megapixels * MEGAPIXEL, multiple))


class ToDimensions(NamedTuple):
    width: Annotated[int, Field(ge=0, le=16_384, description="0 keeps the proportions.")] = 512
    height: Annotated[int, Field(ge=0, le=16_384, description="0 keeps the proportions.")] = 512
    crop: Annotated[str, Choices(names.CROPS)] = "center"


class ByMultiplier(NamedTuple):
    multiplier: Annotated[float, Field(ge=0.01, le=8), Step(0.01)] = 1.0


class ToLonger(NamedTuple):
    longer_size: Side = 512


class ToShorter(NamedTuple):
    shorter_size: Side = 512


class ToWidth(NamedTuple):
    width: Annotated[int, Field(ge=0, le=16_384)] = 512


class ToHeight(NamedTuple):
    height: Annotated[int, Field(ge=0, le=16_384)] = 512


class ToPixels(NamedTuple):
    megapixels: Megapixels = 1.0


class LikeAnother(NamedTuple):
    crop: Annotated[str, Choices(names.CROPS)] = "center"
    match: Image | Mask | None = None


class ToMultiple(NamedTuple):
    multiple: Annotated[int, Field(ge=1, le=1024)] = 8


ResizeKind = (
    ToDimensions | ByMultiplier | ToLonger | ToShorter | ToWidth | ToHeight | ToPixels | LikeAnother
    | ToMultiple
)  # fmt: skip
RESIZE_KINDS = Variants(
    {
        "scale dimensions": ToDimensions,
        "scale by multiplier": ByMultiplier,
        "scale longer dimension": ToLonger,
        "scale shorter dimension": ToShorter,
        "scale width": ToWidth,
        "scale height": ToHeight,
        "scale total pixels": ToPixels,
        "match size": LikeAnother,
        "scale to multiple": ToMultiple,
    }
)


class Resized(NamedTuple):
    resized: Image | Mask


@node("ResizeImageMaskNode", category="transform", display_name="Resize Image/Mask", lane="cpu")
def resize_image_mask(
    *,
    input: Image | Mask,  # noqa: A002  # the ecosystem's name
    resize_type: Annotated[ResizeKind, RESIZE_KINDS],
    scale_method: Method = "area",
) -> Resized:
    """Resize pictures or masks, in one of several ways."""
    is_mask = input.ndim < 4
    pixels = batched(input)[..., None] if is_mask else input
    if is_mask and scale_method == "lanczos":
        scale_method = "bicubic"  # the other works on eight bits
    width, height, crop = new_size(pixels.shape[2], pixels.shape[1], resize_type)
    changed = resized(pixels, width, height, scale_method, crop)
    return Resized(changed[..., 0].clamp(0, 1) if is_mask else changed)


def new_size(width: int, height: int, kind: ResizeKind) -> tuple[int, int, str]:
    """Width, height and crop."""
    from nodes.diffusion.layout import sized_for

    scale, crop = 1.0, "disabled"
    match kind:
        case ToDimensions(0, 0):
            return width, height, crop
        case ToDimensions(wide, 0):
            scale = wide / width
        case ToDimensions(0, high):
            scale = high / height
        case ToDimensions(wide, high, crop):
            return wide, high, crop
        case ByMultiplier(scale):
            pass
        case ToLonger(size):
            scale = size / max(width, height)
        case ToShorter(size):
            scale = size / min(width, height)
        case ToWidth(size):
            scale = (size or width) / width
        case ToHeight(size):
            scale = (size or height) / height
        case ToPixels(megapixels):
            return *sized_for(width, height, megapixels * MEGAPIXEL), crop
        case ToMultiple(multiple):
            return (
                max(multiple, width // multiple * multiple),
                max(multiple, height // multiple * multiple),
                "center",
            )
        case LikeAnother(crop, like):
            if like is None:
                raise UserError("resize_type.match: nothing is linked to it; link a picture of the size")
            rows, columns = like.shape[1:3] if like.ndim == 4 else like.shape[-2:]
            return columns, rows, crop
    return max(1, round(width * scale)), max(1, round(height * scale)), crop


def by_factor(image: Image, factor: float, method: str) -> Image:
    if factor == 0:
        return image
    height, width = image.shape[1:3]
    return resized(image, max(1, round(width * factor)), max(1, round(height * factor)), method, "disabled")
