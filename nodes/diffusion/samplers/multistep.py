"""Multistep methods: one evaluation per step, and what earlier ones still tell."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from nodes.diffusion.samplers.base import Sampling, slope


def lms(x: Tensor, sigmas: Sequence[float], *, order: int = 4) -> Sampling:
    """Adams-Bashforth on uneven steps: the polynomial through the last slopes, integrated exactly.

    The linear multistep method of arXiv 2202.09778 in sigma; order 4 at most.
    """
    slopes: list[Tensor] = []
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield x, sigma
        slopes = [slope(x, denoised, sigma), *slopes[: order - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        weights = adams_weights(sigmas[i + 1 - len(slopes) : i + 1][::-1], sigma_next)
        for d, weight in zip(slopes, weights, strict=True):
            x = x + d * weight
    return x


def res_multistep(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """Second-order exponential integrator with the previous prediction (arXiv 2308.02157, RES multistep)."""
    previous: Tensor | None = None
    sigma_previous = math.nan
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        if previous is None or sigma_next == 0:
            x = x + slope(x, denoised, sigma) * (sigma_next - sigma)
        else:
            h = math.log(sigma / sigma_next)
            c_2 = math.log(sigma / sigma_previous) / h
            phi_1 = -math.expm1(-h) / h
            b_2 = (1 - phi_1) / h / c_2
            x = x * math.exp(-h) + denoised * (h * (phi_1 - b_2)) + previous * (h * b_2)
        previous, sigma_previous = denoised, sigma
    return x


def gradient_estimation(x: Tensor, sigmas: Sequence[float], *, gamma: float = 2.0) -> Sampling:
    """Euler's method along a slope that is drawn on beyond the last two (OpenReview o2ND9v0CeK)."""
    previous: Tensor | None = None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        d = slope(x, denoised, sigma)
        if sigma_next == 0:
            x = denoised
        else:
            drawn = d if previous is None else d + (d - previous) * (gamma - 1)
            x = x + drawn * (sigma_next - sigma)
        previous = d
    return x


def adams_weights(nodes: Sequence[float], end: float) -> list[float]:
    """Integrals from nodes[0] to `end` of the Lagrange polynomials through at most four nodes.

    Two Gauss points are exact up to degree 3.
    """
    middle, half = (nodes[0] + end) / 2, (end - nodes[0]) / 2
    points = (middle - half / math.sqrt(3), middle + half / math.sqrt(3))

    def lagrange(j: int, point: float) -> float:
        return math.prod((point - n) / (nodes[j] - n) for k, n in enumerate(nodes) if k != j)

    return [half * sum(lagrange(j, point) for point in points) for j in range(len(nodes))]
