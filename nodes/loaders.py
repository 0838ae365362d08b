"""Loaders: from a model's name to recipes.  Weights are read later, by whoever first uses them."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from engine.node import Choices, Context, Files, UserError, node
from nodes import recognition
from nodes.sockets import Clip, Model, Vae


class Loaded(NamedTuple):
    MODEL: Model
    CLIP: Clip
    VAE: Vae


@node("CheckpointLoaderSimple", category="loaders", display_name="Load Checkpoint", lane="io")
def checkpoint_loader_simple(
    ctx: Context,
    *,
    ckpt_name: Annotated[str, Choices(lambda files: files.models.names("checkpoints"))],
) -> Loaded:
    """Open a checkpoint: a diffusion model with its text encoder and VAE, in one file or folder."""
    path = ctx.files.models.find("checkpoints", ckpt_name)
    weights = recognition.checkpoint(path).identity
    return Loaded(Model(path, weights), Clip(path, weights), Vae(path, weights))


@checkpoint_loader_simple.fingerprint
def checkpoint_weights(files: Files, ckpt_name: str | None) -> str | None:
    return recognition.checkpoint(files.models.find("checkpoints", ckpt_name)).identity if ckpt_name else None


@checkpoint_loader_simple.check
def checkpoint_problems(files: Files, ckpt_name: str) -> Mapping[str, str]:
    try:
        recognition.checkpoint(files.models.find("checkpoints", ckpt_name))
    except UserError as error:
        return {"ckpt_name": str(error)}
    return {}


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
    try:
        recognition.autoencoder(files.models.find("vae", vae_name))
    except UserError as error:
        return {"vae_name": str(error)}
    return {}
