"""Masks."""

import pytest
import torch

from nodes.diffusion.masks import combine, feather, grow, inpaint_mask, inpaint_pixels
from tests.nodes.diffusion.toys import values


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("multiply", 0.28), ("add", 1.0), ("subtract", 0.3), ("and", 0.0), ("or", 1.0), ("xor", 1.0)],
)
def test_masks_are_combined_where_they_overlap(operation: str, expected: float) -> None:
    ground, other = torch.full((1, 4, 4), 0.7), torch.full((1, 4, 4), 0.4)
    result = combine(ground, other, 2, 3, operation)
    assert result[0, 3, 2:].tolist() == pytest.approx([expected] * 2)
    assert values(result[0, :3]) == pytest.approx([0.7])
    assert (ground == 0.7).all()


def test_a_feather_rises_from_the_left_and_the_top() -> None:
    soft = feather(torch.ones(1, 4, 6), 3, 2, 0, 0)
    assert soft[0, 3].tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1])
    assert soft[0, :, 5].tolist() == pytest.approx([0.5, 1, 1, 1])


def test_a_feather_on_the_right_begins_at_the_opposite_edge() -> None:
    soft = feather(torch.ones(1, 4, 6), 0, 0, 3, 0)
    assert soft[0, 0].tolist() == pytest.approx([1 / 3, 1, 1, 1, 1, 2 / 3])


def test_a_feather_is_no_wider_than_the_mask() -> None:
    assert feather(torch.ones(1, 2, 2), 99, 0, 0, 0)[0, 0].tolist() == pytest.approx([0.5, 1.0])


def test_growing_spreads_by_a_cross_or_a_square() -> None:
    point = torch.zeros(1, 7, 7)
    point[0, 3, 3] = 1
    assert grow(point, 2).sum() == 13
    assert grow(point, 2, tapered_corners=False).sum() == 25
    assert grow(point, 0).sum() == 1


def test_shrinking_undoes_growing_and_ignores_the_border() -> None:
    square = torch.zeros(1, 9, 9)
    square[0, 3:6, 3:6] = 0.5
    assert torch.equal(grow(grow(square, 2, tapered_corners=False), -2, tapered_corners=False), square)
    assert torch.equal(grow(torch.ones(1, 5, 5), -3), torch.ones(1, 5, 5))


def test_a_picture_to_fill_is_gray_in_its_hole() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[0, :8] = 0.6
    filled = inpaint_pixels(torch.full((2, 16, 16, 3), 0.9), mask)
    assert values(filled[:, :8]) == [0.5]
    assert values(filled[:, 8:]) == pytest.approx([0.9])


def test_sides_are_cut_to_what_a_vae_can_encode_from_the_middle() -> None:
    pixels = torch.arange(21.0).reshape(1, 21, 1, 1).expand(1, 21, 12, 3)
    filled = inpaint_pixels(pixels, torch.zeros(1, 21, 12))
    assert filled.shape == (1, 16, 8, 3)
    assert filled[0, 0, 0, 0] == 2
    assert inpaint_mask(torch.zeros(1, 21, 12), 21, 12, 6).shape == (1, 1, 16, 8)


def test_a_grown_mask_reaches_further_up_and_left() -> None:
    mask = torch.zeros(1, 24, 24)
    mask[0, 10, 10] = 1
    grown = inpaint_mask(mask, 24, 24, 6)[0, 0]
    assert grown.any(dim=1).nonzero().flatten().tolist() == [8, 9, 10, 11, 12, 13]
    assert grown.any(dim=0).nonzero().flatten().tolist() == [8, 9, 10, 11, 12, 13]
    assert inpaint_mask(mask, 24, 24, 0).sum() == 1


def test_a_small_mask_is_stretched_over_the_picture() -> None:
    mask = torch.zeros(1, 2, 2)
    mask[0, 0] = 1
    assert inpaint_mask(mask, 16, 16, 0)[0, 0].mean(dim=1).tolist() == [1.0] * 8 + [0.0] * 8
