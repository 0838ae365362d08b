"""Compositing two pictures with their alphas (Porter and Duff, 1984), and its later modes."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

Share = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

#: (source alpha, destination alpha) -> how much of each is taken.
SHARES: Final[dict[str, Share]] = {
    "CLEAR": lambda s, d: (torch.zeros_like(s), torch.zeros_like(d)),
    "DST": lambda s, d: (torch.zeros_like(s), torch.ones_like(d)),
    "DST_ATOP": lambda s, d: (1 - d, s),
    "DST_IN": lambda s, d: (torch.zeros_like(d), s),
    "DST_OUT": lambda s, d: (torch.zeros_like(d), 1 - s),
    "DST_OVER": lambda s, d: (1 - d, torch.ones_like(s)),
    "SRC": lambda s, d: (torch.ones_like(s), torch.zeros_like(d)),
    "SRC_ATOP": lambda s, d: (d, 1 - s),
    "SRC_IN": lambda s, d: (d, torch.zeros_like(s)),
    "SRC_OUT": lambda s, d: (1 - d, torch.zeros_like(s)),
    "SRC_OVER": lambda s, _: (torch.ones_like(s), 1 - s),
    "XOR": lambda s, d: (1 - d, 1 - s),
}

#: What two colours make where both are opaque; elsewhere each shows as in SRC_OVER.
MIXES: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "DARKEN": torch.minimum,
    "LIGHTEN": torch.maximum,
    "MULTIPLY": lambda s, d: s * d,
    "OVERLAY": lambda s, d: torch.where(d <= 0.5, 2 * s * d, 1 - 2 * (1 - s) * (1 - d)),
    "SCREEN": lambda s, d: s + d - s * d,
}

#: In the order of the field.
MODES: Final = (
    "ADD", "CLEAR", "DARKEN", "DST", "DST_ATOP", "DST_IN", "DST_OUT", "DST_OVER", "LIGHTEN", "MULTIPLY",
    "OVERLAY", "SCREEN", "SRC", "SRC_ATOP", "SRC_IN", "SRC_OUT", "SRC_OVER", "XOR",
)  # fmt: skip


def composite(
    source: Tensor, source_alpha: Tensor, destination: Tensor, destination_alpha: Tensor, mode: str
) -> tuple[Tensor, Tensor]:
    """Colours [B,H,W,C] and alpha [B,H,W,1] of a composite of pictures of one size; colours as they are."""
    s, d = source_alpha, destination_alpha
    if mode == "ADD":
        alpha = (s + d).clamp(max=1)
        colour = source * s + destination * d
    elif mode in MIXES:
        alpha = s + d - s * d
        colour = source * s * (1 - d) + destination * d * (1 - s) + MIXES[mode](source, destination) * s * d
    else:
        of_source, of_destination = SHARES[mode](s, d)
        alpha = s * of_source + d * of_destination
        colour = source * s * of_source + destination * d * of_destination
    return torch.where(alpha > 0, colour / alpha.clamp(min=1e-6), 0.0).clamp(0, 1), alpha
