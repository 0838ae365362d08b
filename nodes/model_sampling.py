"""Nodes that change at which noise levels a model is sampled."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from engine.node import Step, UserError, node
from nodes import recognition
from nodes.diffusion.model_sampling import Prediction
from nodes.sockets import Model

PREDICTED: Final[Mapping[Prediction, str]] = {"eps": "noise", "v": "velocity"}


@node("ModelSamplingAuraFlow", category="advanced/model")
def model_sampling_aura_flow(
    *, model: Model, shift: Annotated[float, Field(ge=0, le=100), Step(0.01)] = 1.73
) -> Model:
    """Shift the noise levels of a flow model.  Models that predict noise or velocity have none to shift."""
    predicts = PREDICTED[recognition.denoiser(model.path).sampling.prediction]
    raise UserError(
        f"model: {model.path.name} predicts {predicts}, so its noise levels cannot be shifted by {shift:g}; "
        "this node is for flow models (AuraFlow, Lumina, Qwen-Image), which cannot be run yet. Leave it out"
    )
