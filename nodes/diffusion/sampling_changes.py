"""Changes of the noise levels that a model is sampled at, and of what its output means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nodes.diffusion.changes import Change

if TYPE_CHECKING:
    from nodes.diffusion.model_sampling import ModelSampling

#: Timesteps that consistency models were distilled to.
DISTILLED = 50


@dataclass(frozen=True)
class Predicts(Change):
    """What the output means; `zsnr` lets the levels begin at pure noise (arXiv 2305.08891)."""

    prediction: Literal["eps", "v", "x0", "img_to_img", "lcm"]
    zsnr: bool = False

    def sampling(self, sampling: ModelSampling) -> ModelSampling:
        levels = sampling.to_zero_snr() if self.zsnr else sampling
        if self.prediction == "lcm":
            levels = levels.thinned(DISTILLED)
        return replace(levels, prediction=self.prediction)
