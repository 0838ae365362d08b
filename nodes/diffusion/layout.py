"""Pictures cut, turned, put beside one another and set into frames: [B,H,W,C]."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from nodes.diffusion.latents import resize

#: (width, height) of about a megapixel that Flux Kontext was trained on.
KONTEXT_SIZES = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688),
    (1568, 672),
)  # fmt: skip


def resized(pixels: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """[B,H,W,C] to [B,height,width,C]."""
    return resize(pixels.movedim(-1, 1), width, height, method, crop).movedim(1, -1).contiguous()


def nearest_kontext_size(width: int, height: int) -> tuple[int, int]:
    """The size of those whose proportions are nearest."""
    return min(KONTEXT_SIZES, key=lambda size: abs(width / height - size[0] / size[1]))


def sized_for(width: int, height: int, pixels: float, multiple: int = 1) -> tuple[int, int]:
    """A size of the same proportions with about so many pixels, its sides multiples of `multiple`."""
    scale = math.sqrt(pixels / (width * height))
    return tuple(max(multiple, round(side * scale / multiple) * multiple) for side in (width, height))  # type: ignore[return-value]


def repeated(pixels: Tensor, count: int) -> Tensor:
    """The last item repeated up to `count`."""
    missing = count - len(pixels)
    return pixels if missing <= 0 else torch.cat([pixels, pixels[-1:].expand(missing, *pixels.shape[1:])])


def same_channels(images: Sequence[Tensor]) -> list[Tensor]:
    """Pictures without an alpha get one that shows all of them, if others have one; gray ones become RGB."""
    rgb = [each.expand(*each.shape[:-1], 3) if each.shape[-1] == 1 else each for each in images]
    most = max(each.shape[-1] for each in rgb)
    return [pad(each, (0, most - each.shape[-1]), value=1.0) for each in rgb]


def framed(pixels: Tensor, width: int, height: int, value: float) -> Tensor:
    """In the middle of a larger picture of one brightness."""
    left, top = (width - pixels.shape[2]) // 2, (height - pixels.shape[1]) // 2
    sides = (0, 0, left, width - pixels.shape[2] - left, top, height - pixels.shape[1] - top)
    return pad(pixels, sides, value=value)


def outpainted(
    pixels: Tensor, left: int, top: int, right: int, bottom: int, feather: int
) -> tuple[Tensor, Tensor]:
    """Gray around pictures, and [1,H,W]: 1 there, fading out over `feather` pixels into the picture.

    It fades by the square of the distance, from sides that were extended only, and not in pictures that
    are narrower than two such edges.
    """
    _, height, width, _ = pixels.shape
    larger = pad(pixels, (0, 0, left, right, top, bottom), value=0.5)
    inside = torch.zeros(height, width)
    if feather > 0 and feather * 2 < height and feather * 2 < width:
        rows = _distance(height, before=top > 0, after=bottom > 0)
        columns = _distance(width, before=left > 0, after=right > 0)
        distance = torch.minimum(rows[:, None], columns)
        inside = ((feather - distance).clamp(min=0) / feather) ** 2
    return larger, pad(inside, (left, right, top, bottom), value=1.0)[None]


def _distance(size: int, *, before: bool, after: bool) -> Tensor:
    """To the nearest side that was extended: from the first pixel 0, 1, ...; from the last 1, 2, ..."""
    ramp = torch.arange(size, dtype=torch.float32)
    far = torch.full((size,), float(size))
    return torch.minimum(ramp if before else far, size - ramp if after else far)


COLOURS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}


def stitched(first: Tensor, second: Tensor, direction: str, *, match: bool, gap: int, colour: str) -> Tensor:
    """Beside or below one another; `match` makes the second as high (or wide), otherwise black fills up."""
    along = direction in {"left", "right"}
    count = max(len(first), len(second))
    first, second = repeated(first, count), repeated(second, count)
    height, width = first.shape[1:3]
    if match and along:
        second = resized(second, max(1, int(height * second.shape[2] / second.shape[1])), height, "lanczos")
    elif match:
        second = resized(second, width, max(1, int(width * second.shape[1] / second.shape[2])), "lanczos")
    first, second = same_channels([first, second])
    if along:
        tallest = max(first.shape[1], second.shape[1])
        first, second = (framed(each, each.shape[2], tallest, 0.0) for each in (first, second))
    else:
        widest = max(first.shape[2], second.shape[2])
        first, second = (framed(each, widest, each.shape[1], 0.0) for each in (first, second))
    parts = [first, second] if direction in {"right", "down"} else [second, first]
    if gap:
        fill = first.new_tensor([*COLOURS[colour], 1.0][: first.shape[-1]])
        size = (count, first.shape[1], gap) if along else (count, gap, first.shape[2])
        parts.insert(1, fill.expand(*size, -1))
    return torch.cat(parts, dim=2 if along else 1)
