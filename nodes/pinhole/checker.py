"""Reads what a generated picture shows: shapes, colours, positions. No torch; a few milliseconds a picture.

The background is what the picture's edge shows, an object is what differs from it, its colour the nearest of
the palette in CIELAB, and its shape the template it overlaps best.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from nodes.pinhole.drawing import COLORS, SHAPES, draw_shape
from nodes.pinhole.pictures import POSITIONS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BORDER = 4  # pixels of the edge that count as background
_VISIBLE = 14.0  # the CIELAB distance from which something counts as different
_CENTRAL = 0.075  # how far from the middle, in sides, an object is still central


@dataclass(frozen=True)
class Thing:
    """An object; None where nothing was found."""

    shape: str | None
    color: str | None


@dataclass(frozen=True)
class Single:
    """A picture of one object; `gradient_to` is the lower colour of a vertical gradient, or empty."""

    shape: str | None
    color: str | None
    background: str
    position: str | None
    gradient_to: str = ""


@dataclass(frozen=True)
class Pair:
    """Two objects; `relation` is "above" or "to the left of", `first` the upper or left one."""

    first: Thing
    second: Thing
    relation: str
    background: str


def lab(rgb: ArrayLike) -> Array:
    """sRGB (0 to 255) in CIELAB, where distances are about what people see."""
    c = np.asarray(rgb, np.float64) / 255
    linear = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    x = linear @ to_xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def nearest_color(rgb: ArrayLike) -> str:
    """The name in the palette that looks most like a colour."""
    distances = np.square(lab(list(COLORS.values())) - lab(rgb)).sum(-1)
    return list(COLORS)[int(distances.argmin())]


def _median(pixels: Array) -> Array:
    return np.asarray(np.median(pixels.reshape(-1, 3), axis=0), np.float64)


@dataclass(frozen=True)
class _Seen:
    """A picture taken apart: its pixels, how far each is from the background, and which are an object's."""

    pixels: Array
    distance: Array
    mask: Mask
    background: str
    gradient_to: str

    @classmethod
    def of(cls, image: Image.Image) -> "_Seen":
        pixels = np.asarray(image.convert("RGB"), np.float64)
        b = _BORDER
        top, bottom = _median(pixels[:b]), _median(pixels[-b:])
        if nearest_color(top) != nearest_color(bottom) and np.linalg.norm(lab(top) - lab(bottom)) > 30:
            down = np.linspace(0, 1, len(pixels))[:, None, None]
            behind, to = top + (bottom - top) * down, nearest_color(bottom)
        else:
            edges = (pixels[:b], pixels[-b:], pixels[:, :b], pixels[:, -b:])
            top, to = _median(np.concatenate([edge.reshape(-1, 3) for edge in edges])), ""
            behind = top[None, None]
        distance = np.sqrt(np.square(lab(pixels) - lab(behind)).sum(-1))
        mask = distance > max(_VISIBLE, 0.5 * float(np.percentile(distance, 99.3)))
        return cls(pixels, distance, mask, nearest_color(top), to)

    def crop(self, rows: slice, columns: slice) -> "_Seen":
        """One part, with its own idea of what stands out: a pale object beside a vivid one is seen too."""
        distance = self.distance[rows, columns]
        mask = distance > max(_VISIBLE, 0.5 * float(np.percentile(distance, 99.3)))
        return _Seen(self.pixels[rows, columns], distance, mask, self.background, self.gradient_to)

    def thing(self) -> Thing:
        outline = _normalized(self.mask)
        if outline is None:
            return Thing(None, None)
        core = self.distance > 0.75 * float(np.percentile(self.distance[self.mask], 90))
        overlaps = {shape: _overlap(outline, template) for shape, template in _templates().items()}
        return Thing(max(overlaps, key=overlaps.__getitem__), nearest_color(_median(self.pixels[core])))

    def center(self) -> tuple[float, float]:
        """The middle of the object's extent, in sides from the picture's; a few stray pixels do not count."""
        ys, xs = np.nonzero(self.mask)
        height, width = self.mask.shape
        middle_x, middle_y = (float(np.percentile(c, (2, 98)).mean()) for c in (xs, ys))
        return middle_x / width - 0.5, middle_y / height - 0.5


def _normalized(mask: Mask) -> Mask | None:
    """An outline in a square of 32 x 32, whatever its size and place; None if there is next to nothing."""
    ys, xs = np.nonzero(mask)
    if len(ys) < 40:
        return None
    y, x, height, width = ys.min(), xs.min(), np.ptp(ys) + 1, np.ptp(xs) + 1
    side = int(max(height, width))
    square = Image.new("L", (side, side))
    part = Image.fromarray((mask[y : y + height, x : x + width] * 255).astype(np.uint8))
    square.paste(part, (int(side - width) // 2, int(side - height) // 2))
    return np.asarray(square.resize((32, 32), Image.Resampling.BILINEAR)) > 127


@cache
def _templates() -> dict[str, Mask]:
    templates = {}
    for shape in SHAPES:
        canvas = Image.new("L", (256, 256))
        draw_shape(canvas, shape, (128, 128), 90, 255)
        outline = _normalized(np.asarray(canvas) > 127)
        assert outline is not None
        templates[shape] = outline
    return templates


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def _position(x: float, y: float) -> str:
    sign = tuple(0 if abs(c) < _CENTRAL else 1 if c > 0 else -1 for c in (x, y))
    return next(name for name, place in POSITIONS.items() if place == sign)


def read_single(image: Image.Image) -> Single:
    """What a picture of one object shows."""
    seen = _Seen.of(image)
    thing = seen.thing()
    position = None if thing.shape is None else _position(*seen.center())
    return Single(thing.shape, thing.color, seen.background, position, seen.gradient_to)


def read_pair(image: Image.Image) -> Pair:
    """What a picture of two objects shows; how the foreground lies tells how they stand to each other."""
    seen = _Seen.of(image)
    ys, xs = np.nonzero(seen.distance > _VISIBLE)  # whatever is visible: one may be much paler
    height, width = seen.mask.shape
    beside = len(ys) > 0 and np.std(xs) / width >= np.std(ys) / height
    everything, x, y = slice(None), width // 2, height // 2
    if beside:
        parts = (everything, slice(None, x)), (everything, slice(x, None))
    else:
        parts = (slice(None, y), everything), (slice(y, None), everything)
    first, second = (seen.crop(*part).thing() for part in parts)
    return Pair(first, second, "to the left of" if beside else "above", seen.background)
