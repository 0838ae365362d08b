"""ControlNet nodes: conditionings that a picture steers."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from pydantic import Field

from engine.node import Step, node
from nodes.diffusion.conditioning import Control
from nodes.sockets import Conditioning, ControlNet, Image, Vae

Strength = Annotated[float, Field(ge=0, le=10, description="0 leaves it off."), Step(0.01)]
Percent = Annotated[float, Field(ge=0, le=1, description="Of the sampling, from its start."), Step(0.001)]


class Steered(NamedTuple):
    positive: Conditioning
    negative: Conditioning


@node(
    "ControlNetApply",
    category="conditioning/controlnet",
    display_name="Apply ControlNet (OLD)",
    deprecated=True,
)
def control_net_apply(
    *, conditioning: Conditioning, control_net: ControlNet, image: Image, strength: Strength = 1.0
) -> Conditioning:
    """Let a picture steer a conditioning, and what leads away from it too."""
    return steered(conditioning, Control(control_net, image, strength, for_all=True))


@node("ControlNetApplyAdvanced", category="conditioning/controlnet", display_name="Apply ControlNet")
def control_net_apply_advanced(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    vae: Vae | None = None,  # noqa: ARG001  # for networks whose hints are latents; there are none here
) -> Steered:
    """Let a picture steer both sides, during a part of the sampling."""
    control = Control(control_net, image, strength, start_percent, end_percent)
    return Steered(steered(positive, control), steered(negative, control))


@node(
    "ControlNetApplySD3", category="conditioning/controlnet", display_name="Apply Controlnet with VAE",
    deprecated=True,
)  # fmt: skip
def control_net_apply_sd3(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Vae,  # noqa: ARG001  # for networks whose hints are latents; there are none here
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
) -> Steered:
    """Let a picture steer both sides, during a part of the sampling."""
    control = Control(control_net, image, strength, start_percent, end_percent)
    return Steered(steered(positive, control), steered(negative, control))


def steered(conditioning: Conditioning, control: Control) -> Conditioning:
    """Beside what steers it already."""
    if control.strength == 0:
        return conditioning
    return tuple(replace(cond, controls=(*cond.controls, control)) for cond in conditioning)
