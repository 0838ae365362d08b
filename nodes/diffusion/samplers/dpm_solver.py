"""DPM-Solver, in the half-logarithmic time lambda = -ln sigma.

`dpm_fast` is the noise-prediction solver of arXiv 2206.00927; the `dpmpp` family is DPM-Solver++
(arXiv 2211.01095), which integrates the denoised prediction, and its SDE forms.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from nodes.diffusion.noise import StepNoise
from nodes.diffusion.samplers.base import Sampling, ancestral_step, slope


def dpm_fast(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """DPM-Solver-fast (arXiv 2206.00927, section 3.4): third-order steps, equal in lambda, a lower one last.

    It makes as many evaluations as the schedule has steps, from the first to the last positive level,
    and takes no notice of the levels between; nor does it go on to 0.
    """
    evaluations = len(sigmas) - 1
    if evaluations == 0:
        return x
    first, last = -math.log(sigmas[0]), -math.log(sigmas[-1] or sigmas[-2])
    count = evaluations // 3 + 1
    orders = [3] * (count - 1) + [evaluations % 3] if evaluations % 3 else [3] * (count - 2) + [2, 1]
    times = [first + (last - first) * k / count for k in range(count + 1)]
    for (t, t_next), order in zip(pairwise(times), orders, strict=True):
        x = yield from _dpm_solver_step(x, t, t_next - t, order)
    return x


def _dpm_solver_step(x: Tensor, t: float, h: float, order: int) -> Sampling:
    """DPM-Solver-1, -2 (r = 1/2) or -3 (r = 1/3, 2/3) from t to t + h in lambda (arXiv 2206.00927, B)."""
    sigma, sigma_next = math.exp(-t), math.exp(-t - h)
    eps = slope(x, (yield x, sigma), sigma)
    if order == 1:
        return x - eps * (sigma_next * math.expm1(h))
    r_1 = 1 / order
    sigma_1 = math.exp(-t - r_1 * h)
    u_1 = x - eps * (sigma_1 * math.expm1(r_1 * h))
    change = slope(u_1, (yield u_1, sigma_1), sigma_1) - eps
    if order == 2:
        return x - (eps + change / (2 * r_1)) * (sigma_next * math.expm1(h))
    r_2 = 2 / 3
    sigma_2 = math.exp(-t - r_2 * h)
    bend = r_2 / r_1 * (math.expm1(r_2 * h) / (r_2 * h) - 1)
    u_2 = x - eps * (sigma_2 * math.expm1(r_2 * h)) - change * (sigma_2 * bend)
    change = slope(u_2, (yield u_2, sigma_2), sigma_2) - eps
    return x - eps * (sigma_next * math.expm1(h)) - change * (sigma_next / r_2 * (math.expm1(h) / h - 1))


def dpmpp_2m(x: Tensor, sigmas: Sequence[float]) -> Sampling:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2)."""
    previous: Tensor | None = None
    h_previous = math.nan
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        h = math.log(sigma / sigma_next) if sigma_next else math.inf
        target = denoised
        if previous is not None and sigma_next:
            target = denoised + (denoised - previous) * (h / h_previous / 2)
        x = x * (sigma_next / sigma) + target * (1 - sigma_next / sigma)
        previous, h_previous = denoised, h
    return x


def dpmpp_2s_ancestral(
    x: Tensor, sigmas: Sequence[float], noise: StepNoise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Sampling:
    """DPM-Solver++(2S) to below the next level, then noise back up (arXiv 2211.01095, algorithm 1, r 1/2)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        down, up = ancestral_step(sigma, sigma_next, eta)
        if down > 0:
            middle = math.sqrt(sigma * down)
            x_2 = x * (middle / sigma) + denoised * (1 - middle / sigma)
            denoised = yield x_2, middle
        x = x * (down / sigma) + denoised * (1 - down / sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * (s_noise * up)
    return x


def dpmpp_sde(
    x: Tensor,
    sigmas: Sequence[float],
    noise: StepNoise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Sampling:
    """DPM-Solver++(2S) with ancestral noise in both halves of a step, from one Brownian path."""

    def step(sigma: float, sigma_next: float, target: Tensor) -> Tensor:
        down, up = ancestral_step(sigma, sigma_next, eta)
        moved = x * (down / sigma) + target * (1 - down / sigma)
        return moved + noise(sigma, sigma_next) * (s_noise * up)

    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        if sigma_next == 0:
            return denoised
        middle = _between(sigma, sigma_next, r)
        denoised_2 = yield step(sigma, middle, denoised), middle
        x = step(sigma, sigma_next, denoised * (1 - 1 / (2 * r)) + denoised_2 / (2 * r))
    return x


def dpmpp_2m_sde(
    x: Tensor,
    sigmas: Sequence[float],
    noise: StepNoise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: Literal["midpoint", "heun"] = "midpoint",
) -> Sampling:
    """SDE-DPM-Solver++(2M) (arXiv 2211.01095, appendix); eta 0 is the ODE.

    The two solver types weigh the change of D differently; both are of second order.
    """
    previous: Tensor | None = None
    h_previous = math.nan
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        g = h * (1 + eta)
        gain = -math.expm1(-g)
        x = x * math.exp(-g) + denoised * gain
        if previous is not None:
            change = gain / 2 if solver_type == "midpoint" else 1 - gain / g
            x = x + (denoised - previous) * (change * h / h_previous)
        x = _sde_noise(x, noise, sigma, sigma_next, eta, s_noise)
        previous, h_previous = denoised, h
    return x


def dpmpp_3m_sde(
    x: Tensor, sigmas: Sequence[float], noise: StepNoise, *, eta: float = 1.0, s_noise: float = 1.0
) -> Sampling:
    """SDE-DPM-Solver++(3M): derivatives of D from two earlier predictions (arXiv 2211.01095, appendix)."""
    history: list[tuple[Tensor, float]] = []  # (prediction, h of the step that followed it), latest first
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield x, sigma
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        g = h * (1 + eta)
        phi_2 = math.expm1(-g) / g + 1
        phi_3 = phi_2 / g - 0.5
        x = x * math.exp(-g) - denoised * math.expm1(-g)
        if len(history) == 2:
            (d_1, h_1), (d_2, h_2) = history
            r_0, r_1 = h_1 / h, h_2 / h
            u, v = (denoised - d_1) / r_0, (d_1 - d_2) / r_1
            bend = (u - v) / (r_0 + r_1)
            x = x + (u + bend * r_0) * phi_2 - bend * phi_3
        elif history:
            d_1, h_1 = history[0]
            x = x + (denoised - d_1) * (phi_2 * h / h_1)
        x = _sde_noise(x, noise, sigma, sigma_next, eta, s_noise)
        history = [(denoised, h), *history[:1]]
    return x


def _sde_noise(
    x: Tensor, noise: StepNoise, sigma: float, sigma_next: float, eta: float, s_noise: float
) -> Tensor:
    """The noise that a step of the reverse SDE gathers; none if eta is 0."""
    gathered = math.sqrt(max(1 - (sigma_next / sigma) ** (2 * eta), 0.0))
    return x + noise(sigma, sigma_next) * (s_noise * sigma_next * gathered) if gathered else x


def _between(sigma: float, sigma_next: float, r: float) -> float:
    """The level at a fraction r of the way in lambda.

    Single precision, as saved pictures have it: a Brownian path moves visibly in a rounding error.
    """
    start, end = -torch.log(torch.tensor([sigma, sigma_next]))
    return float(torch.exp(-(start + r * (end - start))))
