"""What changes the look of pictures: [B,H,W,C] in 0..1, each item and each channel by itself."""

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad


def gaussian(radius: int, sigma: float) -> Tensor:
    """[k,k] weights that sum to 1, k = 2 radius + 1; sigma is in parts of the radius."""
    line = torch.linspace(-1, 1, 2 * radius + 1) if radius else torch.zeros(1)
    weights = torch.exp(-(line[:, None] ** 2 + line**2) / (2 * sigma * sigma))
    return weights / weights.sum()


def convolved(pixels: Tensor, kernel: Tensor) -> Tensor:
    """[B,H,W,C] under [k,k], mirrored at the borders; of sides too short to mirror the edge is repeated."""
    x = pixels.movedim(-1, 1)
    channels, radius = x.shape[1], kernel.shape[-1] // 2
    mode = "reflect" if min(x.shape[-2:]) > radius else "replicate"
    padded = pad(x, (radius,) * 4, mode)
    weights = kernel.to(x).expand(channels, 1, *kernel.shape)
    return conv2d(padded, weights, groups=channels).movedim(1, -1).contiguous()


def blur(pixels: Tensor, radius: int, sigma: float) -> Tensor:
    return convolved(pixels, gaussian(radius, sigma)) if radius else pixels


def sharpen(pixels: Tensor, radius: int, sigma: float, alpha: float) -> Tensor:
    """The picture, and ten times `alpha` of how it differs from its blurred self."""
    if radius == 0:
        return pixels
    return (pixels + (pixels - blur(pixels, radius, sigma)) * (10 * alpha)).clamp(0, 1)


def _soft_light(a: Tensor, b: Tensor) -> Tensor:
    lifted = torch.where(a <= 0.25, ((16 * a - 12) * a + 4) * a, a.sqrt())
    return torch.where(b <= 0.5, a - (1 - 2 * b) * a * (1 - a), a + (2 * b - 1) * (lifted - a))


BLENDS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "normal": lambda _, b: b,
    "multiply": lambda a, b: a * b,
    "screen": lambda a, b: 1 - (1 - a) * (1 - b),
    "overlay": lambda a, b: torch.where(a <= 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b)),
    "soft_light": _soft_light,
    "difference": lambda a, b: a - b,
}


def blend(a: Tensor, b: Tensor, factor: float, mode: str) -> Tensor:
    """`factor` of the blended picture, the rest of `a`, in 0..1."""
    return (a * (1 - factor) + BLENDS[mode](a, b) * factor).clamp(0, 1)


def add_noise(pixels: Tensor, seed: int, strength: float) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (pixels + torch.randn(pixels.shape, generator=generator).to(pixels) * strength).clamp(0, 1)


def to_yuv(pixels: Tensor) -> Tensor:
    """RGB to Y, Cb, Cr of full range (BT.601), the last two around 1/2."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack([y, (blue - y) * 0.564 + 0.5, (red - y) * 0.713 + 0.5], dim=-1)


def from_yuv(yuv: Tensor) -> Tensor:
    y, u, v = yuv[..., 0], yuv[..., 1] - 0.5, yuv[..., 2] - 0.5
    return torch.stack([y + 1.403 * v, y - 0.344 * u - 0.714 * v, y + 1.773 * u], dim=-1).clamp(0, 1)


def dilate(pixels: Tensor, size: int) -> Tensor:
    """The largest value in a square of `size` around each pixel; beyond the border there is nothing."""
    before = size // 2
    x = pad(pixels.movedim(-1, 1), (before, size - 1 - before) * 2, value=-math.inf)
    return max_pool2d(x, size, stride=1).movedim(1, -1).contiguous()


def erode(pixels: Tensor, size: int) -> Tensor:
    return -dilate(-pixels, size)


MORPHOLOGY: Final[dict[str, Callable[[Tensor, int], Tensor]]] = {
    "erode": erode,
    "dilate": dilate,
    "open": lambda x, size: dilate(erode(x, size), size),
    "close": lambda x, size: erode(dilate(x, size), size),
    "gradient": lambda x, size: dilate(x, size) - erode(x, size),
    "bottom_hat": lambda x, size: erode(dilate(x, size), size) - x,
    "top_hat": lambda x, size: x - dilate(erode(x, size), size),
}


def transfer_colours(pixels: Tensor, reference: Tensor) -> Tensor:
    """Each channel with the mean and deviation that it has in the reference (Reinhard et al., 2001)."""
    dims = (1, 2)
    mean, like = pixels.mean(dims, keepdim=True), reference.mean(dims, keepdim=True)
    deviation = pixels.std(dims, keepdim=True, correction=0).clamp(min=1e-6)
    return ((pixels - mean) / deviation * reference.std(dims, keepdim=True, correction=0) + like).clamp(0, 1)
