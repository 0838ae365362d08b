"""Nodes that change at which noise levels a model is sampled, and what its output means."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from engine.node import Step, UserError, node
from nodes.diffusion.model_sampling import Prediction
from nodes.diffusion.sampling_changes import Predicts
from nodes.sockets import Model

PREDICTED: Final[Mapping[Prediction, str]] = {
    "eps": "noise", "v": "velocity", "x0": "the picture", "img_to_img": "a picture", "lcm": "noise",
}  # fmt: skip
Shift = Annotated[float, Field(ge=0, le=100), Step(0.01)]


@node("ModelSamplingDiscrete", category="advanced/model")
def model_sampling_discrete(
    *,
    model: Model,
    sampling: Annotated[
        Literal["eps", "v_prediction", "lcm", "x0", "img_to_img"],
        Field(description="What the model was trained to predict."),
    ],
    zsnr: Annotated[bool, Field(description="Begin at pure noise, as models trained so must.")] = False,
) -> Model:
    """Say what a model predicts, when its file does not."""
    return model.changed(Predicts("v" if sampling == "v_prediction" else sampling, zsnr))


@node("ModelSamplingAuraFlow", category="advanced/model")
def model_sampling_aura_flow(*, model: Model, shift: Shift = 1.73) -> Model:
    """Shift the noise levels of a flow model.  Models that predict noise or velocity have none to shift."""
    raise no_flow(model, f"shifted by {shift:g}")


@node("ModelSamplingSD3", category="advanced/model")
def model_sampling_sd3(*, model: Model, shift: Shift = 3.0) -> Model:
    """Shift the noise levels of a flow model.  Models that predict noise or velocity have none to shift."""
    raise no_flow(model, f"shifted by {shift:g}")


@node("ModelSamplingFlux", category="advanced/model")
def model_sampling_flux(
    *,
    model: Model,
    max_shift: Shift = 1.15,
    base_shift: Shift = 0.5,
    width: Annotated[int, Field(ge=16, le=16_384), Step(8)] = 1024,
    height: Annotated[int, Field(ge=16, le=16_384), Step(8)] = 1024,
) -> Model:
    """Shift the noise levels of a flow model by the size of a picture.  Other models have none to shift."""
    shift = base_shift + (max_shift - base_shift) * (width * height / 256 - 256) / (4096 - 256)
    raise no_flow(model, f"shifted by {shift:g}")


def no_flow(model: Model, what: str) -> UserError:
    predicts = PREDICTED[model.sampling.prediction]
    return UserError(
        f"model: {model.path.name} predicts {predicts}, so its noise levels cannot be {what}; this node is "
        "for flow models (SD 3, Flux, AuraFlow, Lumina, Qwen-Image), which cannot be run yet. Leave it out"
    )
