"""Checkpoints of one file in the original (LDM) layout: every network under a prefix of its own."""

from pathlib import Path

from nodes.diffusion.components import Checkpoint, Component, Part, TextStyle, component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import FAMILIES, FOREIGN
from nodes.diffusion.families.family import Family
from nodes.diffusion.headers import Header, read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.layouts import autoencoder, clip, unet
from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling

UNET_PREFIXES = ("model.diffusion_model.", "")

OTHER_KINDS = {  # how names begin in files that are no checkpoints
    "lora_": "is a LoRA, not a checkpoint: load it with a LoRA loader",
    "unet.down_blocks.": "is a LoRA, not a checkpoint: load it with a LoRA loader",
    "control_model.": "is a ControlNet, not a checkpoint: load it with a ControlNet loader",
    "controlnet_": "is a ControlNet, not a checkpoint: load it with a ControlNet loader",
    "encoder.": "is a VAE, not a checkpoint: load it with a VAE loader",
    "emb_params": "is a textual inversion, not a checkpoint: use it in a prompt as embedding:name",
    "down_blocks.": "is a UNet by itself, not a checkpoint: load it with UNETLoader",
    "text_model.": "is a text encoder, not a checkpoint: load it with CLIPLoader",
}


def identify_file(path: Path) -> Checkpoint:
    """The model in a single file. Components it does not have are left out."""
    header = read_header(path)
    for name, title in FOREIGN.items():
        if name in header:
            raise ModelError(path, f"is a {title} model, which is not supported; {_supported()}")
    tensors = _unet(header)
    family = next(f for f in FAMILIES if f.linear_projection == unet.has_linear_projection(tensors))
    config = unet.config(tensors, family.heads)
    unet.check_channels(path, config["in_channels"], config["out_channels"])
    sources = unet.sources(tensors, config["layers_per_block"])
    components: dict[Part, Component] = {"denoiser": component(header, config, sources)}
    if text_encoder := _text_encoder(header, family):
        components["text_encoder"] = text_encoder
    if any(name.startswith("first_stage_model.") for name in header):
        components["autoencoder"] = identify_vae_tensors(Tensors(header, "first_stage_model."))
    return Checkpoint(
        path=path,
        layout="single",
        family=family.name,
        identity=weights_identity(path),
        sampling=ModelSampling.from_betas(prediction=family.prediction(tensors)),
        latent_format=LatentFormat(config["out_channels"]),
        text=TextStyle(family.text_layer, pad=family.pad),
        components=components,
    )


def identify_vae_tensors(tensors: Tensors) -> Component:
    """An autoencoder in the original layout or in that of diffusers."""
    if "encoder.down.0.block.0.conv1.weight" in tensors:
        config = autoencoder.config(tensors)
        sources = autoencoder.sources(tensors, len(config["block_out_channels"]))
    else:
        config = autoencoder.diffusers_config(tensors)
        sources = autoencoder.diffusers_sources(tensors)
    return component(tensors.header, config, sources)


def _unet(header: Header) -> Tensors:
    for prefix in UNET_PREFIXES:
        tensors = Tensors(header, prefix)
        if "input_blocks.0.0.weight" in tensors:
            return tensors
    for beginning, what in OTHER_KINDS.items():
        if any(name.startswith(beginning) for name in header):
            raise ModelError(header.path, what)
    looked_for = "input_blocks.0.0.weight, with and without model.diffusion_model. in front"
    raise ModelError(header.path, f"is no model of a known family (looked for {looked_for}); {_supported()}")


def _text_encoder(header: Header, family: Family) -> Component | None:
    for tensors in (Tensors(header, prefix) for prefix in clip.PREFIXES):
        if clip.is_transformers(tensors):
            config, sources = clip.config(tensors), clip.sources(tensors)
        elif clip.is_open_clip(tensors):
            config, sources = clip.open_clip_config(tensors), clip.open_clip_sources(tensors)
        else:
            continue
        config["activation"] = family.activation
        if not family.projected:
            config["projection"] = None
        return component(header, config, sources)
    return None


def _supported() -> str:
    return "supported are " + ", ".join(family.title for family in FAMILIES)
