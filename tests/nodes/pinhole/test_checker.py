"""The checker reads rendered pictures right, so that its figures are about the model."""

from itertools import product
from random import Random

import pytest
from PIL import Image

from nodes.pinhole.checker import nearest_color, read_pair, read_single
from nodes.pinhole.drawing import COLORS, SHAPES
from nodes.pinhole.pictures import POSITIONS, RELATIONS, SIZES, Backdrop, PairScene, SingleScene, render

COMBINATIONS = [c for c in product(SHAPES, COLORS, COLORS) if c[1] != c[2]]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_every_colour_is_read_on_every_background(shape: str) -> None:
    rng = Random(1)
    for color, background in product(COLORS, COLORS):
        if color != background:
            seen = read_single(render(SingleScene(shape, color, Backdrop(background)), rng))
            assert (seen.shape, seen.color, seen.background) == (shape, color, background)
            assert seen.gradient_to == ""


@pytest.mark.parametrize("position", POSITIONS)
def test_positions_are_read_for_all_sizes(position: str) -> None:
    rng = Random(2)
    for size in SIZES:
        shape, color, background = rng.choice(COMBINATIONS)
        seen = read_single(render(SingleScene(shape, color, Backdrop(background), size, position), rng))
        assert (seen.shape, seen.position) == (shape, position)


@pytest.mark.parametrize("relation", RELATIONS)
def test_pairs_are_read_from_left_to_right_or_from_top_to_bottom(relation: str) -> None:
    rng = Random(3)
    turned = {"below": "above", "to the right of": "to the left of"}
    for _ in range(25):
        shapes, colors = rng.choices(SHAPES, k=2), rng.sample(list(COLORS), 3)
        scene = PairScene(shapes[0], colors[0], relation, shapes[1], colors[1], Backdrop(colors[2]))
        seen = read_pair(render(scene, rng))
        things = [(seen.first.shape, seen.first.color), (seen.second.shape, seen.second.color)]
        assert things[:: -1 if relation in turned else 1] == list(zip(shapes, colors[:2], strict=True))
        assert (seen.relation, seen.background) == (turned.get(relation, relation), colors[2])


def test_a_gradient_is_told_from_a_plain_background() -> None:
    seen = read_single(render(SingleScene("star", "yellow", Backdrop("blue", "black")), Random(4)))
    assert (seen.shape, seen.color, seen.background, seen.gradient_to) == ("star", "yellow", "blue", "black")


def test_an_empty_picture_has_no_object() -> None:
    seen = read_single(Image.new("RGB", (128, 128), COLORS["green"]))
    assert (seen.shape, seen.color, seen.position) == (None, None, None)
    assert seen.background == "green"


@pytest.mark.parametrize("name", COLORS)
def test_a_palette_colour_is_nearest_to_itself(name: str) -> None:
    assert nearest_color(COLORS[name]) == name
