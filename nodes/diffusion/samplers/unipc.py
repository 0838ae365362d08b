"""UniPC: a multistep predictor whose corrector costs no further evaluation (arXiv 2302.04867)."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nodes.diffusion.samplers.base import Sampling

LAST_SIGMA = 0.001
"""Stands for a final 0, where lambda = -ln sigma would be infinite."""


def uni_pc(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """UniPC-3 with B(h) = h, predicting x0."""
    return (yield from _uni_pc(x, sigmas, lambda hh: hh))


def uni_pc_bh2(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """UniPC-3 with B(h) = e^h - 1, predicting x0."""
    return (yield from _uni_pc(x, sigmas, math.expm1))


def _uni_pc(x: Tensor, sigmas: Sequence[float], b_of_h: Callable[[float], float]) -> Sampling:
    """Orders rise 1, 2, 3 and fall 2, 1 at the end; each step is corrected by the evaluation that follows it.

    A single step is not sampled at all, only scaled to unit variance: saved workflows have it so.
    """
    steps = len(sigmas) - 1
    if steps == 1:
        return x / math.hypot(1, sigmas[0])
    levels = [*sigmas[:-1], sigmas[-1] or LAST_SIGMA]
    past: list[tuple[float, Tensor]] = []  # (lambda, prediction), latest first
    corrected: Callable[[Tensor], Tensor] | None = None
    for j in range(1, steps + 1):
        denoised = yield x, levels[j - 1]
        if corrected is not None:
            x = corrected(denoised)
        past = [(-math.log(levels[j - 1]), denoised), *past[:2]]
        x, corrected = _step(x, past[: min(j, 3, steps + 1 - j)], levels[j - 1], levels[j], b_of_h)
    return x


def _step(
    x: Tensor,
    past: Sequence[tuple[float, Tensor]],
    sigma: float,
    sigma_next: float,
    b_of_h: Callable[[float], float],
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The predicted x at sigma_next, and what corrects it once D is known there; the order is len(past)."""
    lambda_0, denoised = past[0]
    h = -math.log(sigma_next) - lambda_0
    ratios = [(lambda_k - lambda_0) / h for lambda_k, _ in past[1:]]
    changes = [(earlier - denoised) / r for (_, earlier), r in zip(past[1:], ratios, strict=True)]
    base = x * (sigma_next / sigma) - denoised * math.expm1(-h)
    rhos_p, rhos_c = _coefficients([*ratios, 1.0], -h, b_of_h(-h))

    def moved(rhos: Sequence[float], differences: Sequence[Tensor]) -> Tensor:
        result = base
        for rho, difference in zip(rhos, differences, strict=True):
            result = result - difference * (rho * b_of_h(-h))
        return result

    return moved(rhos_p, changes), lambda next_one: moved(rhos_c, [*changes, next_one - denoised])


def _coefficients(ratios: Sequence[float], hh: float, b_h: float) -> tuple[list[float], list[float]]:
    """The rho of predictor and corrector: solutions of R rho = b (arXiv 2302.04867, equations 6 and 9)."""
    order = len(ratios)
    b, phi = [], math.expm1(hh) / hh - 1
    for i in range(1, order + 1):
        b.append(phi * math.factorial(i) / b_h)
        phi = phi / hh - 1 / math.factorial(i + 1)
    matrix = [[r**i for r in ratios] for i in range(order)]
    predictor = _solved([row[:-1] for row in matrix[:-1]], b[:-1]) if order > 2 else [0.5] * (order - 1)
    return predictor, _solved(matrix, b) if order > 1 else [0.5]


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    solution: list[float] = torch.linalg.solve(
        torch.tensor(matrix, dtype=torch.float64), torch.tensor(right, dtype=torch.float64)
    ).tolist()
    return solution
