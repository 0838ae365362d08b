"""Each workflow is run as it is shipped, and its picture is looked at."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.engine import Engine
from engine.prompt import read_json
from nodes.pinhole.checker import read_pair, read_single
from server.scripting import Pictures, Workflow, WorkflowError
from server.session import WORKFLOWS, open_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all, so that the model is loaded once."""
    with open_engine(tmp_path_factory.mktemp("home"), device="cpu") as opened:
        yield opened


def run(engine: Engine, name: str, **values: Any) -> Pictures:
    document = read_json((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    return Workflow(document, engine).run(**values)


def pixels(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.convert("RGB"), dtype=np.float64)


def what(image: Image.Image) -> tuple[str | None, str | None, str]:
    seen = read_single(image)
    return seen.color, seen.shape, seen.background


def test_text_to_image_shows_what_the_prompt_says(engine: Engine) -> None:
    [picture] = run(engine, "text_to_image")
    assert what(picture) == ("red", "circle", "white")


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        ("a green square on a black background", ("green", "square", "black")),
        ("a photo of a yellow star on a blue background, highly detailed", ("yellow", "star", "blue")),
    ],
)
def test_another_prompt_gives_another_picture(
    engine: Engine, prompt: str, seen: tuple[str, str, str]
) -> None:
    [picture] = run(engine, "text_to_image", prompt=prompt)
    assert what(picture) == seen


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(engine: Engine) -> None:
    [one] = run(engine, "text_to_image", seed=5)
    [same] = run(engine, "text_to_image", seed=5, cache="refresh")
    [other] = run(engine, "text_to_image", seed=6)
    assert np.array_equal(pixels(one), pixels(same))
    assert not np.array_equal(pixels(one), pixels(other))


def test_image_to_image_keeps_the_place_and_changes_the_colours(engine: Engine) -> None:
    [picture] = run(engine, "image_to_image")
    assert what(picture) == ("blue", "circle", "yellow")


def test_image_to_image_with_little_denoise_keeps_the_picture(engine: Engine) -> None:
    [picture] = run(engine, "image_to_image", denoise=0.05)
    assert what(picture)[0] == "red"


def test_inpainting_changes_the_open_part_and_keeps_the_rest(engine: Engine) -> None:
    [untouched] = run(engine, "image_to_image", image="right_half_open.png", denoise=0.0)
    [picture] = run(engine, "inpainting")
    change = np.abs(pixels(picture) - pixels(untouched))
    assert change[:, :48].mean() < 5  # the latent is kept; the decoder normalises over the whole picture
    assert change[:, 72:].mean() > 10
    pair = read_pair(picture)
    assert (pair.relation, pair.background) == ("to the left of", "white")
    assert (pair.first.color, pair.first.shape) == ("red", "circle")
    assert pair.second.color == "blue"


def test_two_passes_give_a_larger_picture_of_the_same_thing(engine: Engine) -> None:
    [picture] = run(engine, "hires_fix")
    assert picture.size == (192, 192)
    assert what(picture) == ("yellow", "star", "blue")


def test_several_prompts_give_a_picture_each_in_their_order(engine: Engine) -> None:
    pictures = run(engine, "prompt_batch")
    assert [what(picture)[0] for picture in pictures] == ["red", "green", "yellow", "purple"]
    assert [what(picture)[2] for picture in pictures] == ["white", "black", "blue", "pink"]


def test_weights_decide_between_two_colours(engine: Engine) -> None:
    [picture] = run(engine, "prompt_weighting")
    assert what(picture)[0] == "blue"
    [other] = run(engine, "prompt_weighting", prompt="a (red:1.4) (blue:0.4) circle on a white background")
    assert what(other)[0] == "red"


def test_areas_put_each_prompt_in_its_half(engine: Engine) -> None:
    [picture] = run(engine, "areas")
    assert picture.size == (256, 128)
    left, right = picture.crop((0, 0, 128, 128)), picture.crop((128, 0, 256, 128))
    assert what(left)[:2] == ("red", "circle")
    assert what(right)[:2] == ("blue", "square")


def test_a_picture_carries_its_workflow_and_makes_itself_again(engine: Engine, tmp_path: Path) -> None:
    pictures = run(engine, "text_to_image", seed=9)
    texts = engine.registry.hooks.read_workflow(pictures.files[0])
    assert set(texts) == {"prompt", "safelight"}
    again = replace(engine, files=replace(engine.files, output=tmp_path))
    [copy] = Workflow(read_json(texts["safelight"]), again).run()
    assert np.array_equal(pixels(copy), pixels(pictures[0]))
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_a_picture_smaller_than_a_cell_of_the_latent_is_told(engine: Engine) -> None:
    engine.files.input.mkdir(exist_ok=True)
    Image.new("RGB", (3, 3)).save(engine.files.input / "tiny.png")
    with pytest.raises(WorkflowError, match="at least 8 × 8"):
        run(engine, "image_to_image", image="tiny.png")
