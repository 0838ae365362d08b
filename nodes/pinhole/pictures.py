"""What a training picture can show: a single object, a pair, or a landscape.

A scene is a frozen value. It renders itself, and it names the attributes that the text encoder is taught
with. Combinations of shape, colour and background that are `held_out` never enter training, so that a test
can ask for something the model has not seen.
"""

import zlib
from dataclasses import dataclass
from random import Random

from PIL import Image

from nodes.pinhole.drawing import (
    BODIES,
    COLORS,
    SHAPES,
    SKIES,
    LandscapePainter,
    draw_shape,
    gradient,
    jitter,
)

SIZE = 128
_OVERSAMPLING = 2  # drawn larger and box-filtered down: Pillow's shapes have hard edges

POSITIONS: dict[str, tuple[float, float]] = {
    "in the center": (0, 0),
    "on the left": (-1, 0),
    "on the right": (1, 0),
    "at the top": (0, -1),
    "at the bottom": (0, 1),
    "in the top left corner": (-1, -1),
    "in the top right corner": (1, -1),
    "in the bottom left corner": (-1, 1),
    "in the bottom right corner": (1, 1),
}
RELATIONS: dict[str, tuple[int, int]] = {
    "above": (0, -1),
    "below": (0, 1),
    "to the left of": (-1, 0),
    "to the right of": (1, 0),
}
# Half extents as fractions of the shorter side. Below .18 the autoencoder (8 pixels a cell) loses the shape.
SIZES: dict[str, tuple[float, float]] = {"small": (0.18, 0.20), "": (0.24, 0.29), "large": (0.34, 0.40)}
_PAIR_SIZE = (0.20, 0.23)
_MARGIN = 0.03  # what a placed object keeps free at the border

GROUNDS = (
    *("green hills", "snowy mountains", "the blue sea", "a sandy desert"),
    *("a green field", "brown mountains", "a city"),
)
_BODIES_OF: dict[str, tuple[str, ...]] = {
    "night sky": ("yellow moon", "white moon", "stars", "crescent moon", ""),
    "blue sky": ("yellow sun", "white clouds", ""),
    "sunset sky": ("orange sun", "red sun", ""),
    "cloudy sky": ("clouds", ""),
}
_EXTRAS_OF: dict[str, tuple[str, ...]] = {
    "green hills": ("", "", "a house", "a tree"),
    "a green field": ("", "", "a house", "a tree"),
    "the blue sea": ("", "", "a boat"),
}

# What the auxiliary heads of the text encoder name, in this order: see `Scene.labels`.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "background": tuple(COLORS),
    "gradient to": ("", *COLORS),
    "size": tuple(SIZES),
    "position": ("", *POSITIONS),
    "second shape": SHAPES,
    "second color": tuple(COLORS),
    "relation": tuple(RELATIONS),
    "sky": tuple(SKIES),
    "ground": GROUNDS,
    "body": ("", "stars", "clouds", "white clouds", *BODIES),
    "extra": ("", "a house", "a tree", "a boat"),
}


def held_out(shape: str, color: str, background: str) -> bool:
    """Whether a combination (one of ten) is kept for evaluation."""
    return zlib.crc32(f"{shape}/{color}/{background}".encode()) % 10 == 0


@dataclass(frozen=True)
class Backdrop:
    """A plain colour, or a vertical gradient from `color` at the top to `to`."""

    color: str
    to: str = ""

    def render(self, rng: Random, width: int, height: int) -> Image.Image:
        top = jitter(rng, COLORS[self.color])
        if not self.to:
            return Image.new("RGB", (width, height), top)
        return gradient(top, jitter(rng, COLORS[self.to]), width, height)

    def hides(self, color: str) -> bool:
        return color in {self.color, self.to}

    def kept_from_training(self, shape: str, color: str) -> bool:
        return held_out(shape, color, self.color) or bool(self.to and held_out(shape, color, self.to))


@dataclass(frozen=True)
class SingleScene:
    shape: str
    color: str
    backdrop: Backdrop
    size: str = ""
    position: str = ""

    def paint(self, rng: Random, width: int, height: int) -> Image.Image:
        canvas = self.backdrop.render(rng, width, height)
        side = min(width, height)
        r = rng.uniform(*SIZES[self.size]) * (0.88 if self.position and self.size != "small" else 1.0)
        dx, dy = POSITIONS.get(self.position, (0, 0))
        center = []
        for length, d in ((width, dx), (height, dy)):
            reach = max(0.0, min(0.25, 0.5 - _MARGIN - r * side / length))
            center.append((0.5 + d * reach + rng.uniform(-0.02, 0.02)) * length)
        draw_shape(canvas, self.shape, (center[0], center[1]), r * side, jitter(rng, COLORS[self.color]))
        return canvas

    def labels(self) -> dict[str, str]:
        backdrop = {"background": self.backdrop.color, "gradient to": self.backdrop.to}
        thing = {"shape": self.shape, "color": self.color, "size": self.size, "position": self.position}
        return thing | backdrop


