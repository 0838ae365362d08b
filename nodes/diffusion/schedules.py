"""Schedules: which noise levels a sampler visits.

A schedule is a float32 tensor [steps + 1] of descending sigmas, usually ending in 0.  Some schedules
have more or fewer values than asked for; the number of steps is always what the tensor says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor

from nodes.diffusion.model_sampling import ModelSampling

DROPS_PENULTIMATE = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})
"""Samplers whose schedule is made one step longer and then loses the value before the last."""

TINY = 1e-5
"""A last level below this counts as the schedule's zero."""


def simple(sampling: ModelSampling, steps: int) -> Tensor:
    """Levels at equal distances in the model's own table, from the highest."""
    table = sampling.sigmas
    return _ending_in_zero(table[-1 - int(k * len(table) / steps)] for k in range(steps))


def normal(sampling: ModelSampling, steps: int) -> Tensor:
    """Equally spaced timesteps, both ends of the model's range included."""
    first, last = sampling.timestep(sampling.sigma_max), sampling.timestep(sampling.sigma_min)
    if sampling.sigma(last) < TINY:
        return torch.tensor([sampling.sigma(t) for t in torch.linspace(first, last, steps + 1).tolist()])
    return _ending_in_zero(map(sampling.sigma, torch.linspace(first, last, steps).tolist()))


def sgm_uniform(sampling: ModelSampling, steps: int) -> Tensor:
    """Equally spaced timesteps, the lowest left out."""
    first, last = sampling.timestep(sampling.sigma_max), sampling.timestep(sampling.sigma_min)
    return _ending_in_zero(map(sampling.sigma, torch.linspace(first, last, steps + 1).tolist()[:-1]))


