"""Masks: [B,H,W] of 0..1, 1 being where a picture may change or a conditioning counts."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from nodes.diffusion.latents import overlap

OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": lambda a, b: a * b,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "and": lambda a, b: (a.round().bool() & b.round().bool()).to(a),
    "or": lambda a, b: (a.round().bool() | b.round().bool()).to(a),
    "xor": lambda a, b: (a.round().bool() ^ b.round().bool()).to(a),
}


def combine(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """`source` [b,h,w] worked into `destination` [B,H,W] with its corner at (x, y), cut at the border."""
    rows, from_rows = overlap(y, source.shape[-2], destination.shape[-2])
    columns, from_columns = overlap(x, source.shape[-1], destination.shape[-1])
    result = destination.clone()
    part = OPERATIONS[operation](result[:, rows, columns], source[:, from_rows, from_columns].to(result))
    result[:, rows, columns] = part
    return result.clamp(0, 1)


def feather(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Weights rising from each side of [B,H,W] over so many pixels.

    From the right and the bottom the count begins one pixel late, at the opposite edge: right 3 on a
    width of 6 gives 1/3, 1, 1, 1, 1, 2/3.  Saved workflows have it so.
    """
    height, width = mask.shape[-2:]
    rows, columns = torch.ones(height), torch.ones(width)
    for weights, near, far in ((rows, top, bottom), (columns, left, right)):
        near, far = min(near, len(weights)), min(far, len(weights))  # noqa: PLW2901
        for k in range(near):
            weights[k] *= (k + 1) / near
        for k in range(far):
            weights[-k] *= (k + 1) / far
    return mask * (rows[:, None] * columns).to(mask)


def grow(mask: Tensor, pixels: int, *, tapered_corners: bool = True) -> Tensor:
    """[B,H,W] dilated that often (eroded, if negative) by a 3x3 square, or a cross for tapered corners."""
    sign = 1 if pixels >= 0 else -1
    grown = mask * sign
    for _ in range(abs(pixels)):
        if tapered_corners:
            grown = torch.maximum(
                max_pool2d(grown, (1, 3), stride=1, padding=(0, 1)),
                max_pool2d(grown, (3, 1), stride=1, padding=(1, 0)),
            )
        else:
            grown = max_pool2d(grown, 3, stride=1, padding=1)
    return grown * sign


def inpaint_pixels(pixels: Tensor, mask: Tensor) -> Tensor:
    """Pictures [B,H,W,C] with a gray hole where `mask` [b,h,w] says, sides cut to multiples of 8."""
    rows, columns = (multiple_of_eight(side) for side in pixels.shape[1:3])
    kept = 1 - _hole(mask, *pixels.shape[1:3]).movedim(1, -1)
    return ((pixels - 0.5) * kept + 0.5)[:, rows, columns]


def inpaint_mask(mask: Tensor, height: int, width: int, grow_by: int) -> Tensor:
    """The noise mask [b,1,H',W'] of that hole in pictures of this size, grown so that its edge can blend.

    A square of side `grow_by`, which reaches one further up and left than down and right if it is even.
    """
    rows, columns = multiple_of_eight(height), multiple_of_eight(width)
    hole = _hole(mask, height, width)[:, :, rows, columns]
    if grow_by == 0:
        return hole
    grown = max_pool2d(hole, grow_by, stride=1, padding=grow_by // 2)
    return grown[:, :, : hole.shape[2], : hole.shape[3]]


def multiple_of_eight(size: int) -> slice:
    """The middle of a side that a VAE can encode."""
    start = size % 8 // 2
    return slice(start, start + size // 8 * 8)


def _hole(mask: Tensor, height: int, width: int) -> Tensor:
    """[b,1,height,width] of 0 and 1."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    return interpolate(mask, size=(height, width), mode="bilinear").round()


def of_colour(pixels: Tensor, colour: int) -> Tensor:
    """[B,H,W]: 1 where a picture [B,H,W,C] has exactly this colour (0xRRGGBB), in 255 steps."""
    steps = (pixels[..., :3].clamp(0, 1) * 255).round().to(torch.int)
    wanted = steps.new_tensor([colour >> 16 & 255, colour >> 8 & 255, colour & 255])
    return (steps == wanted).all(-1).to(pixels)
