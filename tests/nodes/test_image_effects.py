"""How pictures are made to look otherwise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.image_effects import (
    canny_edges,
    color_transfer,
    image_add_noise,
    image_blend,
    image_blur,
    image_quantize,
    image_rgb_to_yuv,
    image_sharpen,
    image_yuv_to_rgb,
    morphology,
)

MODES = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")


def values(pixels: torch.Tensor) -> list[float]:
    return sorted(set(pixels.flatten().tolist()))


def flat(value: float, height: int = 4, width: int = 5) -> torch.Tensor:
    return torch.full((1, height, width, 3), value)


def dot(size: int = 9) -> torch.Tensor:
    pixels = torch.zeros(1, size, size, 3)
    pixels[0, size // 2, size // 2] = 1
    return pixels


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", 0.25), ("multiply", 0.1875), ("screen", 0.8125), ("overlay", 0.625),
        ("soft_light", 0.65625), ("difference", 0.5),
    ],
)  # fmt: skip
def test_two_pictures_are_blended(mode: str, expected: float) -> None:
    blended = image_blend(image1=flat(0.75), image2=flat(0.25), blend_factor=1.0, blend_mode=mode)  # type: ignore[arg-type]
    assert values(blended) == pytest.approx([expected])
    half = image_blend(image1=flat(0.75), image2=flat(0.25), blend_factor=0.5, blend_mode=mode)  # type: ignore[arg-type]
    assert values(half) == pytest.approx([(0.75 + expected) / 2])


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(MODES), st.integers(1, 9), st.integers(1, 9), st.integers(3, 4), st.floats(0, 1))
def test_blends_stay_in_range_whatever_the_second_is_like(
    mode: str, height: int, width: int, channels: int, factor: float
) -> None:
    first, second = torch.rand(2, 5, 7, 3), torch.rand(1, height, width, channels)
    blended = image_blend(image1=first, image2=second, blend_factor=factor, blend_mode=mode)  # type: ignore[arg-type]
    assert blended.shape == (2, 5, 7, 3)
    assert 0 <= blended.min() <= blended.max() <= 1


def test_a_dot_is_blurred_to_a_gaussian() -> None:
    blurred = image_blur(image=dot(), blur_radius=1, sigma=1.0)[0, 3:6, 3:6, 0]
    edge, corner = math.exp(-0.5), math.exp(-1)
    total = 1 + 4 * edge + 4 * corner
    assert blurred[1, 1].item() == pytest.approx(1 / total)
    assert blurred[0, 1].item() == pytest.approx(edge / total)
    assert blurred[2, 0].item() == pytest.approx(corner / total)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.floats(0.1, 10))
def test_what_is_flat_stays_flat_at_any_size(height: int, width: int, radius: int, sigma: float) -> None:
    pixels = flat(0.3, height, width)
    for changed in (
        image_blur(image=pixels, blur_radius=radius, sigma=sigma),
        image_sharpen(image=pixels, sharpen_radius=radius, sigma=sigma, alpha=2.0),
    ):
        assert torch.allclose(changed, pixels, atol=1e-5)


def test_sharpening_drives_an_edge_apart() -> None:
    pixels = torch.cat([flat(0.4), flat(0.6)], dim=2)
    sharp = image_sharpen(image=pixels, alpha=0.1)
    row = sharp[0, 1, :, 0]
    assert row[0].item() == pytest.approx(0.4)
    assert row[4] < 0.4
    assert row[5] > 0.6


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])
def test_few_colours_are_left(dither: str) -> None:
    pixels = torch.linspace(0, 1, 30 * 31).reshape(1, 30, 31, 1).expand(2, -1, -1, 3)
    few = image_quantize(image=pixels, colors=4, dither=dither)  # type: ignore[arg-type]
    assert few.shape == (2, 30, 31, 3)
    assert len(set(map(tuple, few[0].reshape(-1, 3).tolist()))) <= 4


def test_equal_seeds_add_equal_noise() -> None:
    one, same, other = (image_add_noise(image=flat(0.5), seed=seed, strength=0.1) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(image_add_noise(image=flat(0.5), seed=1, strength=0.0), flat(0.5))


def test_the_edge_of_a_square_is_found_once() -> None:
    pixels = torch.zeros(1, 24, 24, 3)
    pixels[:, 8:16, 8:16] = 1
    edges = canny_edges(image=pixels)
    assert edges.shape == (1, 24, 24, 3)
    assert values(edges) == [0, 1]
    middle = edges[0, 12, :, 0]
    assert middle[6:10].sum() == 1
    assert middle[10:14].sum() == 0
    assert edges[0, :5].sum() == 0


def test_a_faint_edge_counts_where_it_leads_to_a_strong_one() -> None:
    pixels = torch.zeros(1, 40, 20, 3)
    pixels[:, :, 10:] = torch.linspace(0.12, 1.0, 40)[:, None, None]
    alone = torch.zeros(1, 40, 20, 3)
    alone[:, :, 10:] = 0.15
    assert canny_edges(image=pixels, low_threshold=0.3, high_threshold=0.9)[0, 6, :, 0].sum() == 1
    assert canny_edges(image=alone, low_threshold=0.3, high_threshold=0.9).sum() == 0


def test_a_flat_picture_has_no_edges() -> None:
    assert canny_edges(image=flat(0.7, 1, 1)).sum() == 0
    assert canny_edges(image=torch.full((1, 9, 9, 1), 0.5)).sum() == 0


@pytest.mark.parametrize(
    ("operation", "count"),
    [
        ("erode", 0),
        ("dilate", 9),
        ("open", 0),
        ("close", 1),
        ("gradient", 9),
        ("bottom_hat", 0),
        ("top_hat", 1),
    ],
)
def test_a_dot_grows_and_vanishes(operation: str, count: int) -> None:
    changed = morphology(image=dot(), operation=operation)  # type: ignore[arg-type]
    assert changed[0, ..., 0].sum() == count


def test_morphology_has_no_border() -> None:
    assert morphology(image=flat(1.0, 3, 3), operation="erode", kernel_size=5).min() == 1


def test_colours_survive_being_taken_apart() -> None:
    pixels = torch.rand(2, 5, 3, 3)
    channels = image_rgb_to_yuv(image=pixels)
    assert all(each.shape == pixels.shape for each in channels)
    assert channels.Y[0, 0, 0, 0] == pytest.approx(
        float(pixels[0, 0, 0] @ torch.tensor([0.299, 0.587, 0.114]))
    )
    again = image_yuv_to_rgb(Y=channels.Y, U=channels.U, V=channels.V)
    assert torch.allclose(again, pixels, atol=2e-3)


def test_colours_are_taken_over() -> None:
    pixels, reference = torch.rand(2, 8, 8, 3) * 0.2, torch.rand(1, 4, 4, 3) * 0.2 + 0.5
    changed = color_transfer(image_target=pixels, image_ref=reference).image
    assert torch.allclose(changed.mean((1, 2)), reference.mean((1, 2)).expand(2, -1), atol=1e-3)
    assert torch.equal(color_transfer(image_target=pixels, image_ref=reference, strength=0.0).image, pixels)
