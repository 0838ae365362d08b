"""Extended reverse-time SDE solvers (arXiv 2309.06169), for models that add noise without scaling.

A function of the noise level says how much of the noise is renewed in a step.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.noise import StepNoise
from nodes.diffusion.samplers.base import Sampling

#: Points at which the integrals of a step are taken.
POINTS: Final = 200


def er_sde(
    x: Tensor,
    sigmas: Sequence[float],
    noise: StepNoise,
    *,
    s_noise: float = 1.0,
    max_stage: int = 3,
    eta: float | None = None,
) -> Sampling:
    """Order `max_stage` (3 at most); with `eta` the plain reverse-time SDE of that strength, 0 the ODE."""
    scale: Callable[[Tensor], Tensor] = _extended if eta is None else lambda z: z ** (eta + 1)
    levels: list[float] = []
    seen: list[Tensor] = []
    slopes: list[Tensor] = []
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        if sigma_next == 0:
            return denoised
        above, below = (float(scale(torch.tensor(each, dtype=torch.float64))) for each in (sigma, sigma_next))
        r, step = below / above, sigma_next - sigma
        x = x * r + denoised * (1 - r)
        if seen and max_stage > 1:
            points = torch.arange(POINTS, dtype=torch.float64) * (-step / POINTS) + sigma_next
            width = -step / POINTS
            slopes.append((denoised - seen[-1]) / (sigma - levels[-1]))
            x = x + slopes[-1] * (step + float((1 / scale(points)).sum()) * width * below)
            if len(slopes) > 1 and max_stage > 2:
                bend = (slopes[-1] - slopes[-2]) / ((sigma - levels[-2]) / 2)
                first = float(((points - sigma) / scale(points)).sum()) * width
                x = x + bend * (step * step / 2 + first * below)
        renewed = sigma_next * sigma_next - sigma * sigma * r * r
        if eta != 0:
            x = x + noise(sigma, sigma_next) * (s_noise * math.sqrt(max(renewed, 0.0)))
        levels.append(sigma)
        seen.append(denoised)
        del levels[:-2], seen[:-2], slopes[:-2]
    return x


def _extended(z: Tensor) -> Tensor:
    return z * ((z**0.3).exp() + 10)
