"""Sizes, cutting, turning and frames of pictures."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from nodes.image_batches import batch_images, image_from_batch, rebatch_images, repeat_image_batch
from nodes.image_sizes import (
    ByMultiplier,
    LikeAnother,
    ToDimensions,
    ToLonger,
    ToMultiple,
    ToPixels,
    ToShorter,
    ToWidth,
    flux_kontext_image_scale,
    image_crop,
    image_flip,
    image_pad_for_outpaint,
    image_rotate,
    image_scale_to_max_dimension,
    image_scale_to_total_pixels,
    image_stitch,
    resize_and_pad_image,
    resize_image_mask,
    resolution_selector,
)

RED, BLUE = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0])
SIDES = st.integers(1, 40)


def picture(height: int, width: int, colour: torch.Tensor = RED, count: int = 1) -> torch.Tensor:
    return colour.expand(count, height, width, -1).clone()


def numbered(height: int, width: int) -> torch.Tensor:
    """Each pixel has its own value."""
    return (torch.arange(height * width).reshape(1, height, width, 1) / 100).expand(-1, -1, -1, 3).clone()


def test_total_pixels_keep_the_proportions() -> None:
    scaled = image_scale_to_total_pixels(
        image=picture(20, 40), upscale_method="nearest-exact", megapixels=0.03125
    )
    assert scaled.shape[1:3] == (128, 256)
    stepped = image_scale_to_total_pixels(
        image=picture(20, 41), upscale_method="area", megapixels=0.03, resolution_steps=16
    )
    assert [side % 16 for side in stepped.shape[1:3]] == [0, 0]


def test_the_longer_side_gets_a_length() -> None:
    for size, expected in [((20, 40), (50, 100)), ((40, 20), (100, 50)), ((7, 7), (100, 100))]:
        scaled = image_scale_to_max_dimension(image=picture(*size), upscale_method="area", largest_size=100)
        assert scaled.shape[1:3] == expected
    same = image_scale_to_max_dimension(image=picture(3, 5), upscale_method="area", largest_size=0)
    assert same.shape[1:3] == (3, 5)


@settings(deadline=None, max_examples=50)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 60), st.integers(0, 60))
def test_a_crop_is_the_part_of_the_box_that_lies_inside(
    height: int, width: int, high: int, wide: int, y: int, x: int
) -> None:
    pixels = numbered(height, width)
    cut = image_crop(image=pixels, width=wide, height=high, x=x, y=y)
    y, x = min(y, height - 1), min(x, width - 1)
    assert cut.shape == (1, min(high, height - y), min(wide, width - x), 3)
    assert cut[0, 0, 0, 0] == pixels[0, y, x, 0]


def test_mirrored_and_turned() -> None:
    pixels = torch.tensor([[1.0, 2, 3], [4, 5, 6]])[None, ..., None]

    def rows(image: torch.Tensor) -> list[list[float]]:
        found: list[list[float]] = image[0, ..., 0].tolist()
        return found

    assert rows(image_flip(image=pixels, flip_method="x-axis: vertically")) == [[4, 5, 6], [1, 2, 3]]
    assert rows(image_flip(image=pixels, flip_method="y-axis: horizontally")) == [[3, 2, 1], [6, 5, 4]]
    assert rows(image_rotate(image=pixels, rotation="90 degrees")) == [[4, 1], [5, 2], [6, 3]]
    assert rows(image_rotate(image=pixels, rotation="180 degrees")) == [[6, 5, 4], [3, 2, 1]]
    assert rows(image_rotate(image=pixels, rotation="270 degrees")) == [[3, 6], [2, 5], [1, 4]]
    assert rows(image_rotate(image=pixels, rotation="none")) == rows(pixels)


def test_pictures_stand_beside_one_another_with_a_gap() -> None:
    whole = image_stitch(image1=picture(4, 2), image2=picture(8, 8, BLUE), spacing_width=1)
    assert whole.shape == (1, 4, 2 + 2 + 4, 3)  # the second is made as high; a gap is even
    assert torch.equal(whole[0, 0, 0], RED)
    assert whole[0, 0, 2:4].min() == 1
    assert torch.equal(whole[0, 3, 7], BLUE)
    left = image_stitch(image1=picture(4, 2), image2=picture(4, 2, BLUE), direction="left")
    assert torch.equal(left[0, 0, 0], BLUE)
    assert image_stitch(image1=picture(4, 2)).shape == (1, 4, 2, 3)


def test_what_is_not_made_to_fit_is_filled_up() -> None:
    whole = image_stitch(
        image1=picture(2, 2, count=2), image2=picture(2, 6, BLUE), direction="down", match_image_size=False
    )
    assert whole.shape == (2, 4, 6, 3)
    assert whole[:, 0, 0].abs().max() == 0
    assert torch.equal(whole[1, 0, 2], RED)
    assert torch.equal(whole[1, 3, 0], BLUE)


def test_an_alpha_that_one_of_them_has_is_kept() -> None:
    clear = torch.zeros(1, 2, 2, 4)
    whole = image_stitch(image1=clear, image2=picture(2, 2))
    assert whole[0, 0, :, 3].tolist() == [0, 0, 1, 1]


def test_bars_fill_up_a_size() -> None:
    fitted = resize_and_pad_image(
        image=picture(10, 20), target_width=40, target_height=40, padding_color="white", interpolation="area"
    )
    assert fitted.shape == (1, 40, 40, 3)
    assert fitted[0, 9, 0].tolist() == [1, 1, 1]
    assert torch.equal(fitted[0, 10, 0], RED)
    assert torch.equal(fitted[0, 29, 39], RED)
    assert fitted[0, 30, 0].tolist() == [1, 1, 1]


def test_a_picture_is_extended_by_gray_and_its_mask_fades_into_it() -> None:
    larger, mask = image_pad_for_outpaint(image=picture(10, 10), left=8, feathering=4)
    assert larger.shape == (1, 10, 18, 3)
    assert larger[0, 0, 7].tolist() == [0.5] * 3
    assert torch.equal(larger[0, 0, 8], RED)
    assert mask.shape == (1, 10, 18)
    assert mask[0, 0, 7:13].tolist() == pytest.approx([1, 1, 0.5625, 0.25, 0.0625, 0])
    _, right = image_pad_for_outpaint(image=picture(10, 10), right=8, feathering=4)
    assert right[0, 0, 6:11].tolist() == pytest.approx([0, 0.0625, 0.25, 0.5625, 1])


def test_an_edge_too_broad_for_a_picture_is_none() -> None:
    _, mask = image_pad_for_outpaint(image=picture(10, 10), top=8, feathering=5)
    assert mask[0, 8:].max() == 0
    assert mask[0, :8].min() == 1
    same, none = image_pad_for_outpaint(image=picture(30, 30))
    assert torch.equal(same, picture(30, 30))
    assert none.max() == 0


def test_kontext_takes_the_nearest_proportions() -> None:
    assert flux_kontext_image_scale(image=picture(10, 10)).shape[1:3] == (1024, 1024)
    assert flux_kontext_image_scale(image=picture(20, 10)).shape[1:3] == (1456, 720)


def test_a_resolution_is_near_its_pixels_and_a_multiple() -> None:
    assert resolution_selector(aspect_ratio="1:1 (Square)") == (1024, 1024)
    width, height = resolution_selector(aspect_ratio="16:9 (Widescreen)", megapixels=0.4, multiple=32)
    assert (width, height) == (864, 480)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ToDimensions(8, 4, "disabled"), (4, 8)),
        (ToDimensions(10, 0), (5, 10)),
        (ToDimensions(0, 10), (10, 20)),
        (ToDimensions(0, 0), (20, 40)),
        (ByMultiplier(0.5), (10, 20)),
        (ToLonger(20), (10, 20)),
        (ToShorter(10), (10, 20)),
        (ToWidth(20), (10, 20)),
        (ToMultiple(16), (16, 32)),
        (LikeAnother("disabled", torch.zeros(1, 3, 5, 3)), (3, 5)),
        (LikeAnother("disabled", torch.zeros(1, 3, 5)), (3, 5)),
    ],
)
def test_pictures_and_masks_are_resized_in_many_ways(kind: Any, expected: tuple[int, int]) -> None:
    image = resize_image_mask(input=picture(20, 40), resize_type=kind).resized
    assert image.shape[1:3] == expected
    mask = resize_image_mask(input=torch.ones(20, 40), resize_type=kind, scale_method="lanczos").resized
    assert mask.shape == (1, *expected)


def test_pixels_by_the_million() -> None:
    image = resize_image_mask(input=picture(20, 20), resize_type=ToPixels(0.01)).resized
    assert image.shape[1:3] == (102, 102)


def test_matching_nothing_is_told() -> None:
    with pytest.raises(UserError, match=r"resize_type\.match"):
        resize_image_mask(input=picture(2, 2), resize_type=LikeAnother())


def test_batches_are_taken_apart_and_put_together() -> None:
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(-1, 2, 2, 3)
    assert image_from_batch(image=images, batch_index=1, length=2)[:, 0, 0, 0].tolist() == [1, 2]
    assert image_from_batch(image=images, batch_index=9, length=9)[:, 0, 0, 0].tolist() == [4]
    assert repeat_image_batch(image=images[:2], amount=2)[:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    parts = rebatch_images(images=[images, torch.zeros(1, 3, 3, 3)], batch_size=2)
    assert [len(part) for part in parts] == [2, 2, 1, 1]
    assert torch.equal(torch.cat(parts[:3]), images)


def test_any_number_of_pictures_become_a_batch_of_the_first_s_size() -> None:
    alpha = torch.ones(1, 4, 4, 4)
    batch = batch_images(images={"image0": picture(2, 2), "image3": alpha, "image4": picture(2, 2, BLUE, 2)})
    assert batch.shape == (4, 2, 2, 4)
    with pytest.raises(UserError, match="link at least one"):
        batch_images(images={})
