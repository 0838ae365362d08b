"""Noise levels as a value that people cut, join and write: float32 tensors [steps + 1]."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.model_sampling import ModelSampling
from nodes.diffusion.schedules import schedule

#: Levels of ten steps, found by optimisation (arXiv 2404.14507); the last is replaced by 0.
ALIGN_YOUR_STEPS: Final = {
    "SD1": (
        14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904,
        0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582,
    ),
    "SDXL": (
        14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289,
        0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582,
    ),
    "SVD": (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}  # fmt: skip

SPACINGS: Final[dict[str, Callable[[float], float]]] = {
    "linear": lambda part: part,
    "cosine": lambda part: math.sin(math.pi * part / 2),
    "sine": lambda part: 1 - math.cos(math.pi * part / 2),
}

NONE = torch.empty(0)


def basic(name: str, sampling: ModelSampling, steps: int, denoise: float) -> Tensor:
    """The last `steps + 1` levels of a schedule that is longer the less is denoised; empty at 0."""
    if denoise <= 0:
        return NONE
    total = steps if denoise >= 1 else int(steps / denoise)
    return schedule(name, sampling, total)[-(steps + 1) :]


def laplace(steps: int, sigma_max: float, sigma_min: float, mu: float = 0.0, beta_: float = 0.5) -> Tensor:
    """Levels at the quantiles of a Laplace distribution of ln sigma (arXiv 2407.03297); no 0 at the end."""
    r = torch.linspace(0, 1, steps)
    log_sigma = mu - beta_ * (0.5 - r).sign() * torch.log(1 - 2 * (r - 0.5).abs() + 1e-5)
    return log_sigma.exp().clamp(sigma_min, sigma_max)


def turbo(sampling: ModelSampling, steps: int, denoise: float) -> Tensor:
    """The levels that SD Turbo was distilled for: timesteps 999, 899, ..., 99 (arXiv 2311.17042)."""
    start = 10 - int(10 * denoise)
    timesteps = [1000 - 1 - 100 * k for k in range(10)][start : start + steps]
    return torch.tensor([*(sampling.sigma(float(t)) for t in timesteps), 0.0])


def align_your_steps(model_type: str, steps: int, denoise: float) -> Tensor:
    """The published levels, or as many between them; here less denoising means fewer steps."""
    kept = steps if denoise >= 1 else round(steps * denoise)
    if kept <= 0:
        return NONE
    levels = interpolated(ALIGN_YOUR_STEPS[model_type], steps + 1)[-(kept + 1) :]
    return torch.cat([levels[:-1], levels.new_zeros(1)])


def interpolated(levels: Sequence[float], count: int) -> Tensor:
    """As many levels, by linear interpolation of ln sigma over equal positions."""
    logs = torch.tensor(levels, dtype=torch.float64).log()
    if count == len(levels):
        return torch.tensor(levels)
    places = torch.linspace(0, len(levels) - 1, count, dtype=torch.float64)
    low = places.floor().long().clamp(max=len(levels) - 2)
    return torch.lerp(logs[low], logs[low + 1], places - low).exp().float()


def flux2(steps: int, width: int, height: int) -> Tensor:
    """Equal steps of a flow whose time is shifted by the picture's size (as in diffusers' Flux2Pipeline)."""
    tokens = round(width * height / 256)
    of_200, of_10 = 0.00016927 * tokens + 0.45666666, 8.73809524e-05 * tokens + 1.89833333
    slope = (of_200 - of_10) / 190
    shift = math.exp(of_200 if tokens > 4300 else slope * steps + of_200 - 200 * slope)
    times = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
    return (shift * times / (1 + (shift - 1) * times)).float()


def split(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Two schedules that meet at a step's level."""
    return sigmas[: step + 1], sigmas[step:]


def split_by_denoise(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """The same, the second having this part of the steps."""
    steps = max(len(sigmas) - 1, 0)
    count = round(steps * denoise)
    return (sigmas[: steps - count + 1] if count else NONE, sigmas[-(count + 1) :])


def flipped(sigmas: Tensor) -> Tensor:
    """From the lowest up, for samplers that add noise; a 0 to begin with becomes a tiny level."""
    if not len(sigmas):
        return sigmas
    turned = sigmas.flip(0)
    if turned[0] == 0:
        turned[0] = 0.0001
    return turned


def with_first(sigmas: Tensor, sigma: float) -> Tensor:
    changed = sigmas.clone()
    changed[:1] = sigma
    return changed


def extended(sigmas: Tensor, steps: int, start: float, end: float, spacing: str) -> Tensor:
    """With more levels between those whose upper one lies in end..start; start below 0 is no bound."""
    if not len(sigmas):
        return sigmas
    highest = math.inf if start < 0 else start
    levels: list[float] = []
    for sigma, sigma_next in pairwise(sigmas.tolist()):
        levels.append(sigma)
        if end <= sigma <= highest:
            parts = [SPACINGS[spacing](k / steps) for k in range(1, steps)]
            levels += [sigma + part * (sigma_next - sigma) for part in parts]
    return torch.tensor([*levels, float(sigmas[-1])])
