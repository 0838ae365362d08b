"""Latents [B,C,...] as vectors of channels: turned, sharpened, pressed together."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.effects import blur

TINY = 1e-10


def lengths(latent: Tensor) -> Tensor:
    """[B,1,...]"""
    result: Tensor = torch.linalg.vector_norm(latent, dim=1, keepdim=True)
    return result


def turned(a: Tensor, b: Tensor, ratio: float) -> Tensor:
    """Directions and lengths mixed by themselves: `ratio` of a, the rest of b."""
    length_a, length_b = lengths(a), lengths(b)
    unit_a, unit_b = (torch.nan_to_num(v / n) for v, n in ((a, length_a), (b, length_b)))
    mixed = unit_a * ratio + unit_b * (1 - ratio)
    direction = torch.nan_to_num(mixed / lengths(mixed))
    return direction * (length_a * ratio + length_b * (1 - ratio))


def sharpen(latent: Tensor, radius: float, sigma: float, alpha: float) -> Tensor:
    """Unit vectors drawn away from their blurred neighbourhood, by ten times alpha; lengths as before."""
    length = lengths(latent) + TINY
    unit = (latent / length).movedim(1, -1)
    sharp = unit + (unit - blur(unit, int(radius), sigma)) * (10 * alpha)
    return sharp.movedim(-1, 1) * length


def tonemap(latent: Tensor, multiplier: float) -> Tensor:
    """Lengths by Reinhard's curve (2002), n / (n + 1), in units of five deviations above their mean."""
    length = lengths(latent) + TINY
    dims = tuple(range(1, latent.ndim))
    top = (length.std(dim=dims, keepdim=True) * 5 + length.mean(dim=dims, keepdim=True)) * multiplier
    top = top.clamp(min=TINY)
    pressed = length / top
    return latent / length * (pressed / (pressed + 1) * top)


OPERATIONS: Final[dict[str, Callable[..., Tensor]]] = {"sharpen": sharpen, "tonemap": tonemap}
