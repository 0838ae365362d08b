"""Pictures and values shown, and written in other forms."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from engine.errors import PathError
from nodes.embedded import read_workflow
from nodes.image import load_image, preview_image, save_image
from nodes.pictures import read_picture
from nodes.saving import (
    Png,
    image_compare,
    load_image_output,
    mask_preview,
    preview_any,
    save_animated_png,
    save_animated_webp,
    save_image_advanced,
)

GRAPH = {"prompt": '{"1": {"class_type": "É"}}', "workflow": '{"nodes": []}'}


def frames(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 6, 9, 3)


def only_file(home: Any) -> Path:
    (shown,) = home.last.shown["images"]
    path: Path = home.files.output / shown["filename"]
    return path


def test_a_batch_becomes_one_animated_picture_that_carries_its_workflow(home: Any) -> None:
    home.metadata = GRAPH
    for node, more, name in [
        (save_animated_png, {}, "ComfyUI_00001_.png"),
        (save_animated_webp, {"method": "fastest"}, "ComfyUI_00002_.webp"),
    ]:
        home.call(node, images=frames(), fps=10.0, **more)
        path = only_file(home)
        assert path.name == name
        assert home.last.shown["animated"] == [True]
        with Image.open(path) as file:
            assert getattr(file, "n_frames", 1) == 3
            file.seek(1)
            file.load()
            assert file.info["duration"] == 100
        assert {key: json.loads(text) for key, text in read_workflow(path).items()} == {
            key: json.loads(text) for key, text in GRAPH.items()
        }


def test_a_lossless_animation_is_read_back_as_it_was(home: Any) -> None:
    images = (frames() * 255).round() / 255
    home.call(save_animated_webp, images=images, method="default")
    assert torch.equal(read_picture(only_file(home)).image, images)


def test_sixteen_bits_are_written(home: Any) -> None:
    home.metadata = GRAPH
    images = torch.tensor([[0, 0.25, 1 / 65535], [1.0, 2.0, -1.0]]).reshape(1, 1, 2, 3)
    saved = home.call(save_image_advanced, images=images, format=Png("16-bit")).images
    assert torch.equal(saved, images)
    data = only_file(home).read_bytes()
    assert struct.unpack(">IIBB", data[16:26]) == (2, 1, 16, 2)
    at = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[at - 4 : at])
    row = zlib.decompress(data[at + 4 : at + 4 + length])
    assert struct.unpack(">6H", row[1:]) == (0, 16383, 1, 65535, 65535, 0)
    assert json.loads(read_workflow(only_file(home))["prompt"]) == json.loads(GRAPH["prompt"])
    shown = home.call(load_image, image=f"{only_file(home).name} [output]").IMAGE
    assert torch.allclose(shown, images.clamp(0, 1), atol=1 / 255)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_rows_of_deep_pictures_follow_one_another(home: Any, channels: int) -> None:
    images = torch.rand(1, 5, 4, channels)
    home.call(save_image_advanced, images=images, format=Png("16-bit"))
    with Image.open(only_file(home)) as file:
        assert file.size == (4, 5)
        read = torch.tensor(list(file.convert("RGBA" if channels == 4 else "RGB").tobytes())).float() / 255
    if channels > 1:
        assert torch.allclose(read.reshape(5, 4, channels), images[0], atol=1 / 255)


def test_linear_light_becomes_srgb(home: Any) -> None:
    home.call(
        save_image_advanced, images=torch.full((1, 1, 1, 3), 0.5), format=Png(input_color_space="linear")
    )
    assert read_picture(only_file(home)).image.flatten().tolist() == pytest.approx([187 / 255] * 3)


def test_pictures_and_masks_are_shown_without_being_kept(home: Any) -> None:
    home.call(image_compare, image_a=frames(2), image_b=frames(1))
    assert {kind: len(each) for kind, each in home.last.shown.items()} == {"a_images": 2, "b_images": 1}
    home.call(image_compare, image_a=frames(1))
    assert list(home.last.shown) == ["a_images"]
    home.call(mask_preview, mask=torch.rand(4, 4))
    assert home.last.shown["images"][0]["type"] == "temp"
    assert not home.files.output.exists()


def test_a_preview_hands_its_pictures_on(home: Any) -> None:
    images = frames()
    assert home.call(preview_image, images=images).images is images


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", "é"), (3, "3"), (0.5, "0.5"), (True, "true"), (None, "null"), ([1, "a"], '[1, "a"]'),
        (torch.zeros(1, 2), "Tensor [1, 2]"), ({1, 2}, "{1, 2}"),
    ],
)  # fmt: skip
def test_anything_is_shown_as_text(home: Any, value: object, text: str) -> None:
    assert text == home.call(preview_any, source=value).STRING
    assert home.last.shown == {"text": [text]}


def test_pictures_of_the_output_folder_are_offered_and_read(home: Any) -> None:
    home.call(save_image, images=torch.ones(1, 4, 4, 3))
    choices = load_image_output.spec.inputs["image"].choices
    assert choices is not None
    (name,) = choices.values(home.files)
    assert name == "ComfyUI_00001_.png [output]"
    assert home.call(load_image_output, image=name).IMAGE.min() == 1
    assert load_image_output.spec.fingerprint is not None
    assert load_image_output.spec.check is not None
    assert set(load_image_output.spec.check(home.files, image="none.png [output]")) == {"image"}


def test_names_cannot_leave_the_output_folder(home: Any) -> None:
    with pytest.raises(PathError):
        home.call(save_animated_png, images=frames(), filename_prefix="../x")
