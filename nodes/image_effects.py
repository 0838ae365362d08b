"""Image nodes that change how pictures look."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from engine.node import Step, node
from nodes.image import resized
from nodes.sockets import Image, Seed

Radius = Annotated[int, Field(ge=0, le=31, description="In pixels; 0 leaves pictures as they are.")]
Sigma = Annotated[float, Field(ge=0.1, le=10, description="Of the Gaussian, in radii."), Step(0.1)]
Part = Annotated[float, Field(ge=0, le=1), Step(0.01)]


@node("ImageBlend", category="image/postprocessing", display_name="Image Blend", lane="cpu")
def image_blend(
    *,
    image1: Image,
    image2: Image,
    blend_factor: Part = 0.5,
    blend_mode: Literal["normal", "multiply", "screen", "overlay", "soft_light", "difference"],
) -> Image:
    """Mix a second picture into a first; it is made to fit."""
    from nodes.diffusion.effects import blend

    height, width = image1.shape[1:3]
    if image2.shape[1:3] != image1.shape[1:3]:
        image2 = resized(image2, width, height, "bicubic", "center")
    if image1.shape[-1] != image2.shape[-1]:  # an alpha that one has and the other lacks
        image1, image2 = image1[..., :3], image2[..., :3]
    return blend(image1, image2, blend_factor, blend_mode)


@node("ImageBlur", category="image/postprocessing", display_name="Image Blur", lane="cpu")
def image_blur(*, image: Image, blur_radius: Annotated[Radius, Field(ge=1)] = 1, sigma: Sigma = 1.0) -> Image:
    """Blur pictures by a Gaussian."""
    from nodes.diffusion.effects import blur

    return blur(image, blur_radius, sigma)


@node("ImageSharpen", category="image/postprocessing", display_name="Image Sharpen", lane="cpu")
def image_sharpen(
    *,
    image: Image,
    sharpen_radius: Annotated[Radius, Field(ge=1)] = 1,
    sigma: Sigma = 1.0,
    alpha: Annotated[float, Field(ge=0, le=5, description="How strongly."), Step(0.01)] = 1.0,
) -> Image:
    """Sharpen pictures by an unsharp mask."""
    from nodes.diffusion.effects import sharpen

    return sharpen(image, sharpen_radius, sigma, alpha)


@node("ImageQuantize", category="image/postprocessing", display_name="Image Quantize", lane="cpu")
def image_quantize(
    *,
    image: Image,
    colors: Annotated[int, Field(ge=1, le=256)] = 256,
    dither: Literal["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"],
) -> Image:
    """Leave pictures a few colours, chosen for each."""
    from nodes.pictures import quantized

    return quantized(image, colors, dither)


@node("ImageAddNoise", category="image", display_name="ImageAddNoise", lane="cpu")
def image_add_noise(*, image: Image, seed: Seed = 0, strength: Part = 0.5) -> Image:
    """Add noise to pictures; equal seeds, equal noise."""
    from nodes.diffusion.effects import add_noise

    return add_noise(image, seed, strength)


@node("Canny", category="image/preprocessors", lane="cpu")
def canny_edges(
    *,
    image: Image,
    low_threshold: Annotated[float, Field(ge=0.01, le=0.99), Step(0.01)] = 0.4,
    high_threshold: Annotated[float, Field(ge=0.01, le=0.99), Step(0.01)] = 0.8,
) -> Image:
    """The edges of pictures, white on black, for ControlNets that follow them."""
    from nodes.diffusion.edges import canny

    return canny(image, low_threshold, high_threshold)[..., None].repeat(1, 1, 1, 3)


@node("Morphology", category="image/postprocessing", display_name="ImageMorphology", lane="cpu")
def morphology(
    *,
    image: Image,
    operation: Literal["erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat"],
    kernel_size: Annotated[int, Field(ge=3, le=999)] = 3,
) -> Image:
    """Let bright parts grow, shrink, or both in a row, by a square."""
    from nodes.diffusion.effects import MORPHOLOGY

    return MORPHOLOGY[operation](image, kernel_size)


class Channels(NamedTuple):
    Y: Image
    U: Image
    V: Image


@node("ImageRGBToYUV", category="image/batch", lane="cpu")
def image_rgb_to_yuv(*, image: Image) -> Channels:
    """Brightness and two colour channels, each as a gray picture."""
    from nodes.diffusion.effects import to_yuv

    y, u, v = to_yuv(image)[..., None, :].expand(-1, -1, -1, 3, -1).unbind(-1)
    return Channels(y.contiguous(), u.contiguous(), v.contiguous())


@node("ImageYUVToRGB", category="image/batch", lane="cpu")
def image_yuv_to_rgb(*, Y: Image, U: Image, V: Image) -> Image:
    """Put brightness and colour channels together again."""
    import torch

    from nodes.diffusion.effects import from_yuv

    return from_yuv(torch.stack([each.mean(-1) for each in (Y, U, V)], dim=-1))


class Transferred(NamedTuple):
    image: Image


@node("ColorTransfer", category="image/postprocessing", display_name="Color Transfer", lane="cpu")
def color_transfer(
    *,
    image_target: Image,
    image_ref: Image,
    strength: Annotated[float, Field(ge=0, le=1), Step(0.01)] = 1.0,
) -> Transferred:
    """Give pictures the colours of another: its mean and its spread, channel by channel."""
    from nodes.diffusion.effects import transfer_colours

    changed = transfer_colours(image_target[..., :3], image_ref[:1, ..., :3])
    return Transferred(image_target[..., :3] * (1 - strength) + changed * strength)
