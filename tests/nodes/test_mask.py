"""Mask nodes, quirks included."""

import pytest
import torch

from nodes.mask import (
    feather_mask,
    image_to_mask,
    invert_mask,
    mask_composite,
    mask_to_image,
    solid_mask,
)


def test_a_solid_mask_has_one_value() -> None:
    mask = solid_mask(value=0.25, width=3, height=2)
    assert mask.shape == (1, 2, 3)
    assert torch.equal(invert_mask(mask=mask), torch.full((1, 2, 3), 0.75))


def test_the_right_side_fades_from_the_wrong_edge() -> None:
    faded = feather_mask(mask=torch.ones(1, 1, 6), right=3)
    assert faded[0, 0].tolist() == pytest.approx([1 / 3, 1, 1, 1, 1, 2 / 3])


def test_the_left_side_fades_from_its_own() -> None:
    assert feather_mask(mask=torch.ones(1, 6), left=2)[0, 0].tolist() == [0.5, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.6, 0.3, 0.0]),
        ("add", [1.0, 1.0, 1.0]),
        ("subtract", [0.0, 0.0, 0.0]),
        ("and", [1.0, 0.0, 0.0]),
        ("or", [1.0, 1.0, 1.0]),
        ("xor", [0.0, 1.0, 1.0]),
    ],
)
def test_masks_are_worked_into_each_other(operation: str, expected: list[float]) -> None:
    destination, source = torch.tensor([[[0.6, 0.3, 0.0]]]), torch.ones(1, 1, 3)
    result = mask_composite(destination=destination, source=source, operation=operation)
    assert result[0, 0].tolist() == pytest.approx(expected)
    assert destination[0, 0].tolist() == pytest.approx([0.6, 0.3, 0.0])


def test_a_mask_is_cut_at_the_border() -> None:
    result = mask_composite(
        destination=torch.zeros(1, 3, 3), source=torch.ones(1, 3, 3), x=2, y=9, operation="add"
    )
    assert result.sum() == 0
    result = mask_composite(
        destination=torch.zeros(1, 3, 3), source=torch.ones(1, 3, 3), x=2, y=2, operation="add"
    )
    assert result.sum() == 1


def test_a_mask_is_a_gray_picture_and_back() -> None:
    mask = torch.rand(2, 3, 4)
    image = mask_to_image(mask=mask)
    assert image.shape == (2, 3, 4, 3)
    assert torch.equal(image_to_mask(image=image, channel="blue"), mask)


def test_an_alpha_that_is_missing_is_opaque() -> None:
    assert image_to_mask(image=torch.zeros(1, 2, 2, 3), channel="alpha").min() == 1
