"""Image nodes: reading and writing in a home, sizes, batches."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from engine.errors import PathError, UserError
from engine.events import NodeProgress
from nodes.image import (
    empty_image,
    get_image_size,
    image_batch,
    image_invert,
    image_scale,
    image_scale_by,
    load_image,
    load_image_mask,
    preview_image,
    save_image,
)


def test_saved_images_are_numbered_and_shown(home: Any) -> None:
    images = torch.rand(2, 8, 16, 3)
    home.call(save_image, images=images, filename_prefix="day/%width%x%height%_%batch_num%")
    shown = home.last.shown["images"]
    assert [each["filename"] for each in shown] == ["16x8_0_00001_.png", "16x8_1_00001_.png"]
    assert {(each["subfolder"], each["type"]) for each in shown} == {("day", "output")}
    assert all((home.files.output / "day" / each["filename"]).is_file() for each in shown)
    assert [e.done for e in home.events if isinstance(e, NodeProgress)] == [0, 1]


def test_saving_again_keeps_the_first(home: Any) -> None:
    for _ in range(2):
        home.call(save_image, images=torch.rand(1, 8, 8, 3))
    assert sorted(path.name for path in home.files.output.iterdir()) == [
        "ComfyUI_00001_.png",
        "ComfyUI_00002_.png",
    ]


def test_previews_are_temporary(home: Any) -> None:
    home.call(preview_image, images=torch.rand(1, 8, 8, 3))
    (shown,) = home.last.shown["images"]
    assert shown["type"] == "temp"
    assert (home.files.temp / shown["filename"]).is_file()
    assert not home.files.output.exists()


def test_a_prefix_cannot_leave_the_output_folder(home: Any) -> None:
    with pytest.raises(PathError):
        home.call(save_image, images=torch.rand(1, 8, 8, 3), filename_prefix="../escape")


def test_a_picture_that_was_saved_can_be_loaded_from_the_output_folder(home: Any) -> None:
    images = torch.arange(8 * 8 * 3).reshape(1, 8, 8, 3) / 255
    home.call(save_image, images=images)
    loaded = home.call(load_image, image="ComfyUI_00001_.png [output]")
    assert torch.equal(loaded.IMAGE, images)
    mask = home.call(load_image_mask, image="ComfyUI_00001_.png [output]", channel="red")
    assert torch.equal(mask, images[..., 0])


def test_the_choices_are_the_images_of_the_input_folder(home: Any) -> None:
    (home.files.input / "deep").mkdir()
    for name in ("b.PNG", "a.jpg", "deep/c.webp", "notes.txt"):
        (home.files.input / name).touch()
    choices = load_image.spec.inputs["image"].choices
    assert choices is not None
    assert choices.values(home.files) == ["a.jpg", "b.PNG", "deep/c.webp"]


def test_a_file_counts_by_its_content(home: Any) -> None:
    fingerprint = load_image.spec.fingerprint
    assert fingerprint is not None
    path = home.files.input / "a.png"
    Image.new("RGB", (2, 2)).save(path)
    first, times = fingerprint(home.files, image="a.png"), path.stat()
    os.utime(path, (0, 0))
    assert fingerprint(home.files, image="a.png") == first
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(home.files, image="a.png") != first
    assert fingerprint(home.files, image=None) is None


def test_a_graph_may_name_a_picture_of_another_folder(home: Any) -> None:
    home.call(save_image, images=torch.rand(1, 8, 8, 3))
    assert load_image.spec.check is not None
    assert load_image.spec.check(home.files, image="ComfyUI_00001_.png [output]") == {}
    assert load_image.spec.inputs["image"].upload is not None  # so its choices do not bind


@pytest.mark.parametrize("name", ["missing.png", "../secret.png", "/etc/passwd", "missing.png [temp]"])
def test_what_is_not_there_is_found_before_a_run(home: Any, name: str) -> None:
    check = load_image.spec.check
    assert check is not None
    assert set(check(home.files, image=name)) == {"image"}


def test_a_broken_picture_stops_with_its_name(home: Any) -> None:
    Path(home.files.input / "a.png").write_bytes(b"hello")
    with pytest.raises(UserError, match=r"a.png is no image"):
        home.call(load_image, image="a.png")


def test_scaling_to_zero_keeps_the_proportions() -> None:
    image = torch.rand(2, 30, 40, 3)
    assert image_scale(image=image, upscale_method="bilinear", width=80, height=0, crop="disabled").shape == (
        2, 60, 80, 3,
    )  # fmt: skip
    assert image_scale(image=image, upscale_method="area", width=0, height=15, crop="center").shape[2] == 20
    assert image_scale(image=image, upscale_method="area", width=0, height=0, crop="center") is image


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_every_method_scales(method: str) -> None:
    image = torch.full((1, 8, 6, 4), 0.5)
    scaled = image_scale_by(image=image, upscale_method=method, scale_by=1.5)
    assert scaled.shape == (1, 12, 9, 4)
    assert scaled.sub(0.5).abs().max() < 0.01


def test_a_crop_takes_the_middle() -> None:
    image = torch.zeros(1, 4, 8, 3)
    image[:, :, 2:6] = 1
    assert (
        image_scale(image=image, upscale_method="nearest-exact", width=4, height=4, crop="center").min() == 1
    )


def test_a_batch_takes_the_size_of_its_first() -> None:
    both = image_batch(image1=torch.rand(1, 4, 6, 3), image2=torch.rand(2, 8, 8, 4))
    assert both.shape == (3, 4, 6, 3)
    assert tuple(get_image_size(image=both)) == (6, 4, 3)


def test_inverting_leaves_the_input_alone() -> None:
    image = torch.zeros(1, 2, 2, 3)
    assert image_invert(image=image).min() == 1
    assert image.max() == 0


def test_a_colour_is_three_bytes() -> None:
    image = empty_image(width=3, height=2, batch_size=2, color=0xFF8000)
    assert image.shape == (2, 2, 3, 3)
    assert image[1, 1, 2].tolist() == pytest.approx([1, 128 / 255, 0])
