"""Changes of a UNet as it is called.

Hooks are put on the network before each of its calls and taken off behind it, on the one thread that calls
it: others who share the network meet it as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nodes.diffusion.changes import Change
from nodes.diffusion.guides import Perturbation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from nodes.diffusion.denoisers import Denoiser, Handle, UNetDenoiser
    from nodes.diffusion.guides import Extras
    from nodes.diffusion.model_sampling import ModelSampling


def altered(denoiser: UNetDenoiser, alter: Callable[[Any], Iterator[Handle]]) -> UNetDenoiser:
    """The denoiser with a network that `alter` puts hooks on."""
    return replace(denoiser, alterations=(*denoiser.alterations, alter))


@dataclass(frozen=True)
class FreeU(Change):
    """Stronger backbone features, weaker low frequencies of skips (arXiv 2309.11497), at two widths.

    The second version scales the backbone where its mean is high.
    """

    version: Literal[1, 2]
    b1: float
    b2: float
    s1: float
    s2: float

    def network(self, denoiser: UNetDenoiser) -> UNetDenoiser:
        return altered(denoiser, self._alter)

    def _alter(self, unet: Any) -> Iterator[Handle]:
        width = unet.conv_in.out_channels
        scales = {4 * width: (self.b1, self.s1), 2 * width: (self.b2, self.s2)}
        channels = unet.mid_block.resnets[-1].out_channels
        for block in unet.up_blocks:
            for resnet in block.resnets:
                if channels in scales:
                    yield resnet.register_forward_pre_hook(self._hook(channels, *scales[channels]))
                channels = resnet.out_channels

    def _hook(self, channels: int, b: float, s: float) -> Callable[[nn.Module, tuple[Tensor, ...]], Any]:
        import torch

        def scaled(_resnet: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            x, *rest = given
            backbone, skip = x[:, :channels], x[:, channels:]
            half = channels // 2
            strong = backbone[:, :half] * self._gain(backbone, b)
            joined = torch.cat([strong, backbone[:, half:], filtered(skip, s)], dim=1)
            return (joined, *rest)

        return scaled

    def _gain(self, backbone: Tensor, b: float) -> float | Tensor:
        if self.version == 1:
            return b
        mean = backbone.mean(1, keepdim=True)
        low, high = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
        return (mean - low) / (high - low) * (b - 1) + 1


def filtered(x: Tensor, scale: float, threshold: int = 1) -> Tensor:
    """[B,C,H,W] with its lowest frequencies scaled."""
    import torch

    frequencies = torch.fft.fftshift(torch.fft.fftn(x.float(), dim=(-2, -1)), dim=(-2, -1))
    row, column = x.shape[-2] // 2, x.shape[-1] // 2
    mask = torch.ones(x.shape[-2:], device=x.device)
    mask[max(row - threshold, 0) : row + threshold, max(column - threshold, 0) : column + threshold] = scale
    back = torch.fft.ifftn(torch.fft.ifftshift(frequencies * mask, dim=(-2, -1)), dim=(-2, -1))
    result: Tensor = back.real.to(x.dtype)
    return result


@dataclass(frozen=True)
class PerturbedAttention(Change):
    """Guidance away from a network whose innermost self-attention sees only itself (arXiv 2403.17377)."""

    scale: float = 3.0

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        perturbation = Perturbation(self._perturbed, self.scale)
        return replace(extras, perturbations=(*extras.perturbations, perturbation))

    def _perturbed(self, denoiser: Denoiser) -> Denoiser:
        unet_denoiser: UNetDenoiser = denoiser  # type: ignore[assignment]  # the only kind there is
        changed = altered(unet_denoiser, _without_middle_attention)
        return replace(changed, identity=(denoiser.identity, "middle attention left out"))


def _without_middle_attention(unet: Any) -> Iterator[Handle]:
    for attention in unet.mid_block.attentions:
        for block in attention.transformer_blocks:
            yield _Replaced(block.attn1, block.attn1.processor)
            block.attn1.set_processor(_ValuesOnly())


@dataclass(frozen=True)
class _Replaced:
    """How attention is computed usually."""

    attention: Any
    processor: Any

    def remove(self) -> None:
        self.attention.set_processor(self.processor)


class _ValuesOnly:
    """Attention whose map is the identity: each place takes its own value."""

    def __call__(self, attention: Any, hidden_states: Tensor, *_args: object, **_kwargs: object) -> Tensor:
        result: Tensor = hidden_states
        for layer in (attention.to_v, *attention.to_out):
            result = layer(result)
        return result


@dataclass(frozen=True)
class ScaledAttention(Change):
    """Queries, keys, values and outputs of all self- or cross-attention, times numbers."""

    which: Literal["attn1", "attn2"]
    q: float = 1.0
    k: float = 1.0
    v: float = 1.0
    out: float = 1.0

    def network(self, denoiser: UNetDenoiser) -> UNetDenoiser:
        return altered(denoiser, self._alter)

    def _alter(self, unet: Any) -> Iterator[Handle]:
        for block in _transformer_blocks(unet):
            attention = getattr(block, self.which)
            layers = (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0])
            for layer, factor in zip(layers, (self.q, self.k, self.v, self.out), strict=True):
                if factor != 1:
                    yield layer.register_forward_hook(_times(factor))


def _times(factor: float) -> Callable[[Any, Any, Tensor], Tensor]:
    return lambda _layer, _given, output: output * factor


def _transformer_blocks(unet: Any) -> Iterator[Any]:
    for module in unet.modules():
        if hasattr(module, "attn1") and hasattr(module, "attn2") and module.attn2 is not None:
            yield module
