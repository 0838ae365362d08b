"""What a family of models has to say about itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.model_sampling import Prediction


@dataclass(frozen=True)
class Family:
    """The facts about a family that the shapes of its tensors do not tell."""

    name: str
    title: str
    linear_projection: bool
    """What tells the UNets of SD1 and SD2 apart: how their attention blocks begin."""
    heads: Callable[[Sequence[int]], list[int]]
    """Attention heads per level of the UNet, from the levels' channels."""
    activation: str
    """Of the text encoder."""
    text_layer: int
    """The text encoder's layer whose output conditions the UNet; -1 is the last."""
    projected: bool
    """Whether the pooled text is sent through the text encoder's projection."""
    pad: int
    """The token that fills up a prompt."""
    prediction: Callable[[Tensors], Prediction]
    """What the UNet predicts, from its tensors."""
