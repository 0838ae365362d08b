"""Pictures over pictures."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.compositing import (
    MODES,
    image_composite_masked,
    join_image_with_alpha,
    porter_duff_image_composite,
    split_image_with_alpha,
)
from nodes.diffusion import porter_duff
from nodes.mask import crop_mask, grow_mask, image_color_to_mask, threshold_mask


def values(pixels: torch.Tensor) -> list[float]:
    return sorted(set(pixels.flatten().tolist()))


def flat(value: float, height: int = 4, width: int = 4, channels: int = 3) -> torch.Tensor:
    return torch.full((1, height, width, channels), value)


def test_a_picture_is_pasted_and_cut_off_at_the_border() -> None:
    pasted = image_composite_masked(destination=flat(0.0), source=flat(1.0, 2, 3), x=2, y=3)
    assert pasted[0, ..., 0].nonzero().tolist() == [[3, 2], [3, 3]]


def test_a_mask_is_stretched_over_what_is_pasted() -> None:
    mask = torch.tensor([[0.0, 1.0]])
    pasted = image_composite_masked(destination=flat(0.5), source=flat(1.0, 4, 2), mask=mask)
    assert pasted[0, 0, :, 0].tolist() == [0.5, 1, 0.5, 0.5]
    whole = image_composite_masked(destination=flat(0.0), source=flat(1.0, 2, 2), resize_source=True, x=0)
    assert whole.min() == 1


def test_a_picture_outside_changes_nothing() -> None:
    assert values(image_composite_masked(destination=flat(0.5), source=flat(1.0), x=9, y=9)) == [0.5]


def test_an_alpha_is_split_off_and_put_back() -> None:
    pixels = torch.rand(2, 3, 5, 4)
    colours, mask = split_image_with_alpha(image=pixels)
    assert torch.allclose(mask, 1 - pixels[..., 3])
    assert torch.allclose(join_image_with_alpha(image=colours, alpha=mask), pixels)
    assert split_image_with_alpha(image=pixels[..., :3]).MASK.max() == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
def test_an_alpha_of_another_size_is_made_to_fit(images: int, masks: int, height: int, width: int) -> None:
    joined = join_image_with_alpha(image=torch.rand(images, 5, 4, 3), alpha=torch.rand(masks, height, width))
    assert joined.shape == (max(images, masks), 5, 4, 4)


SOURCE, DESTINATION = 0.8, 0.4  # opaque by 1/2 and 3/4


@pytest.mark.parametrize(
    ("mode", "colour", "alpha"),
    [
        ("CLEAR", 0.0, 0.0),
        ("SRC", 0.8, 0.5),
        ("DST", 0.4, 0.75),
        ("SRC_OVER", (0.8 * 0.5 + 0.4 * 0.75 * 0.5) / 0.875, 0.875),
        ("DST_OVER", (0.8 * 0.5 * 0.25 + 0.4 * 0.75) / 0.875, 0.875),
        ("SRC_IN", 0.8, 0.375),
        ("DST_IN", 0.4, 0.375),
        ("SRC_OUT", 0.8, 0.125),
        ("DST_OUT", 0.4, 0.375),
        ("SRC_ATOP", (0.8 * 0.375 + 0.4 * 0.375) / 0.75, 0.75),
        ("DST_ATOP", (0.8 * 0.125 + 0.4 * 0.375) / 0.5, 0.5),
        ("XOR", (0.8 * 0.125 + 0.4 * 0.375) / 0.5, 0.5),
        ("ADD", 0.7, 1.0),
        ("DARKEN", (0.8 * 0.125 + 0.4 * 0.375 + 0.4 * 0.375) / 0.875, 0.875),
        ("LIGHTEN", (0.8 * 0.125 + 0.4 * 0.375 + 0.8 * 0.375) / 0.875, 0.875),
        ("MULTIPLY", (0.8 * 0.125 + 0.4 * 0.375 + 0.32 * 0.375) / 0.875, 0.875),
        ("SCREEN", (0.8 * 0.125 + 0.4 * 0.375 + 0.88 * 0.375) / 0.875, 0.875),
        ("OVERLAY", (0.8 * 0.125 + 0.4 * 0.375 + 0.64 * 0.375) / 0.875, 0.875),
    ],
)
def test_modes_are_those_of_drawing_programs(mode: str, colour: float, alpha: float) -> None:
    image, mask = porter_duff_image_composite(
        source=flat(SOURCE, 2, 2),
        source_alpha=torch.full((2, 2), 0.5),
        destination=flat(DESTINATION),
        destination_alpha=torch.full((1, 4, 4), 0.25),
        mode=mode,
    )
    assert image.shape == (1, 4, 4, 3)
    assert values(image) == pytest.approx([colour], abs=1e-6)
    assert values(mask) == pytest.approx([1 - alpha], abs=1e-6)


def test_every_mode_is_offered() -> None:
    assert set(MODES) == set(porter_duff.SHARES) | set(porter_duff.MIXES) | {"ADD"}
    assert MODES == porter_duff.MODES


def test_masks_are_cut_grown_and_rounded() -> None:
    mask = torch.zeros(5, 5)
    mask[2, 2] = 1
    assert crop_mask(mask=mask, x=2, y=1, width=9, height=2).tolist() == [[[0, 0, 0], [1, 0, 0]]]
    assert grow_mask(mask=mask, expand=1).sum() == 5
    assert grow_mask(mask=mask, expand=1, tapered_corners=False).sum() == 9
    assert grow_mask(mask=mask, expand=-1).sum() == 0
    assert threshold_mask(mask=torch.tensor([[0.2, 0.5, 0.6]]), value=0.5).tolist() == [[[0, 0, 1]]]


def test_a_colour_is_found_exactly() -> None:
    pixels = torch.tensor([[1.0, 0.5, 0.0], [1.0, 0.51, 0.0]]).reshape(1, 1, 2, 3)
    assert image_color_to_mask(image=pixels, color=0xFF8000).tolist() == [[[1, 0]]]
    assert image_color_to_mask(image=torch.zeros(1, 1, 1, 4)).tolist() == [[[1]]]
