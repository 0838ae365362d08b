"""Previews: a linear map from a latent to the colours it will have, at the latent's own size."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nodes.diffusion.model_sampling import LatentFormat

Factors = tuple[tuple[float, float, float], ...]

FACTORS: dict[LatentFormat, Factors] = {
    LatentFormat(channels=4, scale=1.0): (  # Pinhole
        (0.06, 0.02, -0.01),
        (0.26, 0.21, 0.13),
        (-0.26, -0.02, 0.21),
        (-0.04, -0.18, -0.24),
        (0.10, -0.03, 0.00),
    )
}
"""What `fit_latent_rgb` gave for a space of latents: a row for each channel, and the bias behind them."""

SOME_COLOURS: Factors = ((0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.3))
"""For a space without factors of its own: three channels as they are.  Wrong colours, right shapes."""


def preview(x0: Tensor, latent_format: LatentFormat) -> Tensor:
    """A picture [h,w,3] of 0..1, on the CPU, of the first of x0 [B,C,h,w] (model space)."""
    known = FACTORS.get(latent_format)
    rows = torch.tensor(known or SOME_COLOURS)
    factors, bias = (rows[:-1], rows[-1]) if known else (rows, None)
    return latent_to_rgb(x0[:1, : len(factors)].cpu(), factors, bias)[0]


def latent_to_rgb(x0: Tensor, factors: Tensor, bias: Tensor | None = None) -> Tensor:
    """Pictures [B,H,W,3] of 0..1 from x0 [B,C,H,W] (model space); factors are [C,3], bias [3].

    The map itself is onto -1..1.
    """
    rgb = x0.float().movedim(1, -1) @ factors.to(x0.device)
    if bias is not None:
        rgb = rgb + bias.to(x0.device)
    return ((rgb + 1) / 2).clamp(0, 1)


def fit_latent_rgb(
    decode: Callable[[Tensor], Tensor], latent_format: LatentFormat, *, count: int = 4, size: int = 16
) -> tuple[Tensor, Tensor]:
    """Factors [C,3] and bias [3] for a VAE, by least squares over what it decodes.

    `decode` turns VAE-space latents [B,C,H,W] into pictures [B,8H,8W,3].  It is shown latents of unit
    variance that vary slowly, as those of pictures do, at several contrasts.
    """
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, latent_format.channels, size // 4, size // 4, generator=generator)
    contrast = torch.linspace(0.5, 1.5, count).reshape(-1, 1, 1, 1)
    latents = interpolate(coarse * contrast, size=(size, size), mode="bilinear") * 1.5
    pictures = decode(latent_format.process_out(latents)).float().cpu().movedim(-1, 1)
    colours = interpolate(pictures * 2 - 1, size=(size, size), mode="area").movedim(1, -1).reshape(-1, 3)
    inputs = latents.movedim(1, -1).reshape(-1, latent_format.channels)
    solution = torch.linalg.lstsq(torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1), colours).solution
    return solution[:-1], solution[-1]
