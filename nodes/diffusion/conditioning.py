"""Conditionings: what a picture is led by, where in it, and when.

The value that travels is a tuple of `Cond`; combining two conditionings joins the tuples.
Nothing here edits a value: nodes change one with `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Area:
    """A box of the latent, in its own cells (pixels / 8)."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class RelativeArea:
    """A box in fractions of the latent's height and width."""

    y: float
    x: float
    height: float
    width: float


@dataclass(frozen=True, eq=False)
class Control:
    """A network that steers by a picture [n,H,W,C], during a part of the timesteps.

    `net` is a recipe, or what was loaded for it.  `for_all`: it steers what leads away too.
    """

    net: Any
    hint: Tensor
    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    for_all: bool = False


@dataclass(frozen=True, eq=False)
class Cond:
    """One encoded text, and its place in the picture and in time.

    `tokens` [B,L,D] and `pooled` [B,P] come from a text encoder; `mask` [B,H,W] is 0..1 in pixels.
    `start_percent..end_percent` is the part of the model's timesteps in which it has a say.
    `guidance` is told to networks that were distilled to be led by it, `references` (latents [B,C,h,w]) are
    shown to those that edit pictures, `concat` [n,C,h,w] (a latent) and `concat_mask` [n,1,H,W] to those
    with channels for them (inpainting); other networks take no notice.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    strength: float = 1.0
    area: Area | RelativeArea | None = None
    mask: Tensor | None = None
    mask_strength: float = 1.0
    set_area_to_bounds: bool = False
    start_percent: float = 0.0
    end_percent: float = 1.0
    guidance: float | None = None
    references: tuple[Tensor, ...] = ()
    references_method: str | None = None
    controls: tuple[Control, ...] = ()
    concat: Tensor | None = None
    concat_mask: Tensor | None = None


Conditioning = tuple[Cond, ...]


def average(to: Conditioning, other: Conditioning, strength: float) -> Conditioning:
    """`strength` parts of each of `to`, the rest of the first of `other`, cut or padded to its length."""
    if not other:
        return to
    source = other[0]

    def mixed(cond: Cond) -> Cond:
        pooled = cond.pooled
        if source.pooled is not None:
            base = source.pooled if pooled is None else pooled
            pooled = base * strength + source.pooled * (1 - strength)
        tokens = cond.tokens * strength + _resized(source.tokens, cond.tokens.shape[1]) * (1 - strength)
        return replace(cond, tokens=tokens, pooled=pooled)

    return tuple(map(mixed, to))


def concat(to: Conditioning, other: Conditioning) -> Conditioning:
    """Each of `to` with the tokens of the first of `other` behind its own; everything else is `to`'s."""
    import torch

    if not other:
        return to
    return tuple(replace(cond, tokens=torch.cat([cond.tokens, other[0].tokens], dim=1)) for cond in to)


def zero_out(conditioning: Conditioning) -> Conditioning:
    """The same conditioning saying nothing: tokens and pooled are zero."""
    return tuple(
        replace(cond, tokens=_zeros(cond.tokens), pooled=None if cond.pooled is None else _zeros(cond.pooled))
        for cond in conditioning
    )


def _zeros(tensor: Tensor) -> Tensor:
    return tensor.new_zeros(tensor.shape)


def _resized(tokens: Tensor, length: int) -> Tensor:
    import torch

    missing = length - tokens.shape[1]
    if missing <= 0:
        return tokens[:, :length]
    return torch.cat([tokens, tokens.new_zeros(tokens.shape[0], missing, tokens.shape[2])], dim=1)
