"""How things look: the palette, the shapes, and the parts of a landscape, on a Pillow canvas."""

import math
from random import Random

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

COLORS: dict[str, RGB] = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 215, 50),
    "orange": (245, 140, 30),
    "purple": (130, 50, 180),
    "pink": (250, 150, 190),
    "cyan": (60, 205, 220),
    "white": (250, 250, 250),
    "black": (20, 20, 20),
    "gray": (130, 130, 130),
    "brown": (120, 75, 40),
}
SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross", "ring", "heart")

SKIES: dict[str, tuple[RGB, RGB]] = {
    "night sky": ((12, 14, 50), (40, 50, 110)),
    "blue sky": ((70, 140, 235), (185, 220, 250)),
    "sunset sky": ((110, 50, 140), (250, 150, 60)),
    "cloudy sky": ((120, 128, 140), (195, 200, 205)),
}
BODIES: dict[str, RGB] = {
    "yellow moon": (250, 225, 90),
    "white moon": (245, 245, 245),
    "crescent moon": (250, 225, 90),
    "yellow sun": (255, 225, 50),
    "orange sun": (255, 170, 40),
    "red sun": (230, 50, 40),
}


def jitter(rng: Random, color: RGB, by: int = 8) -> RGB:
    red, green, blue = (max(0, min(255, v + rng.randint(-by, by))) for v in color)
    return red, green, blue


def gradient(top: RGB, bottom: RGB, width: int, height: int) -> Image.Image:
    column = Image.new("RGB", (1, height))
    for y in range(height):
        at = y / (height - 1)
        red, green, blue = (round(a + (b - a) * at) for a, b in zip(top, bottom, strict=True))
        column.putpixel((0, y), (red, green, blue))
    return column.resize((width, height))


def _star() -> list[Point]:
    radii = [1.05, 0.42] * 5
    return [(r * math.sin(k * math.pi / 5), -r * math.cos(k * math.pi / 5)) for k, r in enumerate(radii)]


def _heart() -> list[Point]:
    points = []
    for k in range(40):
        t = 2 * math.pi * k / 40
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((16 * math.sin(t) ** 3 / 16.5, -(y + 2.5) / 15.5))
    return points


