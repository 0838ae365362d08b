"""Nodes that merge models: their weights are mixed when the merged model is first used."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from engine.node import Step, UserError, node
from nodes import recognition
from nodes.sockets import Clip, Merge, Model

Ratio = Annotated[float, Field(ge=0, le=1, description="Share of the first model."), Step(0.01)]
Multiplier = Annotated[float, Field(ge=-10, le=10), Step(0.01)]
GROUP = "advanced/model_merging"


@node("ModelMergeSimple", category=GROUP)
def model_merge_simple(*, model1: Model, model2: Model, ratio: Ratio = 1.0) -> Model:
    """Mix two models."""
    return merged(model1, Merge(model2, ratio, 1 - ratio))


@node("ModelMergeBlocks", category=GROUP)
def model_merge_blocks(
    *,
    model1: Model,
    model2: Model,
    input: Ratio = 1.0,  # noqa: A002  # the ecosystem's name
    middle: Ratio = 1.0,
    out: Ratio = 1.0,
) -> Model:
    """Mix two models, by shares of its own for each part."""
    return merged(model1, Merge(model2, blocks=(input, middle, out)))


@node("ModelMergeAdd", category=GROUP)
def model_merge_add(*, model1: Model, model2: Model) -> Model:
    """Add the weights of one model to those of another."""
    return merged(model1, Merge(model2, 1.0, 1.0))


@node("ModelMergeSubtract", category=GROUP)
def model_merge_subtract(*, model1: Model, model2: Model, multiplier: Multiplier = 1.0) -> Model:
    """The difference of two models, to be added to a third."""
    return merged(model1, Merge(model2, multiplier, -multiplier))


@node("CLIPMergeSimple", category=GROUP)
def clip_merge_simple(*, clip1: Clip, clip2: Clip, ratio: Ratio = 1.0) -> Clip:
    """Mix two text encoders."""
    return merged_text(clip1, Merge(clip2, ratio, 1 - ratio))


@node("CLIPMergeAdd", category=GROUP)
def clip_merge_add(*, clip1: Clip, clip2: Clip) -> Clip:
    """Add the weights of one text encoder to those of another."""
    return merged_text(clip1, Merge(clip2, 1.0, 1.0))


@node("CLIPMergeSubtract", category=GROUP)
def clip_merge_subtract(*, clip1: Clip, clip2: Clip, multiplier: Multiplier = 1.0) -> Clip:
    """The difference of two text encoders, to be added to a third."""
    return merged_text(clip1, Merge(clip2, multiplier, -multiplier))


def merged(model: Model, merge: Merge) -> Model:
    """With another one worked in.

    Raises:
        UserError: they are of different families.
    """
    families = [recognition.denoiser(path).family for path in (model.path, merge.other.path)]
    same_family(families, "model2")
    return replace(model, patches=(*model.patches, merge))


def merged_text(clip: Clip, merge: Merge) -> Clip:
    families = [recognition.text_encoder(path).family for path in (clip.path, merge.other.path)]
    same_family(families, "clip2")
    return replace(clip, patches=(*clip.patches, merge))


def same_family(families: list[str], name: str) -> None:
    first, second = families
    if first != second:
        raise UserError(
            f"{name}: is of the family {second}, the first of {first}; merge models of one family"
        )