def ddim_uniform(sampling: ModelSampling, steps: int) -> Tensor:
    """Every n-th level from the second lowest up; may hold more steps than asked for (arXiv 2010.02502)."""
    levels = len(sampling.sigmas)
    if sampling.sigmas[1] < TINY:
        return torch.tensor(sampling.sigmas[1 :: max(levels // (steps + 1), 1)][::-1])
    return _ending_in_zero(sampling.sigmas[1 :: max(levels // steps, 1)][::-1])


def beta(sampling: ModelSampling, steps: int, a: float = 0.6, b: float = 0.6) -> Tensor:
    """Timesteps at the quantiles of a beta distribution, crowded at both ends (arXiv 2407.12173).

    Quantiles that fall on the same timestep count once, so there may be fewer steps than asked for.
    """
    table = sampling.sigmas
    # The median of a symmetric distribution lies on a border and belongs above it, rounding or no rounding.
    quantiles = torch.tensor([1 - k / steps + 1e-12 for k in range(steps)], dtype=torch.float64)
    indices = torch.searchsorted(_beta_borders(a, b, len(table)), quantiles, right=True)
    return _ending_in_zero(table[index] for index, _ in groupby(indices.tolist()))


def linear_quadratic(sampling: ModelSampling, steps: int, threshold: float = 0.025) -> Tensor:
    """Linear down to `threshold` of the way in half the steps, then quadratic (Mochi, Apache-2.0)."""
    if steps == 1:
        return torch.tensor([sampling.sigma_max, 0.0])
    linear = steps // 2
    delta = linear - threshold * steps
    a = delta / (linear * (steps - linear) ** 2)
    b = threshold / linear - 2 * delta / (steps - linear) ** 2
    way = [i * threshold / linear for i in range(linear)]
    way += [a * i * i + b * i + a * linear * linear for i in range(linear, steps)]
    return _ending_in_zero((1 - part) * sampling.sigma_max for part in way)


def kl_optimal(sampling: ModelSampling, steps: int) -> Tensor:
    """Equal steps in arctan sigma (arXiv 2404.14507, equation 2.1)."""
    ramp = torch.linspace(0, 1, steps)
    angles = ramp * math.atan(sampling.sigma_min) + (1 - ramp) * math.atan(sampling.sigma_max)
    return _with_zero(angles.tan())


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Equal steps in sigma^(1/rho) (arXiv 2206.00364, equation 5), then 0."""
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return _with_zero((first + torch.linspace(0, 1, steps) * (last - first)) ** rho)


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Equal steps in log sigma, then 0."""
    return _with_zero(torch.linspace(math.log(sigma_max), math.log(sigma_min), steps).exp())


def polyexponential_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Steps in log sigma that are equal in its rho-th root, then 0."""
    span, low = math.log(sigma_max) - math.log(sigma_min), math.log(sigma_min)
    return _with_zero((torch.linspace(1, 0, steps) ** rho * span + low).exp())


def vp_sigmas(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 1e-3) -> Tensor:
    """Equal steps in the time of the continuous VP process (arXiv 2011.13456), then 0."""
    t = torch.linspace(1, eps_s, steps)
    return _with_zero(torch.expm1(beta_d * t**2 / 2 + beta_min * t).sqrt())


def karras(sampling: ModelSampling, steps: int) -> Tensor:
    return karras_sigmas(steps, sampling.sigma_min, sampling.sigma_max)


def exponential(sampling: ModelSampling, steps: int) -> Tensor:
    return exponential_sigmas(steps, sampling.sigma_min, sampling.sigma_max)


SCHEDULERS: dict[str, Callable[[ModelSampling, int], Tensor]] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}


def schedule(name: str, sampling: ModelSampling, steps: int) -> Tensor:
    """The schedule of that name; an unknown one is "simple", as in saved workflows."""
    return SCHEDULERS.get(name, simple)(sampling, steps)


def sampler_sigmas(
    sampler_name: str, scheduler: str, sampling: ModelSampling, steps: int, denoise: float = 1.0
) -> Tensor:
    """The levels of a KSampler: the last `steps + 1` of a schedule long enough that `denoise` of it is that.

    Empty when `denoise` is 0: there is nothing to do.
    """
    if denoise <= 0:
        return torch.empty(0)
    total = steps if denoise > 0.9999 else int(steps / denoise)
    if sampler_name in DROPS_PENULTIMATE:
        sigmas = schedule(scheduler, sampling, total + 1)
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    else:
        sigmas = schedule(scheduler, sampling, total)
    return sigmas if denoise > 0.9999 else sigmas[-(steps + 1) :]


def window(sigmas: Tensor, start: int = 0, end: int = 10_000, *, leftover_noise: bool = False) -> Tensor:
    """Steps `start..end` of a schedule (KSamplerAdvanced); empty when there is none.

    A run that stops early still ends at 0, in one longer step, unless it may leave noise behind.
    """
    if end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1].clone()
        if not leftover_noise:
            sigmas[-1] = 0
    return sigmas[start:] if start < len(sigmas) - 1 else sigmas[:0]


def _ending_in_zero(sigmas: Iterable[float]) -> Tensor:
    return torch.tensor([*sigmas, 0.0])


def _with_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


@lru_cache(maxsize=8)
def _beta_borders(a: float, b: float, size: int) -> Tensor:
    """[size - 1] probabilities at which the rounded quantile of Beta(a, b) moves on by one index."""
    halves = (torch.arange(size - 1, dtype=torch.float64) + 0.5) / (size - 1)
    return torch.where(halves <= 0.5, _beta_cdf(halves, a, b), 1 - _beta_cdf(1 - halves, b, a))


def _beta_cdf(x: Tensor, a: float, b: float, terms: int = 400) -> Tensor:
    """The regularised incomplete beta function for x <= 1/2.

    x^a (1-x)^b / (a B(a,b)) times the sum of prod_k (a+b+k-1)/(a+k) x: no negative terms, no cancellation.
    """
    k = torch.arange(1, terms, dtype=torch.float64)
    series = 1 + ((a + b + k - 1) / (a + k) * x.clamp(max=0.5)[:, None]).cumprod(dim=1).sum(dim=1)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return torch.exp(a * x.log() + b * torch.log1p(-x) - log_beta) * series / a
