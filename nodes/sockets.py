"""The values that travel between nodes: their Python types, wire names and colours.

Images are float32 [B,H,W,C] in 0..1, masks [B,H,W] (1 means change), latents [B,C,h,w] in the space of
their VAE.  Models travel as recipes: which weights, changed how.  What a recipe loads to is kept by
the engine's residency, and a stored recipe counts only while its file has the same weights.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, Literal, TypeVar
from weakref import WeakValueDictionary

from pydantic import Field

from engine.node import Codec, Packed, Seeded, Socket
from nodes import device, recognition
from nodes.changes import CHANGES
from nodes.codecs import EXACT, kept, measure
from nodes.diffusion.changes import Change, changed_guidance, changed_sampling
from nodes.diffusion.conditioning import Area, Cond, Control, RelativeArea
from nodes.diffusion.model_sampling import ModelSampling

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nodes.diffusion import guides, lora
    from nodes.diffusion.controls import ControlNetwork
    from nodes.diffusion.denoisers import UNetDenoiser
    from nodes.diffusion.text import TextEncoder
    from nodes.diffusion.upscalers import Upscaler
    from nodes.diffusion.vae import Autoencoder
else:
    Tensor = Any

T = TypeVar("T")


def _still_there(packed: Packed) -> "Recipe":
    recipe: Recipe = EXACT.unpack(packed)
    recipe.unchanged()
    return recipe


RECIPE = Codec(EXACT.pack, _still_there)

for _part in (Cond, Control, Area, RelativeArea, *CHANGES):
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


#: What is loaded, by what it is and where: whoever derives something from it shares its weights.
LOADED: Final[WeakValueDictionary[Hashable, Any]] = WeakValueDictionary()


def shared(identity: Hashable, load: Callable[[], T]) -> T:
    """What is loaded already, wherever it is kept; otherwise it is loaded now."""
    found: T | None = LOADED.get(identity)
    if found is None:
        found = LOADED[identity] = load()
    return found


@dataclass(frozen=True)
class Placed(Generic[T]):
    """A recipe on a device: what residency loads and keeps.

    `source` is the same thing in the host's memory, for a device with a memory of its own; the loader is
    then given what that loads to.  `streaming` gives a recipe that keeps to so many bytes.
    """

    identity: Hashable
    loader: Callable[..., T]
    label: str = ""
    size: Callable[[], int] = lambda: 0
    source: "Placed[T] | None" = None
    streaming: "Callable[[int], Placed[T]] | None" = None

    @property
    def expected(self) -> int:
        """The bytes that it will take."""
        with recognition.told_to_users():
            return self.size()

    @property
    def within(self) -> "Callable[[int], Placed[T]] | None":
        return self.streaming

    def load(self, *source: T) -> T:
        with recognition.told_to_users():
            return self.loader(*source)


@dataclass(frozen=True)
class Recipe:
    """Weights that are not loaded: a file or a folder, and what stands for its content."""

    path: Path
    weights: str

    def unchanged(self) -> None:
        """Make sure that the weights are those that were chosen.

        Raises:
            UserError: they are not.
        """
        recognition.unchanged(self.path, self.weights)


@kept
@dataclass(frozen=True)
class Lora(Recipe):
    """A low-rank change of weights, and how strongly it is applied."""

    strength: float = 1.0

    @property
    def identity(self) -> Hashable:
        return "lora", self.weights, self.strength

    def numerics(self, device_name: str) -> "lora.Patch":  # noqa: ARG002
        from nodes.diffusion import lora

        return lora.Lora(self.path, self.strength, self.weights)


@kept
@dataclass(frozen=True)
class Merge:
    """Another model worked into the weights: `ours` W1 + `theirs` W2.

    `blocks` are the shares of the way down, the middle and the way up of W1, the rest being W2's.
    """

    other: "Model | Clip"
    ours: float = 1.0
    theirs: float = 0.0
    blocks: tuple[float, float, float] | None = None

    @property
    def identity(self) -> Hashable:
        return "merge", self.other.identity, self.ours, self.theirs, self.blocks

    def unchanged(self) -> None:
        self.other.unchanged()

    def numerics(self, device_name: str) -> "lora.Patch":
        from nodes.diffusion import lora

        ours, theirs = (self._share(0), self._share(1))
        operand = partial(self.other.network, device_name)
        return lora.Merge(operand, ours, theirs, repr(self.identity), self.other.path)

    def _share(self, which: Literal[0, 1]) -> Callable[[str], float]:
        if self.blocks is None:
            return lambda _name: (self.ours, self.theirs)[which]
        down, middle, up = self.blocks

        def share(name: str) -> float:
            kind = name.partition(".")[0]
            ratio = up if kind in UP else middle if kind == "mid_block" else down
            return 1 - ratio if which else ratio

        return share


#: The parts of a UNet on its way up; what is in none of its three parts counts as the way down.
UP: Final = frozenset({"up_blocks", "conv_norm_out", "conv_out"})


@dataclass(frozen=True)
class Patched(Recipe):
    """Weights with what is patched into them, in order."""

    patches: tuple[Lora | Merge, ...] = ()

    def unchanged(self) -> None:
        super().unchanged()
        for patch in self.patches:
            patch.unchanged()

    def numerics(self, device_name: str) -> "list[lora.Patch]":
        """The patches as the numerics take them; what is merged is loaded on a device."""
        return [each.numerics(device_name) for each in self.patches]


@kept
@dataclass(frozen=True)
class Model(Patched):
    """A denoiser; `rounding` names a type that its weights are rounded to when they are loaded.

    `changes` are what is changed about it when it is used, in their order; its weights stay as they are.
    """

    __socket__: ClassVar = Socket("MODEL", codec=RECIPE, color="#b39ddb")

    rounding: str | None = None
    changes: tuple[Change, ...] = ()

    def changed(self, change: Change) -> "Model":
        return replace(self, changes=(*self.changes, change))

    @property
    def sampling(self) -> ModelSampling:
        """The noise levels that it is sampled at; nothing is loaded for them."""
        return changed_sampling(recognition.denoiser(self.path).sampling, self.changes)

    @property
    def identity(self) -> Hashable:
        return "denoiser", self.weights, self.rounding, tuple(patch.identity for patch in self.patches)

    def on(self, device_name: str) -> "Placed[UNetDenoiser]":
        label = f"{self.path.name} (denoiser{f', {len(self.patches)} LoRA' if self.patches else ''})"
        size = partial(self._size, device_name)
        if not device.has_memory(device_name):
            return Placed((self.identity, device_name), partial(self._load, device_name), label, size)
        plain = replace(self, patches=())
        host = Placed(
            (plain.identity, "host", device_name), partial(plain.read, device_name, "cpu"), label, size
        )

        def streaming(nbytes: int) -> "Placed[UNetDenoiser]":
            load = partial(self._stream, device_name, nbytes)
            return Placed((self.identity, device_name, nbytes), load, label, lambda: nbytes, host)

        return Placed(
            (self.identity, device_name), partial(self._load, device_name), label, size, host, streaming
        )

    def _size(self, device_name: str) -> int:
        component = recognition.denoiser(self.path).components["denoiser"]
        return component.parameters * device.itemsize(device_name, "denoiser")

    def read(self, device_name: str, target: str) -> "UNetDenoiser":
        """The plain denoiser out of its file, with what `device_name` computes with."""
        import torch

        from nodes.diffusion.loading import load_denoiser

        self.unchanged()
        precision = device.precision(device_name, "denoiser")
        rounding = getattr(torch, self.rounding) if self.rounding else None
        checkpoint = recognition.denoiser(self.path)
        return load_denoiser(checkpoint, device.choose(target), precision, rounding)

    def _load(self, device_name: str, host: "UNetDenoiser | None" = None) -> "UNetDenoiser":
        """On the device, from its file or from the host's memory."""
        from nodes.diffusion.streaming import copied

        def load() -> "UNetDenoiser":
            if host is None:
                return self.read(device_name, device_name)
            return replace(host, unet=copied(host.unet, device.choose(device_name)))

        return self._patched(shared((replace(self, patches=()).identity, device_name), load))

    def _stream(self, device_name: str, nbytes: int, host: "UNetDenoiser") -> "UNetDenoiser":
        """With no more than so many bytes on the device at a time."""
        from nodes.diffusion.streaming import streamed

        whole = self._patched(host)
        return replace(whole, unet=streamed(whole.unet, device.choose(device_name), nbytes), base=None)

    def _patched(self, base: "UNetDenoiser") -> "UNetDenoiser":
        from nodes.diffusion.lora import patched_denoiser

        if not self.patches:
            return base
        self.unchanged()
        return patched_denoiser(base, recognition.denoiser(self.path), self.numerics(str(base.device)))

    def network(self, device_name: str) -> "nn.Module":
        """The UNet itself, for another one to be merged with."""
        return self._load(device_name).unet


