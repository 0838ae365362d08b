"""Edges by the method of Canny (IEEE PAMI 8, 1986)."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

#: Steps to the neighbours in eighths of a turn, from the right downwards: (rows, columns).
NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
GRAY = (0.299, 0.587, 0.114)


def canny(pixels: Tensor, low: float, high: float) -> Tensor:
    """[B,H,W] of 0 and 1 from [B,H,W,C]: ridges of the gradient above `high`, and those above `low` at them.

    Gradients are those of Sobel on a gray picture smoothed by a Gaussian of deviation 1: a step from black
    to white has about 3.
    """
    rgb = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1].expand(-1, -1, -1, 3)
    gray = (rgb * rgb.new_tensor(GRAY)).sum(-1)[:, None]
    line = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / 2).to(gray)
    smooth = _filtered(gray, torch.outer(line, line) / line.sum() ** 2)
    sobel = gray.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    dx, dy = _filtered(smooth, sobel), _filtered(smooth, sobel.T)
    strength = torch.hypot(dx, dy)
    ridge = strength * _is_ridge(strength, torch.atan2(dy, dx))
    strong, weak = (ridge > high).float(), (ridge > low).float()
    while True:  # every pass takes in what touches an edge; there are fewer passes than pixels
        grown = torch.maximum(strong, weak * max_pool2d(strong, 3, stride=1, padding=1))
        if torch.equal(grown, strong):
            return strong[:, 0]
        strong = grown


def _is_ridge(strength: Tensor, angle: Tensor) -> Tensor:
    """Where the gradient is stronger than on both sides, along its direction to the nearest eighth."""
    padded = pad(strength, (1,) * 4)
    height, width = strength.shape[-2:]
    around = torch.stack(
        [padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in NEIGHBOURS]
    )
    eighth = (angle / (torch.pi / 4)).round().long() % 8
    ahead = around.gather(0, eighth[None])[0]
    behind = around.gather(0, ((eighth + 4) % 8)[None])[0]
    return (strength > ahead) & (strength >= behind)


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    radius = kernel.shape[-1] // 2
    return conv2d(pad(x, (radius,) * 4, "replicate"), kernel[None, None])
