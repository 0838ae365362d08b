"""A large picture through a network in overlapping tiles, for when memory does not hold it whole.

Every tile fades out towards its edges, and what overlaps is averaged with these
weights. Three passes with tiles of different proportions hide the seams of each
other.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Transform = Callable[[Tensor], Tensor]
"""[B,C,h,w] to [B,C',h s,w s]."""


def tiled_thrice(
    transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float
) -> Tensor:
    """The mean of three passes: with tall, wide and ordinary tiles. `tile` is height and width."""
    height, width = tile
    shapes = ((height * 2, width // 2), (height // 2, width * 2), (height, width))
    first, *others = (tiled(transform, x, shape, overlap, scale) for shape in shapes)
    for other in others:
        first = first + other
    return first / len(shapes)


def tiled(transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Tensor:
    """One pass over x [B,C,H,W] with tiles of at most `tile`; lengths are in cells of x.

    `scale` is the transform's: output cells per cell of x, along each axis.
    """
    if x.shape[2] <= tile[0] and x.shape[3] <= tile[1]:
        return torch.cat([transform(one) for one in torch.split(x, 1)])
    return torch.cat([_tiled(transform, one, tile, overlap, scale) for one in torch.split(x, 1)])


def _tiled(transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Tensor:
    fade = round(overlap * scale)
    parts: list[tuple[Tensor, int, int]] = []
    for rows in stretches(x.shape[2], tile[0], overlap):
        for columns in stretches(x.shape[3], tile[1], overlap):
            part = transform(x[:, :, rows, columns])
            parts.append((part, round(rows.start * scale), round(columns.start * scale)))
    size = [round(length * scale) for length in x.shape[2:]]
    total = parts[0][0].new_zeros(*parts[0][0].shape[:2], *size)
    weight = total.new_zeros(size)
    for part, top, left in parts:
        height, width = part.shape[2:]
        share = torch.outer(ramp(height, fade), ramp(width, fade)).to(part)
        total[:, :, top : top + height, left : left + width] += part * share
        weight[top : top + height, left : left + width] += share
    return total / weight


def stretches(length: int, tile: int, overlap: int) -> Iterator[slice]:
    """Where tiles lie along an axis; the last may be shorter."""
    for start in range(0, max(length - overlap, 1), max(tile - overlap, 1)):
        yield slice(start, min(start + tile, length))


def ramp(length: int, fade: int) -> Tensor:
    """The weight of a tile along one axis: rising over `fade` cells and falling as it rose."""
    weights = torch.ones(length)
    if fade < length:
        rise = torch.arange(1, fade + 1) / max(fade, 1)
        weights[:fade] *= rise
        weights[length - fade :] *= rise.flip(0)
    return weights
