"""What training pictures show, and what they never show."""

from itertools import product
from random import Random

from nodes.pinhole.captions import SYNONYMS, caption, plain_caption
from nodes.pinhole.drawing import COLORS, SHAPES
from nodes.pinhole.pictures import (
    ATTRIBUTES,
    Backdrop,
    PairScene,
    SingleScene,
    example,
    example_scene,
    held_out,
    random_landscape,
    random_pair,
    random_single,
)


def things(scene: SingleScene | PairScene) -> list[tuple[str, str]]:
    if isinstance(scene, PairScene):
        return [(scene.shape, scene.color), (scene.second_shape, scene.second_color)]
    return [(scene.shape, scene.color)]


def test_a_tenth_of_the_combinations_is_held_out() -> None:
    combinations = [c for c in product(SHAPES, COLORS, COLORS) if c[1] != c[2]]
    share = sum(held_out(*c) for c in combinations) / len(combinations)
    assert 0.08 < share < 0.12


def test_held_out_combinations_never_appear_in_training() -> None:
    rng = Random(0)
    for _ in range(3000):
        for scene in (random_single(rng), random_single(rng, placed=True), random_pair(rng)):
            for shape, color in things(scene):
                assert not held_out(shape, color, scene.backdrop.color)
                assert not (scene.backdrop.to and held_out(shape, color, scene.backdrop.to))


def test_held_out_captions_never_appear_in_training() -> None:
    asked = {
        plain_caption(SingleScene(*c[:2], Backdrop(c[2])))
        for c in product(SHAPES, COLORS, COLORS)
        if c[1] != c[2] and held_out(*c)
    }
    rng = Random(1)
    assert asked.isdisjoint(caption(example_scene("128x128", index), rng) for index in range(5000))


def test_an_object_never_has_the_colour_of_what_is_behind_it() -> None:
    rng = Random(2)
    for _ in range(2000):
        scene = random_pair(rng)
        assert len({scene.color, scene.second_color, scene.backdrop.color, scene.backdrop.to}) == 4


def test_a_picture_is_the_same_on_every_call() -> None:
    (scene, picture), (again, repeated) = example("seed", 7), example("seed", 7)
    assert scene == again
    assert picture.tobytes() == repeated.tobytes()


def test_pictures_come_in_other_sizes() -> None:
    assert example("seed", 3, 192, 128)[1].size == (192, 128)


def test_plain_captions_read_as_people_write() -> None:
    assert (
        plain_caption(SingleScene("circle", "orange", Backdrop("white")))
        == "an orange circle on a white background"
    )
    pair = PairScene("star", "red", "above", "heart", "blue", Backdrop("gray", "black"))
    assert plain_caption(pair) == "a red star above a blue heart on a gray to black gradient background"


def test_every_label_is_one_that_a_head_can_name() -> None:
    rng = Random(3)
    for _ in range(500):
        for scene in (random_single(rng, placed=True), random_pair(rng), random_landscape(rng)):
            assert all(value in ATTRIBUTES[key] for key, value in scene.labels().items())


def test_a_caption_names_what_the_picture_shows_most_of_the_time() -> None:
    rng = Random(4)
    named = 0
    for _ in range(1000):
        scene = random_single(rng)
        words = caption(scene, rng)
        shapes = (scene.shape, *SYNONYMS.get(scene.shape, ()))
        colors = (scene.color, *SYNONYMS.get(scene.color, ()))
        named += any(s in words for s in shapes) and any(c in words for c in colors)
    assert named > 900
