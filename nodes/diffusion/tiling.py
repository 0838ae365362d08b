"""A large picture through a network in overlapping tiles, for when memory does not hold it whole.

Every tile fades out towards its edges, and what overlaps is averaged with these
weights. Three passes with tiles of different proportions hide the seams of each
other.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

Transform = Callable[[Tensor], Tensor]
"""[B,C,h,w] to [B,C',h s,w s]. Results are joined on the CPU, where there is room."""


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

    `scale` is the transform's: output cells per cell of x, along each axis. No
    more than half of a tile overlaps.
    """
    whole = x.shape[2] <= tile[0] and x.shape[3] <= tile[1]
    each = transform if whole else partial(_tiled, transform, tile=tile, overlap=overlap, scale=scale)
    return torch.cat([each(one) for one in torch.split(x, 1)])


def _tiled(transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Tensor:
    overlaps = [min(overlap, length // 2) for length in tile]
    fades = [round(length * scale) for length in overlaps]
    size = [round(length * scale) for length in x.shape[2:]]
    total, weight = torch.zeros(0), torch.zeros(size)
    for rows in stretches(x.shape[2], tile[0], overlaps[0]):
        for columns in stretches(x.shape[3], tile[1], overlaps[1]):
            part = transform(x[:, :, rows, columns]).cpu()
            if not total.numel():
                total = part.new_zeros(*part.shape[:2], *size)
            top, left = round(rows.start * scale), round(columns.start * scale)
            height, width = part.shape[2:]
            share = torch.outer(ramp(height, fades[0]), ramp(width, fades[1]))
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
