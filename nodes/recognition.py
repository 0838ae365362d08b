"""Models recognised from their files, and remembered as long as the files stay as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from engine.node import UserError
from nodes.diffusion.adapters import Kind, has_image_encoder, identify_adapter
from nodes.diffusion.checkpoints import identify, identify_vae
from nodes.diffusion.components import Checkpoint, Part
from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.layouts.lora import Change, matched, read_changes
from nodes.diffusion.layouts.rrdb import identify_rrdb
from nodes.diffusion.parts import identify_encoder, identify_unet

#: What makes a file a checkpoint; the rest may come from other files.
NEEDED: tuple[Part, ...] = ("denoiser",)

Stamp = tuple[tuple[str, int, int, int], ...]


def checkpoint(path: Path) -> Checkpoint:
    """What a checkpoint holds: a file, or a folder in diffusers' layout.

    Raises:
        UserError: it is missing, damaged, pickled, or of an unknown family.
    """
    with told_to_users():
        return _checkpoint(path, _stamp(path))


def denoiser(path: Path) -> Checkpoint:
    """What holds a diffusion model: a checkpoint, or a UNet by itself.

    Raises:
        UserError: it holds none, or one of an unknown family.
    """
    with told_to_users():
        return _denoiser(path, _stamp(path))


def text_encoder(path: Path) -> Checkpoint:
    """What holds a CLIP text encoder: a checkpoint, or the encoder by itself.

    Raises:
        UserError: it holds none, or one of an unknown family.
    """
    with told_to_users():
        return _text_encoder(path, _stamp(path))


def lora(path: Path) -> str:
    """The identity of the weights of a LoRA.

    Raises:
        UserError: it is none, or one of a form that cannot be applied.
    """
    with told_to_users():
        stamp = _stamp(path)
        _changes(path, stamp)
        return _weights(path, stamp)


def changes(path: Path, part: Part, target: Checkpoint) -> int:
    """How many modules of a part of a model a LoRA changes.

    Raises:
        UserError: it was made for a model of another family.
    """
    with told_to_users():
        return len(matched(path, _changes(path, _stamp(path)), part, target.components[part]))


def adapter(kind: Kind, path: Path) -> tuple[str, str]:
    """The identity of the weights of a network that steers a denoiser, and the family it was made for.

    Raises:
        UserError: it is something else, or of a family that cannot be run.
    """
    with told_to_users():
        stamp = _stamp(path)
        return _weights(path, stamp), _adapter(kind, path, stamp)


def upscaler(path: Path) -> str:
    """The identity of the weights of an upscaler.

    Raises:
        UserError: it is none, or one of an unknown kind.
    """
    with told_to_users():
        stamp = _stamp(path)
        _upscaler(path, stamp)
        return _weights(path, stamp)


def image_encoder(path: Path) -> str:
    """The identity of the weights of a checkpoint that brings an encoder for pictures along.

    Raises:
        UserError: it brings none.
    """
    with told_to_users():
        if not has_image_encoder(path):
            raise ModelError(path, "has no image encoder (CLIP vision); load it with CheckpointLoaderSimple")
    return checkpoint(path).identity


def autoencoder(path: Path) -> str:
    """The identity of the weights of a file or a folder that holds an autoencoder.

    Raises:
        UserError: it holds none.
    """
    with told_to_users():
        stamp = _stamp(path)
        _autoencoder(path, stamp)
        return _weights(path, stamp)


def unchanged(path: Path, weights: str) -> None:
    """Make sure that a file or a folder still holds the weights that a recipe means.

    Raises:
        UserError: it does not.
    """
    with told_to_users():
        if _weights(path, _stamp(path)) != weights:
            raise ModelError(path, "has changed since it was chosen; run the workflow again")


@contextmanager
def told_to_users() -> Iterator[None]:
    """Show what is wrong with a model file to people; it is theirs to mend."""
    try:
        yield
    except ModelError as error:
        raise UserError(str(error)) from error


@lru_cache(maxsize=64)
def _checkpoint(path: Path, _stamp: Stamp) -> Checkpoint:
    return identify(path, NEEDED)


@lru_cache(maxsize=64)
def _denoiser(path: Path, _stamp: Stamp) -> Checkpoint:
    return identify_unet(path)


@lru_cache(maxsize=64)
def _text_encoder(path: Path, _stamp: Stamp) -> Checkpoint:
    return identify_encoder(path)


@lru_cache(maxsize=64)
def _changes(path: Path, _stamp: Stamp) -> dict[str, Change]:
    return read_changes(read_header(path))


@lru_cache(maxsize=64)
def _adapter(kind: Kind, path: Path, _stamp: Stamp) -> str:
    return identify_adapter(kind, path)


@lru_cache(maxsize=64)
def _upscaler(path: Path, _stamp: Stamp) -> None:
    identify_rrdb(read_header(path))


@lru_cache(maxsize=64)
def _autoencoder(path: Path, _stamp: Stamp) -> None:
    identify_vae(path)


@lru_cache(maxsize=256)
def _weights(path: Path, _stamp: Stamp) -> str:
    return weights_identity(path)


def _stamp(path: Path) -> Stamp:
    """What changes when a file is written to or replaced; a folder's is that of its files."""
    try:
        parts = [path, *path.glob("*"), *path.glob("*/*")] if path.is_dir() else [path]
        facts = [(str(part), part.stat()) for part in parts]
    except OSError as error:
        raise ModelError(path, f"cannot be read ({error.strerror})") from error
    return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in facts)
