"""Changes of guidance: another way to fold predictions, or something done to what was folded.

All of it is on x0 predictions [B,C,H,W].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nodes.diffusion.changes import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from nodes.diffusion.guides import Extras, Moment
    from nodes.diffusion.model_sampling import ModelSampling

ITEM = (1, 2, 3)


@dataclass(frozen=True)
class RescaledCfg(Change):
    """Guidance that keeps the spread of the positive prediction (arXiv 2305.08891, 3.4), on velocities."""

    multiplier: float = 0.7

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, combine=self._combine)

    def _combine(self, moment: Moment) -> Tensor:
        assert moment.uncond is not None
        x, sigma = moment.x, moment.sigma
        base, share = x / (sigma * sigma + 1), sigma / math.hypot(1, sigma)
        cond, uncond = ((base - each) / share for each in (moment.cond, moment.uncond))
        led = uncond + (cond - uncond) * moment.cfg
        kept = led * (cond.std(ITEM, keepdim=True) / led.std(ITEM, keepdim=True))
        return base - (kept * self.multiplier + led * (1 - self.multiplier)) * share


@dataclass(frozen=True)
class NormedCfg(Change):
    """What guidance gives is nowhere longer (over the channels) than the positive prediction."""

    strength: float = 1.0

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, after=(*extras.after, self._after))

    def _after(self, moment: Moment, denoised: Tensor) -> Tensor:
        scale = _length(moment.cond) / (_length(denoised) + 1e-8)
        return denoised * (scale.clamp(0, 1) * self.strength)


@dataclass(frozen=True)
class ZeroStarCfg(Change):
    """The negative prediction scaled to fit the positive best (CFG-Zero*, arXiv 2503.18886)."""

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, combine=self._combine)

    def _combine(self, moment: Moment) -> Tensor:
        assert moment.uncond is not None
        away, against = moment.x - moment.cond, moment.x - moment.uncond
        alpha = (away * against).sum(ITEM, keepdim=True) / (against.square().sum(ITEM, keepdim=True) + 1e-8)
        scaled = moment.uncond * alpha
        return scaled + (moment.cond - scaled) * moment.cfg


@dataclass(frozen=True)
class ProjectedCfg(Change):
    """Adaptive projected guidance (arXiv 2410.02416): what is parallel to the prediction counts by `eta`.

    Long differences are cut to `norm_threshold` (0: never), and carry on from step to step by `momentum`.
    """

    eta: float = 1.0
    norm_threshold: float = 5.0
    momentum: float = 0.0

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, combine=self._combiner())

    def _combiner(self) -> Callable[[Moment], Tensor]:
        running: list[Tensor] = []

        def combine(moment: Moment) -> Tensor:
            import torch

            assert moment.uncond is not None
            lead = moment.cond - moment.uncond
            if self.momentum and running:
                lead = lead + running[0] * self.momentum
            running[:] = [lead]
            if self.norm_threshold > 0:
                norm = torch.linalg.vector_norm(lead, dim=ITEM, keepdim=True)
                lead = lead * (self.norm_threshold / norm.clamp(min=1e-8)).clamp(max=1)
            unit = moment.cond / torch.linalg.vector_norm(moment.cond, dim=ITEM, keepdim=True).clamp(min=1e-8)
            parallel = unit * (lead * unit).sum(ITEM, keepdim=True)
            result: Tensor = moment.cond + (lead - parallel + parallel * self.eta) * (moment.cfg - 1)
            return result

        return combine


@dataclass(frozen=True)
class CfgWithin(Change):
    """Another cfg during a part of the sampling."""

    cfg: float
    start_percent: float
    end_percent: float

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:
        first, last = (sampling.percent_to_sigma(each) for each in (self.start_percent, self.end_percent))
        before = extras.scale_at

        def scale_at(cfg: float, sigma: float) -> float:
            if first >= sigma >= last:
                return self.cfg
            return cfg if before is None else before(cfg, sigma)

        return replace(extras, scale_at=scale_at)


@dataclass(frozen=True)
class ScaledEpsilon(Change):
    """The noise that is found, made smaller, against the drift of long runs (arXiv 2308.15321)."""

    factor: float = 1.005

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, after=(*extras.after, self._after))

    def _after(self, moment: Moment, denoised: Tensor) -> Tensor:
        return moment.x - (moment.x - denoised) / self.factor


@dataclass(frozen=True)
class OperationWithin(Change):
    """An operation on how the positive prediction differs from the negative."""

    name: str
    values: tuple[float, ...] = field(default=())

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, combine=self._combine)

    def _combine(self, moment: Moment) -> Tensor:
        from nodes.diffusion.latent_mixing import OPERATIONS

        assert moment.uncond is not None
        return moment.uncond + OPERATIONS[self.name](moment.cond - moment.uncond, *self.values) * moment.cfg


@dataclass(frozen=True)
class DifferentialMask(Change):
    """A gray mask says when a place begins to change (arXiv 2306.00950): the whiter, the sooner."""

    strength: float = 1.0

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return replace(extras, soften=self._soften)

    def _soften(self, model: ModelSampling, sigmas: Sequence[float]) -> Callable[[Tensor, float], Tensor]:
        import torch

        first = model.timestep(sigmas[0])
        last = model.timestep(max(sigmas[-1], model.sigma_min))
        strength = self.strength or 1.0

        def soften(mask: Tensor, sigma: float) -> Tensor:
            threshold = (model.timestep(sigma) - last) / (first - last) if first != last else 0.0
            sharp = (mask >= threshold).to(mask)
            return sharp if strength >= 1 else torch.lerp(mask, sharp, strength)

        return soften


def _length(prediction: Tensor) -> Tensor:
    import torch

    length: Tensor = torch.linalg.vector_norm(prediction, dim=1, keepdim=True)
    return length
