"""Loaders: from a model's name to recipes.  Weights are read later, by whoever first uses them."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from engine.node import Choices, Context, Files, Omittable, UserError, node
from nodes import inputs, recognition
from nodes.sockets import Clip, ClipVision, Model, Vae

#: What a text encoder is wrapped for, and which encoder that is; None where it can be used.
ENCODERS: Final[Mapping[str, str | None]] = {
    "stable_diffusion": None,
    "stable_cascade": "CLIP-G",
    "sd3": "CLIP-L, CLIP-G or T5",
    "stable_audio": "T5",
    "mochi": "T5",
    "ltxv": "T5",
    "pixart": "T5",
    "cosmos": "T5",
    "lumina2": "Gemma 2",
    "wan": "UMT5",
    "hidream": "Llama 3.1 or T5",
    "chroma": "T5",
    "ace": "UMT5",
    "omnigen2": "Qwen 2.5",
    "qwen_image": "Qwen 2.5",
    "hunyuan_image": "Qwen 2.5",
    "flux2": "Mistral",
    "ovis": "Qwen 3",
    "longcat_image": "Qwen 2.5",
    "cogvideox": "T5",
}

CHECKPOINTS: Final = Choices(lambda files: files.models.names("checkpoints"))


class Loaded(NamedTuple):
    MODEL: Model
    CLIP: Clip
    VAE: Vae


class LoadedWithVision(NamedTuple):
    MODEL: Model
    CLIP_VISION: ClipVision
    VAE: Vae


@node("CheckpointLoaderSimple", category="loaders", display_name="Load Checkpoint", lane="io")
def checkpoint_loader_simple(ctx: Context, *, ckpt_name: Annotated[str, CHECKPOINTS]) -> Loaded:
    """Open a checkpoint: a diffusion model with its text encoder and VAE, in one file or folder."""
    path = ctx.files.models.find("checkpoints", ckpt_name)
    weights = recognition.checkpoint(path).identity
    return Loaded(Model(path, weights), Clip(path, weights), Vae(path, weights))


@checkpoint_loader_simple.fingerprint
def checkpoint_weights(files: Files, ckpt_name: str | None) -> str | None:
    return recognition.checkpoint(files.models.find("checkpoints", ckpt_name)).identity if ckpt_name else None


@checkpoint_loader_simple.check
def checkpoint_problems(files: Files, ckpt_name: str) -> Mapping[str, str]:
    return inputs.told("ckpt_name", lambda: checkpoint_weights(files, ckpt_name))


@node(
    "ImageOnlyCheckpointLoader",
    category="loaders/video_models",
    display_name="Image Only Checkpoint Loader (img2vid model)",
    lane="io",
)
def image_only_checkpoint_loader(ctx: Context, *, ckpt_name: Annotated[str, CHECKPOINTS]) -> LoadedWithVision:
    """Open a checkpoint that is led by a picture: a diffusion model with an image encoder and a VAE."""
    path = ctx.files.models.find("checkpoints", ckpt_name)
    weights = recognition.image_encoder(path)
    return LoadedWithVision(Model(path, weights), ClipVision(path, weights), Vae(path, weights))


@image_only_checkpoint_loader.fingerprint
def image_checkpoint_weights(files: Files, ckpt_name: str | None) -> str | None:
    return recognition.image_encoder(files.models.find("checkpoints", ckpt_name)) if ckpt_name else None


@image_only_checkpoint_loader.check
def image_checkpoint_problems(files: Files, ckpt_name: str) -> Mapping[str, str]:
    return inputs.told("ckpt_name", lambda: image_checkpoint_weights(files, ckpt_name))


@node("UNETLoader", category="advanced/loaders", display_name="Load Diffusion Model", lane="io")
def unet_loader(
    ctx: Context,
    *,
    unet_name: Annotated[str, Choices(lambda files: files.models.names("diffusion_models"))],
    weight_dtype: Annotated[
        Literal["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"],
        Field(description="fp8: the weights are rounded to eight bits, as pictures made so have it."),
    ],
) -> Model:
    """Open a diffusion model by itself."""
    path = ctx.files.models.find("diffusion_models", unet_name)
    rounding = None if weight_dtype == "default" else f"float8_{weight_dtype.split('_')[1]}"
    return Model(path, recognition.denoiser(path).identity, rounding=rounding)


@unet_loader.fingerprint
def unet_weights(files: Files, unet_name: str | None) -> str | None:
    if not unet_name:
        return None
    return recognition.denoiser(files.models.find("diffusion_models", unet_name)).identity


@unet_loader.check
def unet_problems(files: Files, unet_name: str) -> Mapping[str, str]:
    return inputs.told("unet_name", lambda: unet_weights(files, unet_name))


@node("CLIPLoader", category="advanced/loaders", display_name="Load CLIP", lane="io")
def clip_loader(
    ctx: Context,
    *,
    clip_name: Annotated[str, Choices(lambda files: files.models.names("text_encoders"))],
    type: Annotated[str, Choices(tuple(ENCODERS)), Field(description="The family it is for.")],  # noqa: A002  # the ecosystem's name
    device: Annotated[Literal["default", "cpu"], Omittable()] = "default",
) -> Clip:
    """Open a text encoder by itself: CLIP ViT-L for Stable Diffusion 1, OpenCLIP ViT-H for 2."""
    if problem := encoder_problem(type):
        raise UserError(problem)
    path = ctx.files.models.find("text_encoders", clip_name)
    weights = recognition.text_encoder(path).identity
    return Clip(path, weights, device=None if device == "default" else device)


def encoder_problem(family: str) -> str:
    encoder = ENCODERS[family]
    if encoder is None:
        return ""
    return f"type: {family} needs {encoder}, which cannot be run yet; supported is stable_diffusion"


@clip_loader.fingerprint
def clip_weights(files: Files, clip_name: str | None) -> str | None:
    if not clip_name:
        return None
    return recognition.text_encoder(files.models.find("text_encoders", clip_name)).identity


@clip_loader.check
def clip_problems(files: Files, clip_name: str, type: str | None) -> Mapping[str, str]:  # noqa: A002
    if type and (problem := encoder_problem(type)):
        return {"type": problem.removeprefix("type: ")}
    return inputs.told("clip_name", lambda: clip_weights(files, clip_name))


@node("VAELoader", category="loaders", display_name="Load VAE", lane="io")
def vae_loader(
    ctx: Context,
    *,
    vae_name: Annotated[str, Choices(lambda files: files.models.names("vae"))],
) -> Vae:
    """Open a VAE from a file or a folder of its own."""
    path = ctx.files.models.find("vae", vae_name)
    return Vae(path, recognition.autoencoder(path))


@vae_loader.fingerprint
def vae_weights(files: Files, vae_name: str | None) -> str | None:
    return recognition.autoencoder(files.models.find("vae", vae_name)) if vae_name else None


@vae_loader.check
def vae_problems(files: Files, vae_name: str) -> Mapping[str, str]:
    return inputs.told("vae_name", lambda: vae_weights(files, vae_name))
