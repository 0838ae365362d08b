"""Arithmetic, cutting, turning and joining of latents."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from nodes.latent_operations import (
    latent_add,
    latent_apply_operation,
    latent_batch,
    latent_batch_seed_behavior,
    latent_blend,
    latent_composite,
    latent_composite_masked,
    latent_concat,
    latent_crop,
    latent_cut,
    latent_cut_to_batch,
    latent_flip,
    latent_interpolate,
    latent_multiply,
    latent_operation_sharpen,
    latent_operation_tonemap_reinhard,
    latent_rotate,
    latent_subtract,
    rebatch_latents,
)
from nodes.sockets import Latent


def flat(value: float, height: int = 4, width: int = 4, count: int = 1, channels: int = 4) -> Latent:
    return Latent(torch.full((count, channels, height, width), value))


def numbered(height: int, width: int) -> Latent:
    return Latent(torch.arange(float(height * width)).reshape(1, 1, height, width))


def rows(latent: Latent) -> list[list[float]]:
    found: list[list[float]] = latent.samples[0, 0].tolist()
    return found


def values(latent: Latent) -> list[float]:
    return sorted(set(latent.samples.flatten().tolist()))


def test_latents_are_added_and_mixed() -> None:
    assert values(latent_add(samples1=flat(1.0), samples2=flat(2.0))) == [3]
    assert values(latent_subtract(samples1=flat(1.0), samples2=flat(2.0))) == [-1]
    assert values(latent_multiply(samples=flat(2.0), multiplier=-1.5)) == [-3]
    assert values(latent_blend(samples1=flat(1.0), samples2=flat(2.0), blend_factor=0.75)) == [1.25]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3))
def test_the_second_is_made_to_fit_the_first(height: int, width: int, first: int, second: int) -> None:
    for node in (latent_add, latent_blend, latent_interpolate):
        result = node(samples1=flat(1.0, 5, 7, first), samples2=flat(1.0, height, width, second))
        assert result.samples.shape == (first, 4, 5, 7)


def test_what_travels_beside_the_first_stays() -> None:
    one = Latent(torch.ones(1, 4, 2, 2), torch.ones(1, 1, 16, 16), (3,))
    result = latent_add(samples1=one, samples2=flat(1.0, 2, 2))
    assert result.noise_mask is one.noise_mask
    assert result.batch_index == (3,)


def test_directions_and_lengths_are_mixed_by_themselves() -> None:
    a = Latent(torch.tensor([2.0, 0.0]).reshape(1, 2, 1, 1))
    b = Latent(torch.tensor([0.0, 4.0]).reshape(1, 2, 1, 1))
    half = latent_interpolate(samples1=a, samples2=b, ratio=0.5).samples.flatten()
    assert half.norm().item() == pytest.approx(3)
    assert half[0] == half[1]
    assert torch.allclose(latent_interpolate(samples1=a, samples2=b, ratio=1.0).samples, a.samples)
    zero = latent_interpolate(samples1=flat(0.0), samples2=flat(0.0), ratio=0.5)
    assert values(zero) == [0]


def test_latents_of_other_families_do_not_mix() -> None:
    for node in (latent_add, latent_batch):
        with pytest.raises(UserError, match="16 channels do not go with samples of 4"):
            node(samples1=flat(1.0), samples2=flat(1.0, channels=16))
    with pytest.raises(UserError, match="16 channels"):
        latent_composite(samples_to=flat(1.0), samples_from=flat(1.0, channels=16))


def test_batches_are_joined_and_parted_and_each_keeps_its_noise() -> None:
    whole = latent_batch(samples1=flat(1.0, count=2), samples2=flat(2.0, 8, 8, count=1))
    assert whole.samples[:, 0, 0, 0].tolist() == [1, 1, 2]
    assert whole.batch_index == (0, 1, 0)
    parts = rebatch_latents(latents=[whole, flat(3.0, 2, 2)], batch_size=2)
    assert [tuple(part.samples.shape) for part in parts] == [(2, 4, 4, 4), (1, 4, 4, 4), (1, 4, 2, 2)]
    assert [part.batch_index for part in parts] == [(0, 1), (0,), (0,)]
    assert rebatch_latents(latents=[], batch_size=2) == []


def test_masks_go_with_their_items() -> None:
    masks = torch.arange(3.0).reshape(3, 1, 1, 1)
    parts = rebatch_latents(latents=[Latent(torch.zeros(3, 4, 2, 2), masks)], batch_size=2)
    assert [part.noise_mask.flatten().tolist() for part in parts if part.noise_mask is not None] == [
        [0, 1],
        [2],
    ]


def test_all_items_may_get_one_noise() -> None:
    three = Latent(torch.zeros(3, 4, 2, 2), batch_index=(5, 6, 7))
    assert latent_batch_seed_behavior(samples=three).batch_index == (5, 5, 5)
    assert latent_batch_seed_behavior(samples=flat(0.0, count=2)).batch_index == (0, 0)
    assert latent_batch_seed_behavior(samples=three, seed_behavior="random").batch_index is None


def test_a_latent_is_pasted_with_fading_sides() -> None:
    pasted = latent_composite(samples_to=flat(0.0), samples_from=flat(1.0, 2, 3), x=16, y=8)
    assert rows(pasted) == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    faded = latent_composite(samples_to=flat(0.0, 1, 8), samples_from=flat(1.0, 1, 8), x=8, feather=16)
    assert rows(faded) == [[0, 0.5, 1, 1, 1, 1, 1, 1]]
    outside = latent_composite(samples_to=flat(0.0), samples_from=flat(1.0), x=800, y=8, feather=8)
    assert values(outside) == [0]


def test_a_mask_says_where_it_is_pasted() -> None:
    mask = torch.tensor([[0.0, 1.0]])
    pasted = latent_composite_masked(destination=flat(0.0), source=flat(1.0, 2, 2), x=8, y=16, mask=mask)
    assert rows(pasted) == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    whole = latent_composite_masked(destination=flat(0.0), source=flat(1.0, 1, 1), resize_source=True)
    assert values(whole) == [1]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 200), st.integers(0, 200))
def test_a_crop_lies_inside_and_has_eight_cells_if_there_are(height: int, width: int, x: int, y: int) -> None:
    cut = latent_crop(samples=numbered(height, width), width=64, height=64, x=x, y=y)
    assert cut.samples.shape[-2:] == (min(height, 8), min(width, 8))


def test_latents_are_mirrored_and_turned() -> None:
    latent = numbered(2, 3)
    assert rows(latent_flip(samples=latent, flip_method="x-axis: vertically")) == [[3, 4, 5], [0, 1, 2]]
    assert rows(latent_flip(samples=latent, flip_method="y-axis: horizontally")) == [[2, 1, 0], [5, 4, 3]]
    assert rows(latent_rotate(samples=latent, rotation="90 degrees")) == [[3, 0], [4, 1], [5, 2]]
    assert rows(latent_rotate(samples=latent, rotation="270 degrees")) == [[2, 5], [1, 4], [0, 3]]


def test_latents_are_joined_and_cut_along_an_axis() -> None:
    one, other = numbered(1, 2), Latent(torch.full((1, 1, 1, 1), 9.0))
    assert rows(latent_concat(samples1=one, samples2=other, dim="x")) == [[0, 1, 9]]
    assert rows(latent_concat(samples1=one, samples2=other, dim="-x")) == [[9, 0, 1]]
    with pytest.raises(UserError, match="cannot be joined along y"):
        latent_concat(samples1=one, samples2=other, dim="y")
    for index, amount, expected in [(1, 2, [1, 2]), (9, 9, [3]), (-2, 9, [2, 3]), (-9, 1, [0])]:
        assert rows(latent_cut(samples=numbered(1, 4), dim="x", index=index, amount=amount)) == [expected]
    with pytest.raises(UserError, match="time of videos"):
        latent_cut(samples=one, dim="t")


def test_slices_become_items_item_by_item() -> None:
    two = Latent(torch.arange(20.0).reshape(2, 1, 2, 5))
    cut = latent_cut_to_batch(samples=two, dim="x", slice_size=2).samples
    assert cut.shape == (4, 1, 2, 2)
    assert cut[:, 0, 0, 0].tolist() == [0, 2, 10, 12]
    video = Latent(torch.arange(6.0).reshape(1, 1, 3, 1, 2))
    frames = latent_cut_to_batch(samples=video, dim="t").samples
    assert frames.shape == (3, 1, 1, 1, 2)
    assert frames[:, 0, 0, 0, 0].tolist() == [0, 2, 4]
    with pytest.raises(UserError, match="slice_size: 9 is more than the 5"):
        latent_cut_to_batch(samples=two, dim="x", slice_size=9)


def test_operations_work_on_directions_or_on_lengths() -> None:
    samples = torch.randn(2, 4, 8, 8)
    sharp = latent_apply_operation(
        samples=Latent(samples), operation=latent_operation_sharpen(sharpen_radius=2)
    )
    assert sharp.samples.shape == samples.shape
    assert not torch.allclose(sharp.samples, samples, atol=0.01)
    same = latent_operation_sharpen(sharpen_radius=2, alpha=0.0)
    assert torch.allclose(latent_apply_operation(samples=Latent(samples), operation=same).samples, samples)
    pressed: Any = latent_apply_operation(
        samples=Latent(samples), operation=latent_operation_tonemap_reinhard(multiplier=0.5)
    ).samples
    assert torch.allclose(torch.cosine_similarity(pressed, samples, dim=1), torch.ones(2, 8, 8), atol=1e-5)
    length = samples.norm(dim=1, keepdim=True)
    top = (length.std((1, 2, 3), keepdim=True) * 5 + length.mean((1, 2, 3), keepdim=True)) * 0.5
    assert torch.allclose(pressed.norm(dim=1, keepdim=True), length * top / (length + top), atol=1e-5)
