"""Every kind of change that a model's recipe may carry: recipes are kept on disk, so that these are too."""

from typing import Final

from nodes.diffusion.changes import Change
from nodes.diffusion.guidance_changes import (
    CfgWithin,
    DifferentialMask,
    NormedCfg,
    OperationWithin,
    ProjectedCfg,
    RescaledCfg,
    ScaledEpsilon,
    ZeroStarCfg,
)
from nodes.diffusion.network_changes import FreeU, PerturbedAttention, ScaledAttention
from nodes.diffusion.sampling_changes import Predicts

CHANGES: Final[tuple[type[Change], ...]] = (
    CfgWithin, DifferentialMask, FreeU, NormedCfg, OperationWithin, PerturbedAttention, Predicts,
    ProjectedCfg, RescaledCfg, ScaledAttention, ScaledEpsilon, ZeroStarCfg,
)  # fmt: skip
