"""Resizing, batches and pasting."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nodes.diffusion.latents import (
    Batch,
    bislerp,
    composite,
    feather_weights,
    join_batches,
    latent_from_batch,
    prepare_mask,
    repeat_batch,
    resize,
)
from nodes.diffusion.names import LATENT_UPSCALE_METHODS, UPSCALE_METHODS


@pytest.mark.parametrize("method", sorted({*UPSCALE_METHODS, *LATENT_UPSCALE_METHODS}))
@pytest.mark.parametrize("crop", ["disabled", "center"])
def test_every_method_gives_the_size_asked_for(method: str, crop: str) -> None:
    x = torch.rand(2, 3, 12, 20)
    before = x.clone()
    for width, height in ((8, 8), (40, 10), (20, 12)):
        assert resize(x, width, height, method, crop).shape == (2, 3, height, width)
    assert torch.equal(x, before)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "bicubic", "area", "bislerp"])
def test_a_size_that_stays_changes_nothing(method: str) -> None:
    x = torch.randn(1, 4, 6, 10)
    torch.testing.assert_close(resize(x, 10, 6, method), x)


def test_a_centred_crop_keeps_the_middle_and_rounds_half_to_even() -> None:
    x = torch.arange(20.0).expand(1, 1, 6, 20)
    assert resize(x, 6, 6, "nearest-exact", "center")[0, 0, 0].tolist() == list(range(7, 13))
    uneven = torch.arange(11.0).expand(1, 1, 6, 11)  # 2.5 to cut: 2 from each side
    assert resize(uneven, 7, 7, "area", "center")[0, 0, 0, 0] == 2
    tall = torch.arange(20.0)[:, None].expand(1, 1, 20, 6)
    assert resize(tall, 6, 6, "nearest-exact", "center")[0, 0, :, 0].tolist() == list(range(7, 13))


def test_lanczos_is_pillows_over_eight_bits() -> None:
    x = torch.rand(2, 3, 9, 14)
    pixels = (x[1].movedim(0, -1) * 255).byte().numpy()
    expected = np.asarray(Image.fromarray(pixels).resize((20, 5), Image.Resampling.LANCZOS))
    assert torch.equal(
        (resize(x, 20, 5, "lanczos")[1].movedim(0, -1) * 255).round().byte(), torch.tensor(expected)
    )
    assert resize(x[:, :1], 20, 5, "lanczos").shape == (2, 1, 5, 20)


def slerp(a: Tensor, b: Tensor, r: float) -> Tensor:
    """By the book, for two vectors of general position."""
    angle = math.acos(float(a @ b / a.norm() / b.norm()))
    unit_a, unit_b = a / a.norm(), b / b.norm()
    turned: Tensor = (unit_a * math.sin((1 - r) * angle) + unit_b * math.sin(r * angle)) / math.sin(angle)
    return turned * float(a.norm() * (1 - r) + b.norm() * r)


def test_bislerp_turns_vectors_between_neighbours() -> None:
    x = torch.randn(1, 4, 1, 2)
    a, b = x[0, :, 0, 0], x[0, :, 0, 1]
    result = bislerp(x, 4, 1)[0, :, 0]
    expected = torch.stack([a, slerp(a, b, 0.25), slerp(a, b, 0.75), b], dim=1)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_bislerp_keeps_lengths_where_bilinear_shrinks_them() -> None:
    x = torch.randn(1, 16, 8, 8)
    x = x / x.norm(dim=1, keepdim=True)
    lengths = bislerp(x, 16, 16).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-4, atol=1e-4)
    assert resize(x, 16, 16, "bilinear").norm(dim=1).mean() < 0.9


def test_bislerp_survives_equal_opposite_and_zero_vectors() -> None:
    a = torch.tensor([3.0, 4.0, 0.0, 0.0])
    for b in (a, 2 * a, -a, 0 * a):
        result = bislerp(torch.stack([a, b], dim=1)[None, :, None], 4, 1)
        assert result.isfinite().all()
    opposite = bislerp(torch.stack([a, -a], dim=1)[None, :, None], 4, 1)[0, :, 0]
    torch.testing.assert_close(opposite[:, 1], a * 0.5)


def batch(size: int, **options: Any) -> Batch:
    samples = torch.arange(float(size)).reshape(size, 1, 1, 1).expand(size, 4, 8, 8)
    return Batch(samples)._replace(**options)


def values(tensor: Tensor | None) -> list[float]:
    assert tensor is not None
    numbers: list[float] = tensor.flatten(1)[:, 0].tolist()
    return numbers


def test_an_item_out_of_a_batch_keeps_its_number() -> None:
    part = latent_from_batch(batch(4), 1, 2)
    assert (values(part.samples), part.batch_index) == ([1, 2], (1, 2))
    again = latent_from_batch(part, 1, 5)
    assert (values(again.samples), again.batch_index) == ([2], (2,))
    assert latent_from_batch(batch(4), 9, 9).batch_index == (3,)


def test_masks_follow_their_items() -> None:
    masks = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 8, 8)
    part = latent_from_batch(batch(4, noise_mask=masks), 1, 2)
    assert values(part.noise_mask) == [1, 0]
    assert latent_from_batch(batch(4, noise_mask=masks[:1]), 1, 2).noise_mask is not None
    assert values(repeat_batch(batch(3, noise_mask=masks), 2).noise_mask) == [0, 1, 0, 0, 1, 0]
    assert values(repeat_batch(batch(3, noise_mask=masks[:1]), 2).noise_mask) == [0]


def test_repeated_batches_number_their_copies_on() -> None:
    assert values(repeat_batch(batch(2), 2).samples) == [0, 1, 0, 1]
    assert repeat_batch(batch(2), 2).batch_index is None
    assert repeat_batch(batch(2, batch_index=(3, 5)), 3).batch_index == (3, 5, 6, 8, 9, 11)


def test_joined_batches_take_the_size_and_numbers_of_each() -> None:
    second = Batch(torch.ones(1, 4, 16, 8), batch_index=(7,))
    joined = join_batches(batch(2), second)
    assert joined.samples.shape == (3, 4, 8, 8)
    assert joined.batch_index == (0, 1, 7)


def test_a_noise_mask_is_stretched_but_not_rounded() -> None:
    latent = torch.zeros(3, 4, 4, 4)
    mask = torch.zeros(2, 8, 8)
    mask[0, :, :3] = 1
    prepared = prepare_mask(mask, latent)
    assert prepared.shape == (3, 1, 4, 4)
    assert prepared[0, 0, 0].tolist() == [1, 0.5, 0, 0]
    assert torch.equal(prepared[2], prepared[0])


def test_pasting_is_cut_at_every_border() -> None:
    ground, patch = torch.zeros(1, 1, 4, 4), torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    assert composite(ground, patch, 3, 2)[0, 0].tolist() == [[0] * 4, [0] * 4, [0, 0, 0, 1], [0, 0, 0, 4]]
    assert composite(ground, patch, -2, -1)[0, 0].tolist() == [[6, 0, 0, 0], [9, 0, 0, 0], [0] * 4, [0] * 4]
    assert not composite(ground, patch, 9, 9).any()
    assert not composite(ground, patch, -9, 0).any()
    assert not ground.any()


def test_pasting_through_a_mask_mixes() -> None:
    ground, patch = torch.zeros(2, 1, 4, 4), torch.full((1, 1, 2, 2), 8.0)
    result = composite(ground, patch, 1, 1, torch.full((1, 6, 6), 0.25))
    assert result[1, 0].tolist() == [[0] * 4, [0, 2, 2, 0], [0, 2, 2, 0], [0] * 4]


def test_feathering_fades_the_inner_sides() -> None:
    weights = feather_weights((4, 6), (8, 8), 0, 2, 2)
    assert weights[:, 0].tolist() == [0.5, 1, 1, 0.5]
    assert weights[1].tolist() == [1, 1, 1, 1, 1, 0.5]
    assert torch.equal(feather_weights((4, 4), (4, 4), 0, 0, 3), torch.ones(4, 4))
