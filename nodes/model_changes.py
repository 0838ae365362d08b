"""Nodes that change how a model is used: its guidance, its network as it is called, how it takes a mask.

The weights stay as they are: a change is a part of the recipe.
"""

from typing import Annotated, NamedTuple

from pydantic import Field

from engine.node import Omittable, Step, node
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
from nodes.sockets import LatentOperation, Model

Scale = Annotated[float, Field(ge=0, le=10), Step(0.01)]
Percent = Annotated[float, Field(ge=0, le=1, description="Of the sampling, from its start."), Step(0.001)]


class Patched(NamedTuple):
    patched_model: Model


@node("RescaleCFG", category="advanced/model")
def rescale_cfg(*, model: Model, multiplier: Annotated[float, Field(ge=0, le=1), Step(0.01)] = 0.7) -> Model:
    """Keep a high cfg from burning colours."""
    return model.changed(RescaledCfg(multiplier))


@node("CFGNorm", category="advanced/guidance", experimental=True)
def cfg_norm(*, model: Model, strength: Annotated[float, Field(ge=0, le=100), Step(0.01)] = 1.0) -> Patched:
    """Keep what guidance gives no stronger than what the positive prompt gives alone."""
    return Patched(model.changed(NormedCfg(strength)))


@node("CFGZeroStar", category="advanced/guidance")
def cfg_zero_star(*, model: Model) -> Patched:
    """Scale the negative prediction so that it fits the positive best."""
    return Patched(model.changed(ZeroStarCfg()))


@node("APG", category="sampling/custom_sampling", display_name="Adaptive Projected Guidance")
def apg(
    *,
    model: Model,
    eta: Annotated[
        float, Field(ge=-10, le=10, description="How much the parallel part counts."), Step(0.01)
    ] = 1.0,
    norm_threshold: Annotated[float, Field(ge=0, le=50, description="0 cuts nothing."), Step(0.1)] = 5.0,
    momentum: Annotated[float, Field(ge=-5, le=1), Step(0.01)] = 0.0,
) -> Model:
    """Guidance without the part that burns colours."""
    return model.changed(ProjectedCfg(eta, norm_threshold, momentum))


@node("CFGOverride", category="advanced/guidance", display_name="CFG Override")
def cfg_override(
    *,
    model: Model,
    cfg: Annotated[float, Field(ge=0, le=100), Step(0.1)] = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
) -> Model:
    """Another cfg during a part of the sampling."""
    return model.changed(CfgWithin(cfg, start_percent, end_percent))


@node("Epsilon Scaling", category="model_patches/unet")
def epsilon_scaling(
    *, model: Model, scaling_factor: Annotated[float, Field(ge=0.5, le=1.5), Step(0.001)] = 1.005
) -> Model:
    """Make the noise that is found a little smaller, for finer details."""
    return model.changed(ScaledEpsilon(scaling_factor))


@node("LatentApplyOperationCFG", category="latent/advanced/operations", experimental=True)
def latent_apply_operation_cfg(*, model: Model, operation: LatentOperation) -> Model:
    """Apply an operation to how the positive prediction differs from the negative, at each step."""
    return model.changed(OperationWithin(operation.name, operation.values))


@node(
    "DifferentialDiffusion", category="_for_testing", display_name="Differential Diffusion", experimental=True
)
def differential_diffusion(
    *, model: Model, strength: Annotated[float, Field(ge=0, le=1), Step(0.01), Omittable()] = 1.0
) -> Model:
    """Take the grays of a noise mask for how early a place begins to change."""
    return model.changed(DifferentialMask(strength))


@node("FreeU", category="model_patches/unet")
def free_u(*, model: Model, b1: Scale = 1.1, b2: Scale = 1.2, s1: Scale = 0.9, s2: Scale = 0.2) -> Model:
    """More of a UNet's deep features, less of what it skips."""
    return model.changed(FreeU(1, b1, b2, s1, s2))


@node("FreeU_V2", category="model_patches/unet")
def free_u_v2(*, model: Model, b1: Scale = 1.3, b2: Scale = 1.4, s1: Scale = 0.9, s2: Scale = 0.2) -> Model:
    """More of a UNet's deep features where they are strong, less of what it skips."""
    return model.changed(FreeU(2, b1, b2, s1, s2))


@node("PerturbedAttentionGuidance", category="model_patches/unet")
def perturbed_attention_guidance(
    *, model: Model, scale: Annotated[float, Field(ge=0, le=100), Step(0.1)] = 3.0
) -> Model:
    """Lead away from what the model would make without its innermost attention; this costs a half more."""
    return model.changed(PerturbedAttention(scale))


@node("UNetSelfAttentionMultiply", category="_for_testing/attention_experiments", experimental=True)
def unet_self_attention_multiply(
    *, model: Model, q: Scale = 1.0, k: Scale = 1.0, v: Scale = 1.0, out: Scale = 1.0
) -> Model:
    """Scale the parts of self-attention."""
    return model.changed(ScaledAttention("attn1", q, k, v, out))


@node("UNetCrossAttentionMultiply", category="_for_testing/attention_experiments", experimental=True)
def unet_cross_attention_multiply(
    *, model: Model, q: Scale = 1.0, k: Scale = 1.0, v: Scale = 1.0, out: Scale = 1.0
) -> Model:
    """Scale the parts of attention to the text."""
    return model.changed(ScaledAttention("attn2", q, k, v, out))
