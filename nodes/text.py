"""Text nodes: from a prompt to what leads a denoiser."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from engine.node import Context, Files, Multiline, PathError, node
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.prompt_weights import parse
from nodes.sockets import Clip, Conditioning

MENTIONED = re.compile(r"embedding:(\S+)")
EMBEDDING_SUFFIXES = ("", ".safetensors", ".sft", ".pt", ".bin")


@node("CLIPTextEncode", category="conditioning", display_name="CLIP Text Encode (Prompt)", numeric=True)
async def clip_text_encode(
    ctx: Context,
    *,
    text: Annotated[
        str, Multiline(dynamic=True), Field(description="`(words:1.2)` weighs; `embedding:name` inserts.")
    ],
    clip: Clip,
) -> Conditioning:
    """Encode a prompt of any length."""
    async with ctx.resident(clip.on) as encoder:
        find = partial(find_embedding, ctx.files)
        tokens, pooled = await ctx.device.drive(encoder.encoding(text, clip.stop_at_layer, find))
    return (Cond(tokens, pooled),)


@clip_text_encode.fingerprint
def embeddings_of_text(files: Files, text: str | None) -> object:
    """The files that a prompt names: another embedding under the same name is another prompt."""
    names = [name for part in parse(text or "") for name in MENTIONED.findall(part.text)]
    paths = [find_embedding(files, spelt) for name in names for spelt in (name, name.removesuffix(","))]
    return [weights_identity(path) for path in paths if path is not None]


def find_embedding(files: Files, name: str) -> Path | None:
    for suffix in EMBEDDING_SUFFIXES:
        try:
            path = files.models.find("embeddings", name + suffix)
        except PathError:
            continue
        if path.is_file():
            return path
    return None


@node("CLIPSetLastLayer", category="conditioning", display_name="CLIP Set Last Layer")
def clip_set_last_layer(
    *,
    clip: Clip,
    stop_at_clip_layer: Annotated[int, Field(ge=-24, le=-1, description="-1 is the last layer.")] = -1,
) -> Clip:
    """Read the text encoder before its end ("clip skip")."""
    return replace(clip, stop_at_layer=stop_at_clip_layer)