Sigmas = Annotated[Tensor, Socket("SIGMAS", size=measure, codec=EXACT, color="#cdffcd")]


@kept
@dataclass(frozen=True)
class LatentOperation:
    """Something that can be done to latents, by its name, and with which numbers."""

    __socket__: ClassVar = Socket("LATENT_OPERATION", codec=EXACT, color="#d8b4fe")

    name: Literal["sharpen", "tonemap"]
    values: tuple[float, ...]


@kept
@dataclass(frozen=True)
class Noise:
    """What a run starts from: the noise of a seed, or none (`adds` is False)."""

    __socket__: ClassVar = Socket("NOISE", codec=EXACT, color="#b0b0b0")

    seed: int = 0
    adds: bool = True


@kept
@dataclass(frozen=True)
class Sampler:
    """A method that removes noise, by its name, with keywords of its own."""

    __socket__: ClassVar = Socket("SAMPLER", codec=EXACT, color="#ecb4b4")

    name: str
    options: tuple[tuple[str, float | str], ...] = ()


@kept
@dataclass(frozen=True, eq=False)
class Guider:
    """A model, what leads it, and how: two lists for `cfg`, three for the others."""

    __socket__: ClassVar = Socket("GUIDER", size=measure, codec=RECIPE, color="#66ffff")

    model: Model
    positive: Conditioning
    negative: Conditioning = ()
    cfg: float = 1.0
    kind: Literal["cfg", "regular", "nested", "perpendicular"] = "cfg"
    third: Conditioning = ()
    scale: float = 1.0

    def unchanged(self) -> None:
        self.model.unchanged()

    def guide(self) -> "guides.Guide":
        """As the numerics take it, with what changes of the model add."""
        from nodes.diffusion import guides

        extras = changed_guidance(guides.Extras(), self.model.sampling, self.model.changes)
        leads = (self.positive, self.negative, self.cfg, extras)
        if self.kind == "cfg":
            return guides.Guide(*leads)
        if self.kind == "perpendicular":
            return guides.PerpendicularGuide(*leads, empty=self.third, neg_scale=self.scale)
        return guides.DualGuide(*leads, middle=self.third, cfg_middle=self.scale, style=self.kind)


