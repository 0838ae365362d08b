"""Stable Diffusion 1.x: CLIP ViT-L, eight attention heads everywhere, noise prediction."""

from nodes.diffusion.families.family import Family

FAMILY = Family(
    name="sd1",
    title="Stable Diffusion 1.x",
    linear_projection=False,
    heads=lambda channels: [8] * len(channels),
    activation="quick_gelu",
    text_layer=-1,
    projected=False,
    pad=49407,
    prediction=lambda _: "eps",
)
