"""How a network's numbers relate to a noisy latent: noise levels, timesteps and prediction types.

Everything outside a network speaks of sigma, the standard deviation of the noise in
`x = x0 + sigma * n` (arXiv 2206.00364).  A trained model knows a finite table of such levels and is
told a level by its index in it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

Prediction = Literal["eps", "v", "x0", "img_to_img", "lcm"]
BetaSchedule = Literal["scaled_linear", "linear"]

LAST_ZSNR_ALPHA = 4.8973451890853435e-08
"""Stands for the zero that arXiv 2305.08891 asks for, where sigma would be infinite (it gives 4518.76)."""


@dataclass(frozen=True)
class ModelSampling:
    """The noise levels a network was trained on, and how it states its prediction.

    `sigmas` ascends by timestep; its values are float32 numbers.  The value is hashable: it can be
    part of a model's identity.
    """

    sigmas: tuple[float, ...]
    prediction: Prediction = "eps"
    stride: int = 1
    """How many of the network's timesteps there are to a level: the level is that of the last of them."""

    @classmethod
    def from_betas(
        cls,
        kind: BetaSchedule = "scaled_linear",
        *,
        start: float = 0.00085,
        end: float = 0.012,
        steps: int = 1000,
        prediction: Prediction = "eps",
        zsnr: bool = False,
    ) -> ModelSampling:
        """The levels of a variance-preserving chain: sigma = sqrt((1 - a) / a), a = prod(1 - beta).

        "linear" spaces beta equally (arXiv 2006.11239), "scaled_linear" its root (arXiv 2112.10752).
        `zsnr` rescales sqrt(a) so that the last level is all but pure noise (arXiv 2305.08891, algorithm 1).
        """
        power = 2 if kind == "scaled_linear" else 1
        low, high = start ** (1 / power), end ** (1 / power)
        betas = ((low + (high - low) * t / (steps - 1)) ** power for t in range(steps))
        alphas = list(accumulate((1 - beta for beta in betas), lambda a, b: a * b))
        return cls(_levels(_zero_snr(alphas) if zsnr else alphas), prediction)

    def to_zero_snr(self) -> ModelSampling:
        """The same with levels up to all but pure noise."""
        alphas = [1 / (1 + sigma * sigma) for sigma in self.sigmas]
        return replace(self, sigmas=_levels(_zero_snr(alphas)))

    def thinned(self, count: int) -> ModelSampling:
        """The same with so many of its levels, at equal distances up to the highest."""
        stride = max(len(self.sigmas) // count, 1)
        return replace(self, sigmas=self.sigmas[stride - 1 :: stride], stride=self.stride * stride)

    @property
    def sigma_min(self) -> float:
        return self.sigmas[0]

    @property
    def sigma_max(self) -> float:
        return self.sigmas[-1]

    @cached_property
    def _log_sigmas(self) -> tuple[float, ...]:
        return _float32(map(math.log, self.sigmas))

    @cached_property
    def _borders(self) -> list[float]:
        """Where, in log sigma, one timestep ends and the next begins."""
        return [(low + high) / 2 for low, high in pairwise(self._log_sigmas)]

    def timestep(self, sigma: float) -> float:
        """What the network is told: the index nearest in log sigma, the lower one on a tie, as a float."""
        index = bisect_left(self._borders, math.log(sigma)) if sigma > 0 else 0
        return float(index * self.stride + self.stride - 1)

    def sigma(self, timestep: float) -> float:
        """The level at a fractional timestep, linear in log sigma."""
        timestep = (timestep - (self.stride - 1)) / self.stride
        timestep = min(max(timestep, 0.0), len(self.sigmas) - 1.0)
        low, high = math.floor(timestep), math.ceil(timestep)
        part = timestep - low
        return _float32([math.exp((1 - part) * self._log_sigmas[low] + part * self._log_sigmas[high])])[0]

    def percent_to_sigma(self, percent: float) -> float:
        """The level after `percent` (0..1) of the timesteps; beyond all levels at both ends.

        The whole is 999 steps whatever the table's length, as saved workflows have it.
        """
        if percent <= 0:
            return 999999999.9
        return 0.0 if percent >= 1 else self.sigma(999.0 * (1 - percent))

    def noised(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """A latent (model space) at a noise level; `noise` is standard normal, of the same shape."""
        return latent + noise * sigma

    def start(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """The state that sampling starts from.

        At the model's highest level the noise has deviation sqrt(1 + sigma^2): there a
        variance-preserving chain ends in a unit normal, scaled as a whole.
        """
        highest = sigma > self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)
        return self.noised(latent, noise, math.hypot(1, sigma) if highest else sigma)

    def model_input(self, x: Tensor, *sigmas: float) -> Tensor:
        """What the network sees: x scaled to unit variance (arXiv 2206.00364, c_in).

        There is one level for all of x [B,C,H,W], or one for each item.
        """
        if self.prediction == "img_to_img":
            return x
        return x / _each([math.hypot(1, sigma) for sigma in sigmas], x)

    def denoised(self, x: Tensor, output: Tensor, *sigmas: float) -> Tensor:
        """The x0 that the network's output means; x is the state itself, not the network's input.

        "v" is the velocity of arXiv 2202.00512; "lcm" the boundary condition of arXiv 2310.04378 on noise.
        """
        if self.prediction in {"x0", "img_to_img"}:
            return output
        if self.prediction == "eps":
            return x - output * _each(sigmas, x)
        if self.prediction == "lcm":
            scaled = [10 * self.timestep(sigma) for sigma in sigmas]
            skip = _each([0.25 / (t * t + 0.25) for t in scaled], x)
            out = _each([t / math.hypot(t, 0.5) for t in scaled], x)
            return (x - output * _each(sigmas, x)) * out + x * skip
        share = _each([sigma / math.hypot(1, sigma) for sigma in sigmas], x)
        return x / _each([sigma * sigma + 1 for sigma in sigmas], x) - output * share


@dataclass(frozen=True)
class LatentFormat:
    """From the latents of a VAE, which travel between nodes, to the space a network was trained in."""

    channels: int = 4
    scale: float = 0.18215
    shift: float = 0.0

    def process_in(self, latent: Tensor) -> Tensor:
        """[B,C,H,W], VAE space to model space; an empty (all zero) latent stays empty under a shift too."""
        return (latent - self.shift) * self.scale if latent.any() else latent

    def process_out(self, latent: Tensor) -> Tensor:
        """[B,C,H,W], model space to VAE space."""
        return latent / self.scale + self.shift

    def fit(self, latent: Tensor) -> Tensor:
        """An empty latent with as many channels as the model has; any other latent as it is."""
        missing = latent.shape[1] != self.channels and not latent.any()
        return latent.new_zeros(latent.shape[0], self.channels, *latent.shape[2:]) if missing else latent


def _zero_snr(alphas: Sequence[float]) -> list[float]:
    first, last = math.sqrt(alphas[0]), math.sqrt(alphas[-1])
    rescaled = [((math.sqrt(a) - last) * first / (first - last)) ** 2 for a in alphas[:-1]]
    return [*rescaled, LAST_ZSNR_ALPHA]


def _levels(alphas: Iterable[float]) -> tuple[float, ...]:
    return _float32(math.sqrt((1 - a) / a) for a in alphas)


def _each(values: Sequence[float], like: Tensor) -> float | Tensor:
    """A factor for all items of `like` [B,C,H,W], or [B,1,1,1] where they differ."""
    if len(set(values)) == 1:
        return values[0]
    column = like.new_tensor([[[[value]]] for value in values], device="cpu")
    return column.to(like.device, non_blocking=True)


def _float32(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(array("f", values))
