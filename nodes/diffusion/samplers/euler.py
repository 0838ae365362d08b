"""One-step methods in sigma: Euler, Heun, the midpoint rule, and their ancestral forms."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from nodes.diffusion.noise import StepNoise
from nodes.diffusion.samplers.base import Sampling, ancestral_step, slope


def euler(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """First-order steps along the probability-flow ODE (arXiv 2206.00364, algorithm 1 without churn)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        x = x + slope(x, denoised, sigma) * (sigma_next - sigma)
    return x


def ddim(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """DDIM with eta 0 (arXiv 2010.02502): in these variables it is Euler's method."""
    return (yield from euler(x, sigmas))


def euler_ancestral(
    x: Tensor, sigmas: Sequence[float], noise: StepNoise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Sampling:
    """Euler steps to below the next level, and fresh noise back up to it."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        down, up = ancestral_step(sigma, sigma_next, eta)
        x = x + slope(x, denoised, sigma) * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * (s_noise * up)
    return x


def ddpm(x: Tensor, sigmas: Sequence[float], noise: StepNoise) -> Sampling:
    """The DDPM posterior (arXiv 2006.11239, equation 7): in these variables, the ancestral Euler step."""
    return (yield from euler_ancestral(x, sigmas, noise))


def lcm(x: Tensor, sigmas: Sequence[float], noise: StepNoise) -> Sampling:
    """Multistep consistency sampling (arXiv 2303.01469, algorithm 1): denoise fully, noise again."""
    for sigma, sigma_next in pairwise(sigmas):
        x = yield x, sigma
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * sigma_next
    return x


def heun(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """Second order by the mean of the slopes at both ends (arXiv 2206.00364, algorithm 1 without churn)."""
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield x, sigma), sigma)
        if sigma_next > 0:
            x_2 = x + d * (sigma_next - sigma)
            d = (d + slope(x_2, (yield x_2, sigma_next), sigma_next)) / 2
        x = x + d * (sigma_next - sigma)
    return x


def dpm_2(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """Second order by the slope at the geometric middle (DPM-Solver-2 in sigma, arXiv 2206.00364, C.2)."""
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield x, sigma), sigma)
        if sigma_next > 0:
            middle = math.sqrt(sigma * sigma_next)
            x_2 = x + d * (middle - sigma)
            d = slope(x_2, (yield x_2, middle), middle)
        x = x + d * (sigma_next - sigma)
    return x


def dpm_2_ancestral(
    x: Tensor, sigmas: Sequence[float], noise: StepNoise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Sampling:
    """The steps of `dpm_2` to below the next level, and fresh noise back up to it."""
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield x, sigma), sigma)
        down, up = ancestral_step(sigma, sigma_next, eta)
        if down > 0:
            middle = math.sqrt(sigma * down)
            x_2 = x + d * (middle - sigma)
            d = slope(x_2, (yield x_2, middle), middle)
        x = x + d * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * (s_noise * up)
    return x
