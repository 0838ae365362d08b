"""Files that hold one network of a model: a UNet or a text encoder by itself."""

from dataclasses import replace
from pathlib import Path

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.components import Checkpoint, Component, Part, TextStyle, component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import FAMILIES, sd1, sd2
from nodes.diffusion.families.family import Family
from nodes.diffusion.headers import Header, read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.layouts import clip, unet
from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling

DENOISER: tuple[Part, ...] = ("denoiser",)
ENCODER: tuple[Part, ...] = ("text_encoder",)
ORIGINAL_UNET = "input_blocks.0.0.weight"
DIFFUSERS_PREFIXES = ("", "unet.")
FOREIGN_UNETS = {  # the end of a name -> of what; FOREIGN of the families are known by whole names
    "add_embedding.linear_1.weight": "Stable Diffusion XL",
    "double_blocks.0.img_attn.qkv.weight": "Flux",
    "joint_blocks.0.x_block.attn.qkv.weight": "Stable Diffusion 3",
    "double_layers.0.attn.w1q.weight": "AuraFlow",
    "transformer_blocks.0.attn.norm_added_k.weight": "a transformer such as Qwen-Image",
    "noise_refiner.0.attention.qkv.weight": "Lumina 2 or Z-Image",
    "blocks.0.cross_attn.k.weight": "Wan",
    "temporal_transformer_blocks.0.norm_in.weight": "Stable Video Diffusion",
}
FOREIGN_ENCODERS = {
    "encoder.block.0.layer.0.SelfAttention.q.weight": "T5",
    "model.layers.0.self_attn.q_proj.weight": "a language model such as Gemma, Qwen or Llama",
    "vision_model.embeddings.patch_embedding.weight": "an image encoder (CLIP vision)",
}

CLIP_PREFIXES = ("", *clip.PREFIXES)
CLIP_H_LAYERS = 24
CLIP_G_LAYERS = 32


def identify_unet(path: Path) -> Checkpoint:
    """A UNet by itself, in the original or in diffusers' layout; or that of a checkpoint."""
    if path.is_dir():
        return identify(path, DENOISER)
    header = read_header(path)
    for prefix in DIFFUSERS_PREFIXES:
        tensors = Tensors(header, prefix)
        if "down_blocks.0.resnets.0.conv1.weight" in tensors and "conv_in.weight" in tensors:
            _refuse_foreign(header)
            return _diffusers_unet(tensors)
    if not any(name.endswith(ORIGINAL_UNET) for name in header):
        _refuse_foreign(header)
    return identify(path, DENOISER)


def _refuse_foreign(header: Header) -> None:
    for end, title in FOREIGN_UNETS.items():
        if any(name.endswith(end) for name in header):
            known = ", ".join(family.title for family in FAMILIES)
            what = f"is a diffusion model of {title}, which cannot be run yet; supported are {known}"
            raise ModelError(header.path, what)


def _diffusers_unet(tensors: Tensors) -> Checkpoint:
    path = tensors.header.path
    family = next(f for f in FAMILIES if f.linear_projection == unet.has_linear_projection(tensors))
    config = unet.diffusers_config(tensors, family.heads)
    unet.check_channels(path, config["in_channels"], config["out_channels"])
    sources = unet.diffusers_sources(tensors)
    return replace(
        _alone(path, family, "denoiser", component(tensors.header, config, sources)),
        sampling=ModelSampling.from_betas(prediction=family.prediction(tensors)),
        latent_format=LatentFormat(config["out_channels"]),
    )


def identify_encoder(path: Path) -> Checkpoint:
    """A CLIP text encoder by itself: CLIP ViT-L (SD1) or OpenCLIP ViT-H (SD2); or that of a checkpoint."""
    if path.is_dir():
        return identify(path, ENCODER)
    header = read_header(path)
    if any(name.endswith(ORIGINAL_UNET) for name in header):
        return identify(path, ENCODER)
    for prefix in CLIP_PREFIXES:
        tensors = Tensors(header, prefix)
        if clip.is_open_clip(tensors):
            config, sources = clip.open_clip_config(tensors), clip.open_clip_sources(tensors)
            return _encoder(component(header, config, sources), open_clip=True)
        if clip.is_transformers(tensors):
            config, sources = clip.config(tensors), clip.sources(tensors)
            return _encoder(component(header, config, sources), open_clip=False)
    for end, title in FOREIGN_ENCODERS.items():
        if any(name.endswith(end) for name in header):
            raise ModelError(path, f"is {title}; supported text encoders are CLIP ViT-L and OpenCLIP ViT-H")
    raise ModelError(path, "holds no CLIP text encoder (looked for token_embedding.weight)")


def _encoder(found: Component, *, open_clip: bool) -> Checkpoint:
    """By its number of layers; files with OpenCLIP's names hold no ViT-L, and all layers."""
    layers = found.config["layers"]
    if layers >= CLIP_G_LAYERS:
        raise ModelError(
            found.path,
            "is OpenCLIP ViT-bigG, of Stable Diffusion XL, which cannot be run yet; "
            "supported text encoders are CLIP ViT-L and OpenCLIP ViT-H",
        )
    family = sd2.FAMILY if open_clip or layers >= CLIP_H_LAYERS - 1 else sd1.FAMILY
    # The last layer is never read, and left out of files in diffusers' layout.
    dropped = int(not open_clip and layers == CLIP_H_LAYERS - 1)
    config = dict(found.config) | {"activation": family.activation}
    if not family.projected:
        config["projection"] = None
    return replace(
        _alone(found.path, family, "text_encoder", replace(found, config=config)),
        text=TextStyle(family.text_layer, dropped, family.pad),
    )


def _alone(path: Path, family: Family, part: Part, found: Component) -> Checkpoint:
    return Checkpoint(
        path=path,
        layout="single",
        family=family.name,
        identity=weights_identity(path),
        sampling=ModelSampling.from_betas(),
        latent_format=LatentFormat(),
        text=TextStyle(family.text_layer, pad=family.pad),
        components={part: found},
    )
