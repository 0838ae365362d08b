"""Stable Diffusion 2.x: OpenCLIP ViT-H read one layer before its end, heads of 64 channels."""

from statistics import pstdev

from nodes.diffusion.families.family import Family
from nodes.diffusion.headers import read_values
from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.model_sampling import Prediction

V_SPREAD = 0.09


def prediction(unet: Tensors) -> Prediction:
    """Velocity (the 768 models) or noise (the 512 base models): files do not say.

    Their weights do: training on velocity leaves the last attention block of the
    decoder with first norms whose biases are spread wider.
    """
    if "up_blocks.0.resnets.0.conv1.weight" in unet:  # diffusers' layout
        level = unet.count("up_blocks.{}.resnets.0.conv1.weight") - 1
        last = unet.count(f"up_blocks.{level}.resnets.{{}}.conv1.weight") - 1
        name = f"up_blocks.{level}.attentions.{last}.transformer_blocks.0.norm1.bias"
    else:
        last = unet.count("output_blocks.{}.0.in_layers.2.weight") - 1
        name = f"output_blocks.{last}.1.transformer_blocks.0.norm1.bias"
    if name not in unet:
        return "eps"
    return "v" if pstdev(read_values(unet.header, unet.prefix + name)) > V_SPREAD else "eps"


FAMILY = Family(
    name="sd2",
    title="Stable Diffusion 2.x",
    linear_projection=True,
    heads=lambda channels: [max(1, c // 64) for c in channels],
    activation="gelu",
    text_layer=-2,
    projected=True,
    pad=0,
    prediction=prediction,
)