_ARM = 0.33  # half the width of a cross's arm
_POLYGONS: dict[str, list[Point]] = {
    "square": [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    "triangle": [(0, -1), (1, 0.85), (-1, 0.85)],
    "diamond": [(0, -1), (0.8, 0), (0, 1), (-0.8, 0)],
    "star": _star(),
    "cross": [
        *((-_ARM, -1), (_ARM, -1), (_ARM, -_ARM), (1, -_ARM), (1, _ARM), (_ARM, _ARM)),
        *((_ARM, 1), (-_ARM, 1), (-_ARM, _ARM), (-1, _ARM), (-1, -_ARM), (-_ARM, -_ARM)),
    ],
    "heart": _heart(),
}


def draw_shape(canvas: Image.Image, shape: str, center: Point, r: float, fill: RGB | int) -> None:
    """Draw a shape that fits the square of half side `r` around `center`, in canvas pixels."""
    draw, (cx, cy) = ImageDraw.Draw(canvas), center
    box = (cx - r, cy - r, cx + r, cy + r)
    if shape == "circle":
        draw.ellipse(box, fill=fill)
    elif shape == "ring":
        draw.ellipse(box, outline=fill, width=max(2, int(r * 0.38)))
    else:
        draw.polygon([(cx + x * r, cy + y * r) for x, y in _POLYGONS[shape]], fill=fill)


class LandscapePainter:
    """Paints one landscape back to front; at night the ground is dimmer."""

    def __init__(self, rng: Random, sky: str, width: int, height: int) -> None:
        top, bottom = (jitter(rng, color) for color in SKIES[sky])
        self.canvas = gradient(top, bottom, width, height)
        self.rng, self.sky, self.w, self.h, self.s = rng, sky, width, height, min(width, height)
        self.draw = ImageDraw.Draw(self.canvas)
        self.light = 0.58 if sky == "night sky" else 1.0

    def _lit(self, *color: int) -> RGB:
        red, green, blue = (int(v * self.light) for v in color)
        return jitter(self.rng, (red, green, blue), 6)

    def _disc(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        self.draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)

    def heavens(self, body: str) -> None:
        """Stars, moon, sun or clouds; a night always has a few stars."""
        rng, w, h, s = self.rng, self.w, self.h, self.s
        if self.sky == "night sky":
            many = body == "stars"
            for _ in range(24 if many else 8):
                r = rng.uniform(0.008, 0.013) * s * (1.3 if many else 1.0)
                self._disc(rng.uniform(0, w), rng.uniform(0, h * 0.6), r, r, (250, 250, 225))
        x, y, r = rng.uniform(0.22, 0.78) * w, rng.uniform(0.18, 0.32) * h, rng.uniform(0.1, 0.13) * s
        if body in BODIES:
            if self.sky == "sunset sky":
                y = rng.uniform(0.38, 0.52) * h
            behind = self.canvas.getpixel((int(x), max(0, int(y - r - 6))))
            self._disc(x, y, r, r, BODIES[body])
            if body == "crescent moon" and isinstance(behind, tuple):
                self._disc(x + 0.5 * r, y - 0.2 * r, 0.95 * r, 0.95 * r, (behind[0], behind[1], behind[2]))
        elif "clouds" in body:
            fill = (250, 250, 250) if self.sky == "blue sky" else (165, 170, 180)
            for place in rng.sample((0.2, 0.5, 0.8), rng.choice((2, 3))):
                x, y = (place + rng.uniform(-0.08, 0.08)) * w, rng.uniform(0.12, 0.38) * h
                r = rng.uniform(0.07, 0.095) * s
                for k in (-1, 0, 1):
                    self._disc(x + k * r, y - (0 if k else 0.15 * r), r, r * (0.6 if k else 0.75), fill)

    def _hills(self, level: float, swing: float, fill: RGB) -> None:
        waves, phase = self.rng.uniform(0.7, 1.2), self.rng.uniform(0, 6)
        ridge: list[Point] = [
            (x, self.h * (level + swing * math.sin(phase + waves * 2 * math.pi * x / self.w)))
            for x in range(0, self.w + 4, 4)
        ]
        self.draw.polygon([(0, self.h), *ridge, (self.w, self.h)], fill=fill)

    def ground(self, ground: str) -> None:
        if ground == "green hills":
            self._hills(0.66, 0.06, self._lit(60, 150, 70))
            self._hills(0.80, 0.05, self._lit(45, 120, 55))
        elif ground == "a green field":
            self.draw.rectangle((0, self.h * 0.68, self.w, self.h), fill=self._lit(85, 170, 70))
        elif ground == "a sandy desert":
            self._hills(0.70, 0.05, self._lit(232, 195, 120))
            self._hills(0.84, 0.04, self._lit(212, 170, 95))
        elif ground == "the blue sea":
            self._sea()
        elif ground == "a city":
            self._city()
        else:
            self._mountains(snowy=ground == "snowy mountains")

    def _sea(self) -> None:
        rng, w, h = self.rng, self.w, self.h
        self.draw.rectangle((0, h * 0.66, w, h), fill=self._lit(35, 95, 180))
        for _ in range(6):
            x, y, length = rng.uniform(0, w), h * rng.uniform(0.72, 0.97), rng.uniform(0.08, 0.16) * w
            self.draw.line((x, y, x + length, y), fill=self._lit(120, 170, 225), width=5)

    def _mountains(self, *, snowy: bool) -> None:
        rng, w, h = self.rng, self.w, self.h
        rock = self._lit(110, 110, 125) if snowy else self._lit(120, 80, 50)
        foot = h * 0.88
        for k in range(3):
            cx, tall = (0.15 + 0.35 * k + rng.uniform(-0.07, 0.07)) * w, rng.uniform(0.38, 0.52) * h
            half = rng.uniform(0.28, 0.36) * w
            top = foot - tall
            self.draw.polygon([(cx, top), (cx + half, foot), (cx - half, foot)], fill=rock)
            if snowy:
                snow = [(cx, top), (cx + 0.4 * half, top + 0.4 * tall), (cx, top + 0.3 * tall)]
                self.draw.polygon([*snow, (cx - 0.4 * half, top + 0.4 * tall)], fill=self._lit(245, 248, 252))
        plain = self._lit(225, 232, 240) if snowy else self._lit(95, 120, 60)
        self.draw.rectangle((0, h * 0.86, w, h), fill=plain)

    def _city(self) -> None:
        rng, s, left = self.rng, self.s, 0.0
        while left < self.w:
            width, top = rng.uniform(0.14, 0.2) * s, self.h - rng.uniform(0.25, 0.5) * s
            self.draw.rectangle((left, top, left + width - 5, self.h), fill=self._lit(70, 75, 92))
            # Windows of 8 x 8 final pixels: one latent cell each is about what the decoder can draw.
            columns = max(1, int((width - 8) // 24))
            inset = (width - 5 - 24 * columns + 10) / 2
            for y in range(int(top + 12), self.h - 12, 26):
                for k in range(columns):
                    x = left + inset + 24 * k
                    self.draw.rectangle((x, y, x + 14, y + 15), fill=(250, 220, 110))
            left += width

    def foreground(self, extra: str) -> None:
        x = self.rng.uniform(0.25, 0.75) * self.w
        if extra == "a house":
            self._house(x, self.h * 0.86, 0.14 * self.s)
        elif extra == "a tree":
            self._tree(x, self.h * 0.86, 0.12 * self.s)
        elif extra == "a boat":
            self._boat(x, self.h * 0.78, 0.13 * self.s)

    def _polygon(self, x: float, y: float, r: float, points: list[Point], fill: RGB) -> None:
        self.draw.polygon([(x + dx * r, y + dy * r) for dx, dy in points], fill=fill)

    def _house(self, x: float, y: float, r: float) -> None:
        self._polygon(x, y, r, [(-1, -1.1), (1, -1.1), (1, 0.6), (-1, 0.6)], self._lit(235, 220, 195))
        self._polygon(x, y, r, [(-1.3, -1.1), (1.3, -1.1), (0, -2.2)], self._lit(190, 50, 40))
        self._polygon(x, y, r, [(-0.3, -0.4), (0.3, -0.4), (0.3, 0.6), (-0.3, 0.6)], self._lit(110, 70, 40))

    def _tree(self, x: float, y: float, r: float) -> None:
        self._polygon(x, y, r, [(-0.22, -1), (0.22, -1), (0.22, 0.6), (-0.22, 0.6)], self._lit(110, 70, 40))
        self._disc(x, y - 1.6 * r, r, 1.1 * r, self._lit(30, 110, 45))

    def _boat(self, x: float, y: float, r: float) -> None:
        self._polygon(x, y, r, [(-1, 0), (1, 0), (0.65, 0.5), (-0.65, 0.5)], self._lit(150, 60, 40))
        sail = self._lit(250, 250, 250)
        self._polygon(x, y, r, [(0, -1.9), (0.9, -0.15), (0, -0.15)], sail)
        self._polygon(x, y, r, [(-0.1, -1.6), (-0.1, -0.15), (-0.7, -0.15)], sail)