@kept
@dataclass(frozen=True)
class Clip(Patched):
    """A text encoder; `stop_at_layer` counts from its end (-1), None leaves it to the model.

    `device` is where it is to be, whatever device the rest is on; None leaves that to the run.
    """

    __socket__: ClassVar = Socket("CLIP", codec=RECIPE, color="#ffd500")

    stop_at_layer: int | None = None
    device: str | None = None

    @property
    def identity(self) -> Hashable:
        return "text encoder", self.weights, tuple(patch.identity for patch in self.patches)

    def on(self, device_name: str) -> "Placed[TextEncoder]":
        device_name = self.device or device_name
        label = f"{self.path.name} (text encoder{f', {len(self.patches)} LoRA' if self.patches else ''})"
        return Placed((self.identity, device_name), partial(self._load, device_name), label, self._size)

    def _size(self) -> int:
        return recognition.text_encoder(self.path).components["text_encoder"].parameters * 4

    def _load(self, device_name: str) -> "TextEncoder":
        from nodes.diffusion.loading import load_text_encoder
        from nodes.diffusion.lora import patched_text_encoder

        self.unchanged()
        checkpoint = recognition.text_encoder(self.path)
        target = device.choose(device_name)
        plain = replace(self, patches=()).identity, device_name
        base = shared(plain, lambda: load_text_encoder(checkpoint, target))
        if not self.patches:
            return base
        return patched_text_encoder(base, checkpoint, self.numerics(device_name))

    def network(self, device_name: str) -> "nn.Module":
        """The network itself, for another one to be merged with."""
        return self._load(device_name).network


