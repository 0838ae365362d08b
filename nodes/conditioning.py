"""Conditioning nodes: what leads a picture, where in it, and when."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from engine.node import Choices, Step, node
from nodes.diffusion import conditioning as conds
from nodes.diffusion.conditioning import Area, RelativeArea
from nodes.sockets import Conditioning, Latent, Mask

CELL = 8
METHODS = ("offset", "index", "uxo/uno", "index_timestep_zero")

Size = Annotated[int, Field(ge=64, le=16_384, description="In pixels."), Step(8)]
Offset = Annotated[int, Field(ge=0, le=16_384, description="In pixels."), Step(8)]
Part = Annotated[float, Field(ge=0, le=1), Step(0.01)]
Strength = Annotated[float, Field(ge=0, le=10, description="Weight beside other conditionings."), Step(0.01)]
Percent = Annotated[float, Field(ge=0, le=1, description="Of the sampling, from its start."), Step(0.001)]


@node("ConditioningCombine", category="conditioning", display_name="Conditioning (Combine)")
def conditioning_combine(*, conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Let both lead: their predictions are averaged."""
    return (*conditioning_1, *conditioning_2)


@node("ConditioningAverage", category="conditioning", display_name="Conditioning (Average)")
def conditioning_average(
    *,
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[float, Field(ge=0, le=1), Step(0.01)] = 1.0,
) -> Conditioning:
    """Mix two encoded texts into one."""
    return conds.average(conditioning_to, conditioning_from, conditioning_to_strength)


@node("ConditioningConcat", category="conditioning", display_name="Conditioning (Concat)")
def conditioning_concat(*, conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """Lay two encoded texts end to end."""
    return conds.concat(conditioning_to, conditioning_from)


@node("ConditioningSetArea", category="conditioning", display_name="Conditioning (Set Area)")
def conditioning_set_area(
    *,
    conditioning: Conditioning,
    width: Size = 64,
    height: Size = 64,
    x: Offset = 0,
    y: Offset = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Let a conditioning lead a box of the picture only."""
    area = Area(y // CELL, x // CELL, height // CELL, width // CELL)
    return tuple(
        replace(cond, area=area, strength=strength, set_area_to_bounds=False) for cond in conditioning
    )


@node(
    "ConditioningSetAreaPercentage",
    category="conditioning",
    display_name="Conditioning (Set Area with Percentage)",
)
def conditioning_set_area_percentage(
    *,
    conditioning: Conditioning,
    width: Part = 1.0,
    height: Part = 1.0,
    x: Part = 0.0,
    y: Part = 0.0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Let a conditioning lead a box of the picture only, in parts of its sides."""
    area = RelativeArea(y, x, height, width)
    return tuple(
        replace(cond, area=area, strength=strength, set_area_to_bounds=False) for cond in conditioning
    )


@node("ConditioningSetMask", category="conditioning", display_name="Conditioning (Set Mask)")
def conditioning_set_mask(
    *,
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength = 1.0,
    set_cond_area: Annotated[
        Literal["default", "mask bounds"],
        Field(description="`mask bounds` shows the model only the box around the mask."),
    ],
) -> Conditioning:
    """Let a conditioning lead the masked part only."""
    mask = mask.reshape(-1, *mask.shape[-2:])
    bounds = set_cond_area == "mask bounds"
    return tuple(
        replace(cond, mask=mask, mask_strength=strength, set_area_to_bounds=bounds) for cond in conditioning
    )


@node("ConditioningSetTimestepRange", category="advanced/conditioning")
def conditioning_set_timestep_range(
    *, conditioning: Conditioning, start: Percent = 0.0, end: Percent = 1.0
) -> Conditioning:
    """Let a conditioning lead during a part of the sampling only."""
    return tuple(replace(cond, start_percent=start, end_percent=end) for cond in conditioning)


@node("ConditioningZeroOut", category="advanced/conditioning")
def conditioning_zero_out(*, conditioning: Conditioning) -> Conditioning:
    """The same conditioning saying nothing, for use as a negative."""
    return conds.zero_out(conditioning)


@node("ConditioningSetAreaStrength", category="conditioning")
def conditioning_set_area_strength(*, conditioning: Conditioning, strength: Strength = 1.0) -> Conditioning:
    """Weigh a conditioning beside others."""
    return tuple(replace(cond, strength=strength) for cond in conditioning)


@node("FluxGuidance", category="advanced/conditioning/flux")
def flux_guidance(
    *,
    conditioning: Conditioning,
    guidance: Annotated[float, Field(ge=0, le=100, description="As cfg, without its cost."), Step(0.1)] = 3.5,
) -> Conditioning:
    """How strongly a distilled model is led.  Models that are not distilled take no notice."""
    return tuple(replace(cond, guidance=guidance) for cond in conditioning)


@node("FluxDisableGuidance", category="advanced/conditioning/flux")
def flux_disable_guidance(*, conditioning: Conditioning) -> Conditioning:
    """Tell a distilled model nothing about guidance."""
    return tuple(replace(cond, guidance=None) for cond in conditioning)


@node("ReferenceLatent", category="advanced/conditioning/edit_models")
def reference_latent(*, conditioning: Conditioning, latent: Latent | None = None) -> Conditioning:
    """Show a model that edits pictures what it is about; several in a row are several pictures."""
    if latent is None:
        return conditioning
    return tuple(replace(cond, references=(*cond.references, latent.samples)) for cond in conditioning)


@node("FluxKontextMultiReferenceLatentMethod", category="advanced/conditioning/flux", experimental=True)
def flux_kontext_multi_reference_latent_method(
    *,
    conditioning: Conditioning,
    reference_latents_method: Annotated[str, Choices(METHODS)],
) -> Conditioning:
    """How several pictures that a model edits are laid out for it."""
    method = "uxo" if "uxo" in reference_latents_method else reference_latents_method
    return tuple(replace(cond, references_method=method) for cond in conditioning)
