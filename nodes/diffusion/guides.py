"""How the predictions that several lists of conditionings lead to become one.

A guide says which of its lists are asked at a noise level, and folds what they answer.  What changes a model
may change its guide: another way to fold, something done to what was folded, or a further question to a
network that is perturbed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.conditioning import Cond
    from nodes.diffusion.denoisers import Denoiser
    from nodes.diffusion.model_sampling import ModelSampling


@dataclass(frozen=True, eq=False)
class Moment:
    """One evaluation: x [B,C,H,W] at a level, and the x0 predictions for it and against it, if there are."""

    x: Tensor
    sigma: float
    cfg: float
    cond: Tensor
    uncond: Tensor | None


Combine = Callable[[Moment], "Tensor"]
"""Another way of guidance: from both predictions to one."""

After = Callable[["Moment", "Tensor"], "Tensor"]
"""Done to what guidance gave."""

Soften = Callable[["Tensor", float], "Tensor"]
"""The mask [B,1,H,W] at a level, from the mask of the latent."""


@dataclass(frozen=True)
class Perturbation:
    """A network that predicts worse: guidance leads away from it by `scale`, within a range of levels."""

    network: Callable[[Denoiser], Denoiser]
    scale: float
    first: float = math.inf
    last: float = 0.0

    def active(self, sigma: float) -> bool:
        return self.scale != 0 and self.first >= sigma >= self.last


@dataclass(frozen=True)
class Extras:
    """What changes of a model add to its guide."""

    combine: Combine | None = None
    after: tuple[After, ...] = ()
    perturbations: tuple[Perturbation, ...] = ()
    scale_at: Callable[[float, float], float] | None = None
    """The cfg at a level, from the one that was asked for."""
    soften: Callable[[ModelSampling, Sequence[float]], Soften] | None = None
    """How the mask of a latent is used in a run over these levels; None: as it is."""

    def softener(self, model: ModelSampling, sigmas: Sequence[float]) -> Soften | None:
        return None if self.soften is None else self.soften(model, sigmas)


@dataclass(frozen=True)
class Guide:
    """Classifier-free guidance (arXiv 2207.12598): u + cfg (c - u) on x0 predictions.

    At cfg 1 the second list is not asked.
    """

    positive: Sequence[Cond]
    negative: Sequence[Cond] = ()
    cfg: float = 1.0
    extras: Extras = Extras()

    @property
    def lists(self) -> tuple[Sequence[Cond], ...]:
        return (self.positive, self.negative)

    def at(self, sigma: float) -> float:
        scale_at = self.extras.scale_at
        return self.cfg if scale_at is None else scale_at(self.cfg, sigma)

    def asked(self, sigma: float) -> tuple[bool, ...]:
        """Which of the lists count at a level."""
        return (True, not math.isclose(self.at(sigma), 1.0, rel_tol=1e-9))

    def folded(self, x: Tensor, sigma: float, predictions: Sequence[Tensor | None]) -> Moment:
        """What the predictions mean for guidance, in the order of the lists; those not asked are None."""
        positive, negative = predictions
        assert positive is not None
        return Moment(x, sigma, self.at(sigma), positive, negative)

    def combined(self, moment: Moment) -> Tensor:
        if moment.uncond is None:
            return moment.cond
        if self.extras.combine is not None:
            return self.extras.combine(moment)
        return moment.uncond.add(moment.cond - moment.uncond, alpha=moment.cfg)

    def with_extras(self, extras: Extras) -> Guide:
        return replace(self, extras=extras)


@dataclass(frozen=True)
class DualGuide(Guide):
    """Two positive lists: the second leads away from the negative, the first away from the second."""

    middle: Sequence[Cond] = ()
    cfg_middle: float = 1.0
    style: Literal["regular", "nested"] = "regular"

    @property
    def lists(self) -> tuple[Sequence[Cond], ...]:
        return (self.positive, self.middle, self.negative)

    def asked(self, sigma: float) -> tuple[bool, ...]:  # noqa: ARG002
        return (True, True, True)

    def folded(self, x: Tensor, sigma: float, predictions: Sequence[Tensor | None]) -> Moment:
        """The first list's lead is folded into a positive prediction, so that what follows sees two."""
        positive, middle, negative = predictions
        assert positive is not None
        assert middle is not None
        assert negative is not None
        lead = (positive - middle) * self.at(sigma)
        if self.style == "nested":  # n + cfg2 ((m + cfg1 (p - m)) - n)
            return Moment(x, sigma, self.cfg_middle, middle + lead, negative)
        # n + cfg2 (m - n) + cfg1 (p - m)
        return Moment(x, sigma, 1.0, negative + (middle - negative) * self.cfg_middle + lead, negative)


@dataclass(frozen=True)
class PerpendicularGuide(Guide):
    """Only what of the negative is perpendicular to the positive leads away (arXiv 2304.04968)."""

    empty: Sequence[Cond] = ()
    neg_scale: float = 1.0

    @property
    def lists(self) -> tuple[Sequence[Cond], ...]:
        return (self.positive, self.negative, self.empty)

    def asked(self, sigma: float) -> tuple[bool, ...]:  # noqa: ARG002
        return (True, True, True)

    def folded(self, x: Tensor, sigma: float, predictions: Sequence[Tensor | None]) -> Moment:
        positive, negative, empty = predictions
        assert positive is not None
        assert negative is not None
        assert empty is not None
        towards, away = positive - empty, negative - empty
        perpendicular = away - towards * ((away * towards).sum() / towards.square().sum())
        return Moment(x, sigma, self.at(sigma), empty + towards - perpendicular * self.neg_scale, empty)