@kept
@dataclass(frozen=True)
class Vae(Recipe):
    """An autoencoder, of a file of its own or of a checkpoint."""

    __socket__: ClassVar = Socket("VAE", codec=RECIPE, color="#ff6e6e")

    @property
    def identity(self) -> Hashable:
        return "autoencoder", self.weights

    def on(self, device_name: str) -> "Placed[Autoencoder]":
        label = f"{self.path.name} (autoencoder)"
        return Placed((self.identity, device_name), partial(self._load, device_name), label)

    def _load(self, device_name: str) -> "Autoencoder":
        from nodes.diffusion.loading import load_vae

        self.unchanged()
        precision = device.precision(device_name, "autoencoder")
        return load_vae(self.path, device.choose(device_name), precision)


@kept
@dataclass(frozen=True)
class UpscaleModel(Recipe):
    """A network that enlarges pictures."""

    __socket__: ClassVar = Socket("UPSCALE_MODEL", codec=RECIPE, color="#6ee7b7")

    @property
    def identity(self) -> Hashable:
        return "upscaler", self.weights

    def on(self, device_name: str) -> "Placed[Upscaler]":
        return Placed((self.identity, device_name), partial(self._load, device_name), self.path.name)

    def _load(self, device_name: str) -> "Upscaler":
        from nodes.diffusion.upscalers import load_upscaler

        self.unchanged()
        return load_upscaler(self.path, device.choose(device_name))


# What steers a denoiser from beside it: `family` is the one that the weights were made for.


@kept
@dataclass(frozen=True)
class ControlNet(Recipe):
    __socket__: ClassVar = Socket("CONTROL_NET", codec=RECIPE, color="#80cbc4")

    family: str

    @property
    def identity(self) -> Hashable:
        return "control net", self.weights

    def on(self, device_name: str) -> "Placed[ControlNetwork]":
        return Placed((self.identity, device_name), partial(self._load, device_name), self.path.name)

    def _load(self, device_name: str) -> "ControlNetwork":
        from nodes.diffusion.controls import load_control_net

        self.unchanged()
        precision = device.precision(device_name, "denoiser")
        return load_control_net(self.path, device.choose(device_name), precision)


@kept
@dataclass(frozen=True)
class StyleModel(Recipe):
    __socket__: ClassVar = Socket("STYLE_MODEL", codec=RECIPE, color="#c2ffae")

    family: str


@kept
@dataclass(frozen=True)
class Gligen(Recipe):
    __socket__: ClassVar = Socket("GLIGEN", codec=RECIPE, color="#b0bec5")

    family: str


@kept
@dataclass(frozen=True)
class ClipVision(Recipe):
    """An encoder for pictures, of a checkpoint that brings one along."""

    __socket__: ClassVar = Socket("CLIP_VISION", codec=RECIPE, color="#a8dadc")
