"""The values that travel between nodes: their Python types, wire names and colours.

Images are float32 [B,H,W,C] in 0..1, masks [B,H,W] (1 means change), latents [B,C,h,w] in the space of
their VAE.  Models travel as recipes: which weights, changed how.  What a recipe loads to is kept by
the engine's residency, and a stored recipe counts only while its file has the same weights.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from engine.node import Codec, Packed, Seeded, Socket
from nodes import device, recognition
from nodes.codecs import EXACT, kept, measure
from nodes.diffusion.conditioning import Area, Cond, RelativeArea

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.denoisers import UNetDenoiser
    from nodes.diffusion.text import TextEncoder
    from nodes.diffusion.vae import Autoencoder
else:
    Tensor = Any

T = TypeVar("T")


def _still_there(packed: Packed) -> "Model | Clip | Vae":
    recipe: Model | Clip | Vae = EXACT.unpack(packed)
    recognition.unchanged(recipe.path, recipe.weights)
    return recipe


RECIPE = Codec(EXACT.pack, _still_there)

for _part in (Cond, Area, RelativeArea):
    kept(_part)

Image = Annotated[Tensor, Socket("IMAGE", size=measure, codec=EXACT, color="#64b5f6")]
Mask = Annotated[Tensor, Socket("MASK", size=measure, codec=EXACT, color="#81c784")]
Conditioning = Annotated[tuple[Cond, ...], Socket("CONDITIONING", size=measure, codec=EXACT, color="#ffa931")]
Seed = Annotated[int, Field(ge=0, le=2**64 - 1, description="Equal seeds, equal noise."), Seeded()]


@kept
@dataclass(frozen=True, eq=False)
class Latent:
    """Latents, and how they are to be sampled.

    `noise_mask` [n,1,H,W], in pixels, is 1 where they may change.  `batch_index` numbers the items:
    each gets the noise that it would have at that place of a batch.
    """

    __socket__: ClassVar = Socket("LATENT", size=measure, codec=EXACT, color="#ff9cf9")

    samples: Tensor
    noise_mask: Tensor | None = None
    batch_index: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Placed(Generic[T]):
    """A recipe on a device: what residency loads and keeps."""

    identity: Hashable
    loader: Callable[[], T]

    def load(self) -> T:
        with recognition.told_to_users():
            return self.loader()


@kept
@dataclass(frozen=True)
class Model:
    """A denoiser: the weights of a checkpoint, and what is patched into them, in order."""

    __socket__: ClassVar = Socket("MODEL", codec=RECIPE, color="#b39ddb")

    path: Path
    weights: str
    patches: tuple[Hashable, ...] = ()

    @property
    def identity(self) -> Hashable:
        return "denoiser", self.weights, self.patches

    def on(self, device_name: str) -> "Placed[UNetDenoiser]":
        return Placed((self.identity, device_name), partial(self._load, device_name))

    def _load(self, device_name: str) -> "UNetDenoiser":
        from nodes.diffusion.loading import load_denoiser

        recognition.unchanged(self.path, self.weights)
        checkpoint = recognition.checkpoint(self.path)
        precision = device.precision(device_name, "denoiser")
        return load_denoiser(checkpoint, device.choose(device_name), precision)


@kept
@dataclass(frozen=True)
class Clip:
    """A text encoder; `stop_at_layer` counts from its end (-1), None leaves it to the model."""

    __socket__: ClassVar = Socket("CLIP", codec=RECIPE, color="#ffd500")

    path: Path
    weights: str
    stop_at_layer: int | None = None

    @property
    def identity(self) -> Hashable:
        return "text encoder", self.weights

    def on(self, device_name: str) -> "Placed[TextEncoder]":
        return Placed((self.identity, device_name), partial(self._load, device_name))

    def _load(self, device_name: str) -> "TextEncoder":
        from nodes.diffusion.loading import load_text_encoder

        recognition.unchanged(self.path, self.weights)
        checkpoint = recognition.checkpoint(self.path)
        return load_text_encoder(checkpoint, device.choose(device_name))


@kept
@dataclass(frozen=True)
class Vae:
    """An autoencoder, of a file of its own or of a checkpoint."""

    __socket__: ClassVar = Socket("VAE", codec=RECIPE, color="#ff6e6e")

    path: Path
    weights: str

    @property
    def identity(self) -> Hashable:
        return "autoencoder", self.weights

    def on(self, device_name: str) -> "Placed[Autoencoder]":
        return Placed((self.identity, device_name), partial(self._load, device_name))

    def _load(self, device_name: str) -> "Autoencoder":
        from nodes.diffusion.loading import load_vae

        recognition.unchanged(self.path, self.weights)
        precision = device.precision(device_name, "autoencoder")
        return load_vae(self.path, device.choose(device_name), precision)
