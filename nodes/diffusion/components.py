"""A model described but not loaded: its networks, where their weights lie, how it was trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from nodes.diffusion.headers import Header
from nodes.diffusion.layouts.tensors import Source
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling

Part = Literal["denoiser", "text_encoder", "autoencoder"]


@dataclass(frozen=True)
class Component:
    """One network.

    `config` holds the arguments of its class; `sources` says for each of its
    parameters in which file it lies and under which name. `parameters` counts
    numbers: a loaded component takes `parameters * dtype.itemsize` bytes.
    """

    path: Path
    config: Mapping[str, Any]
    sources: Mapping[str, tuple[Path, Source]]
    parameters: int


@dataclass(frozen=True)
class TextStyle:
    """How a model reads a text encoder.

    `layer` is the one whose output conditions the denoiser, -1 being the last of
    the encoder as it was trained; `dropped_layers` of its end are not in the file.
    `pad` is a token, None for the one that the tokenizer names. Without a
    `tokenizer` (a folder) it is CLIP's own.
    """

    layer: int = -1
    dropped_layers: int = 0
    pad: int | None = None
    tokenizer: Path | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A model: a single file, or a folder in diffusers' layout."""

    path: Path
    layout: Literal["single", "diffusers"]
    family: str
    identity: str
    """Stands for the content of the file, or of all the folder's files; see `identity.py`."""
    sampling: ModelSampling
    latent_format: LatentFormat
    text: TextStyle
    components: Mapping[Part, Component]


def component(header: Header, config: Mapping[str, Any], sources: Mapping[str, Source]) -> Component:
    """A component out of the tensors of one header."""
    placed: dict[str, tuple[Path, Source]] = {}
    parameters = 0
    for ours, source in sources.items():
        info = header[source.name]
        placed[ours] = (info.file, source)
        parameters += prod(info.shape) // (1 if source.third is None else 3)
    return Component(header.path, config, placed, parameters)