@dataclass(frozen=True)
class PairScene:
    """Two objects; `relation` says where the first is, seen from the second."""

    shape: str
    color: str
    relation: str
    second_shape: str
    second_color: str
    backdrop: Backdrop

    def paint(self, rng: Random, width: int, height: int) -> Image.Image:
        canvas = self.backdrop.render(rng, width, height)
        dx, dy = RELATIONS[self.relation]
        pair = ((1, self.shape, self.color), (-1, self.second_shape, self.second_color))
        for sign, shape, color in pair:
            r = rng.uniform(*_PAIR_SIZE) * min(width, height)
            x = (0.5 + 0.25 * sign * dx + rng.uniform(-0.015, 0.015)) * width
            y = (0.5 + 0.25 * sign * dy + rng.uniform(-0.015, 0.015)) * height
            draw_shape(canvas, shape, (x, y), r, jitter(rng, COLORS[color]))
        return canvas

    def labels(self) -> dict[str, str]:
        first = {"shape": self.shape, "color": self.color, "relation": self.relation}
        second = {"second shape": self.second_shape, "second color": self.second_color}
        return first | second | {"background": self.backdrop.color, "gradient to": self.backdrop.to}


@dataclass(frozen=True)
class LandscapeScene:
    sky: str
    body: str
    ground: str
    extra: str = ""

    def paint(self, rng: Random, width: int, height: int) -> Image.Image:
        painter = LandscapePainter(rng, self.sky, width, height)
        painter.heavens(self.body)
        painter.ground(self.ground)
        painter.foreground(self.extra)
        return painter.canvas

    def labels(self) -> dict[str, str]:
        return {"sky": self.sky, "ground": self.ground, "body": self.body, "extra": self.extra}


Scene = SingleScene | PairScene | LandscapeScene


def render(scene: Scene, rng: Random, width: int = SIZE, height: int = SIZE) -> Image.Image:
    """A picture of the scene; `rng` moves it a little and varies its colours."""
    return scene.paint(rng, width * _OVERSAMPLING, height * _OVERSAMPLING).reduce(_OVERSAMPLING)


def _backdrop(rng: Random, gradients: float) -> Backdrop:
    color, to = rng.sample(list(COLORS), 2)
    return Backdrop(color, to if rng.random() < gradients else "")


def random_single(rng: Random, *, placed: bool = False, gradients: float = 0.15) -> SingleScene:
    while True:
        shape, color, backdrop = rng.choice(SHAPES), rng.choice(list(COLORS)), _backdrop(rng, gradients)
        if not backdrop.hides(color) and not backdrop.kept_from_training(shape, color):
            break
    size = rng.choice(("", "", "", "large", "small") if placed else ("", "", "", "", "small", "large"))
    return SingleScene(shape, color, backdrop, size, rng.choice(list(POSITIONS)) if placed else "")


def random_pair(rng: Random, gradients: float = 0.06) -> PairScene:
    while True:
        shapes, colors = rng.choices(SHAPES, k=2), rng.sample(list(COLORS), 2)
        backdrop = _backdrop(rng, gradients)
        things = list(zip(shapes, colors, strict=True))
        if not any(backdrop.hides(c) or backdrop.kept_from_training(s, c) for s, c in things):
            relation = rng.choice(list(RELATIONS))
            return PairScene(shapes[0], colors[0], relation, shapes[1], colors[1], backdrop)


def random_landscape(rng: Random) -> LandscapeScene:
    sky, ground = rng.choice(list(SKIES)), rng.choice(GROUNDS)
    body, extra = rng.choice(_BODIES_OF[sky]), rng.choice(_EXTRAS_OF.get(ground, ("",)))
    return LandscapeScene(sky, body, ground, extra)


def random_scene(rng: Random) -> Scene:
    """The training mixture, weighted towards what is learned last: pairs."""
    kind = rng.random()
    if kind < 0.20:
        return random_single(rng)
    if kind < 0.43:
        return random_single(rng, placed=True)
    if kind < 0.80:
        return random_pair(rng)
    return random_landscape(rng)


def example_scene(seed: int | str, index: int) -> Scene:
    """What training picture `index` shows: the same on every call, so that pictures need no storage."""
    return random_scene(Random(f"{seed}/{index}"))


def example(seed: int | str, index: int, width: int = SIZE, height: int = SIZE) -> tuple[Scene, Image.Image]:
    """The scene, and its picture, which is the same on every call too."""
    scene = example_scene(seed, index)
    return scene, render(scene, Random(f"{seed}/{index}/picture"), width, height)
