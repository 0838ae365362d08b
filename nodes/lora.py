"""LoRA nodes: low-rank changes of a model and of its text encoder.

A change is a patch in a recipe; the weights of the model stay as they are, and are shared.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, NamedTuple

from pydantic import Field

from engine.node import Choices, Context, Files, Step, UserError, node
from nodes import inputs, recognition
from nodes.sockets import Clip, Lora, Model

LoraName = Annotated[str, Choices(lambda files: files.models.names("loras"))]
Strength = Annotated[
    float, Field(ge=-100, le=100, description="0 leaves it off; below 0 it turns round."), Step(0.01)
]


class Changed(NamedTuple):
    MODEL: Model
    CLIP: Clip


@node("LoraLoader", category="loaders", display_name="Load LoRA", lane="io")
def lora_loader(
    ctx: Context,
    *,
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
) -> Changed:
    """Apply a LoRA to a model and its text encoder."""
    path = ctx.files.models.find("loras", lora_name)
    lora = Lora(path, recognition.lora(path))
    return Changed(_applied(model, lora, strength_model), _applied_to_text(clip, lora, strength_clip))


@node("LoraLoaderModelOnly", category="loaders", display_name="Load LoRA (Model Only)", lane="io")
def lora_loader_model_only(
    ctx: Context, *, model: Model, lora_name: LoraName, strength_model: Strength = 1.0
) -> Model:
    """Apply a LoRA to a model, and not to its text encoder."""
    path = ctx.files.models.find("loras", lora_name)
    changed = _applied(model, Lora(path, recognition.lora(path)), strength_model)
    if strength_model and changed is model:
        raise UserError(f"{path.name}: changes a text encoder only; load it with LoraLoader")
    return changed


@lora_loader.fingerprint
@lora_loader_model_only.fingerprint
def lora_weights(files: Files, lora_name: str | None) -> str | None:
    return recognition.lora(files.models.find("loras", lora_name)) if lora_name else None


@lora_loader.check
@lora_loader_model_only.check
def lora_problems(files: Files, lora_name: str) -> Mapping[str, str]:
    return inputs.told("lora_name", lambda: lora_weights(files, lora_name))


def _applied(model: Model, lora: Lora, strength: float) -> Model:
    """The model with the LoRA, or as it was when that changes none of it."""
    if strength == 0 or not recognition.changes(lora.path, "denoiser", recognition.denoiser(model.path)):
        return model
    return replace(model, patches=(*model.patches, replace(lora, strength=strength)))


def _applied_to_text(clip: Clip, lora: Lora, strength: float) -> Clip:
    checkpoint = recognition.text_encoder(clip.path)
    if strength == 0 or not recognition.changes(lora.path, "text_encoder", checkpoint):
        return clip
    return replace(clip, patches=(*clip.patches, replace(lora, strength=strength)))
