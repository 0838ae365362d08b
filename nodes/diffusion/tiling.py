"""A large picture through a network in overlapping tiles, for when memory does not hold it whole.

Every tile fades out towards its edges, and what overlaps is averaged with these
weights. Three passes with tiles of different proportions hide the seams of each
other.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from nodes.diffusion.asks import Ask, Steps, plainly, run
from nodes.diffusion.memory import is_full

Transform = Callable[[Tensor], Tensor]
"""[B,C,h,w] to [B,C',h s,w s]. Results are joined on the CPU, where there is room."""

AskOf = Callable[[Tensor], Ask]
"""Asks for what such a transform makes of [1,C,h,w]."""


def tiled_thrice(
    transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float
) -> Tensor:
    """`tiling_thrice`, by itself."""
    return run(tiling_thrice(plainly(transform), x, tile, overlap, scale))


def tiled(transform: Transform, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Tensor:
    """`tiling`, by itself."""
    return run(tiling(plainly(transform), x, tile, overlap, scale))


def whole_or_tiled(ask: AskOf, x: Tensor, sides: Sequence[int], overlap: int, scale: float) -> Steps[Tensor]:
    """All of x [1,C,H,W] at once; in tiles when memory does not hold that, of each side in turn.

    Raises:
        MemoryError: it holds not even the smallest tiles.
    """
    answer: Tensor
    try:
        [answer] = yield [ask(x)]
    except Exception as error:
        if not is_full(error):
            raise
    else:
        return answer
    for side in sides:  # outside of the handlers, whose errors hold on to what did not fit
        try:
            return (yield from tiling_thrice(ask, x, (side, side), min(overlap, side // 4), scale))
        except Exception as error:
            if not is_full(error):
                raise
    raise MemoryError("not enough memory on the device, even in tiles; make the picture smaller")


def tiling_thrice(ask: AskOf, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Steps[Tensor]:
    """The mean of three passes: with tall, wide and ordinary tiles. `tile` is height and width."""
    height, width = tile
    shapes = ((height * 2, width // 2), (height // 2, width * 2), (height, width))
    total: Tensor | None = None
    for shape in shapes:
        one = yield from tiling(ask, x, shape, overlap, scale)
        total = one if total is None else total + one
    assert total is not None  # there are three shapes
    return total / len(shapes)


def tiling(ask: AskOf, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Steps[Tensor]:
    """One pass over x [B,C,H,W] with tiles of at most `tile`, one after the other; lengths are in cells of x.

    `scale` is that of what is asked: output cells per cell of x, along each axis. No
    more than half of a tile overlaps.
    """
    whole = x.shape[2] <= tile[0] and x.shape[3] <= tile[1]
    pictures: list[Tensor] = []
    for one in torch.split(x, 1):
        if whole:
            pictures += yield [ask(one)]
        else:
            pictures.append((yield from _tiled(ask, one, tile, overlap, scale)))
    return torch.cat(pictures)


def _tiled(ask: AskOf, x: Tensor, tile: tuple[int, int], overlap: int, scale: float) -> Steps[Tensor]:
    overlaps = [min(overlap, length // 2) for length in tile]
    fades = [round(length * scale) for length in overlaps]
    size = [round(length * scale) for length in x.shape[2:]]
    total, weight = torch.zeros(0), torch.zeros(size)
    for rows in stretches(x.shape[2], tile[0], overlaps[0]):
        for columns in stretches(x.shape[3], tile[1], overlaps[1]):
            [answer] = yield [ask(x[:, :, rows, columns])]
            part = answer.cpu()
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
