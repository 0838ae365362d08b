"""What kind of model a file or a folder holds: recognised from names and shapes, in milliseconds.

Nothing is loaded here and torch is not imported. What comes out says everything
that loading needs: which networks, how large, where their weights lie and how the
model was trained.
"""

from collections.abc import Collection
from pathlib import Path
from typing import get_args

from nodes.diffusion.components import Checkpoint, Component, Part
from nodes.diffusion.errors import ModelError
from nodes.diffusion.folders import identify_folder, identify_vae_folder
from nodes.diffusion.headers import read_header
from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.single_files import identify_file, identify_vae_tensors

ALL_PARTS: tuple[Part, ...] = get_args(Part)
TITLES: dict[Part, str] = {"denoiser": "UNet", "text_encoder": "text encoder", "autoencoder": "VAE"}


def identify(path: Path, needed: Collection[Part] = ALL_PARTS) -> Checkpoint:
    """Recognise a checkpoint; `ModelError` if it lacks a needed part or is none at all."""
    checkpoint = identify_folder(path) if path.is_dir() else identify_file(path)
    for part in ALL_PARTS:
        if part in needed:
            require(checkpoint, part)
    return checkpoint


def require(checkpoint: Checkpoint, part: Part) -> Component:
    """A component that is wanted now."""
    if part not in checkpoint.components:
        held = ", ".join(TITLES[p] for p in checkpoint.components)
        raise ModelError(checkpoint.path, f"has no {TITLES[part]}, only: {held}. Load that from another file")
    return checkpoint.components[part]


def identify_vae(path: Path) -> Component:
    """The autoencoder of a file of its own, of a checkpoint, or of a folder."""
    if path.is_dir():
        return identify_vae_folder(path / "vae" if (path / "vae").is_dir() else path)
    header = read_header(path)
    for prefix in ("first_stage_model.", "vae.", ""):
        tensors = Tensors(header, prefix)
        if "decoder.conv_in.weight" in tensors:
            return identify_vae_tensors(tensors)
    raise ModelError(path, "holds no VAE (looked for decoder.conv_in.weight)")
