"""Tiles that overlap, and how they are joined."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from nodes.diffusion.tiling import ramp, stretches, tiled, tiled_thrice


def enlarged(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=8.0)


def test_tiles_step_by_their_length_less_the_overlap() -> None:
    assert [(s.start, s.stop) for s in stretches(100, 64, 16)] == [(0, 64), (48, 100)]
    assert [(s.start, s.stop) for s in stretches(64, 64, 16)] == [(0, 64)]
    assert [(s.start, s.stop) for s in stretches(10, 64, 16)] == [(0, 10)]


def test_a_tile_fades_at_both_ends_and_never_to_nothing() -> None:
    assert ramp(8, 2).tolist() == [0.5, 1, 1, 1, 1, 1, 1, 0.5]
    assert ramp(3, 2).tolist() == [0.5, 1, 0.5]
    assert ramp(4, 4).tolist() == [1, 1, 1, 1]
    assert ramp(4, 0).tolist() == [1, 1, 1, 1]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(0, 8))
def test_what_depends_on_one_cell_only_is_unchanged_by_tiles(
    height: int, width: int, rows: int, columns: int, overlap: int
) -> None:
    x = torch.rand(2, 4, height, width)
    torch.testing.assert_close(tiled(enlarged, x, (rows, columns), overlap, 8), enlarged(x))


def test_three_passes_of_the_same_are_the_same() -> None:
    x = torch.rand(1, 4, 50, 30)
    torch.testing.assert_close(tiled_thrice(enlarged, x, (16, 16), 4, 8), enlarged(x))


def test_tiles_may_shrink_what_they_are_given() -> None:
    x = torch.rand(1, 3, 160, 96)
    torch.testing.assert_close(tiled(lambda t: avg_pool2d(t, 8), x, (64, 64), 16, 1 / 8), avg_pool2d(x, 8))


def test_overlapping_tiles_are_averaged_by_their_weights() -> None:
    """Two tiles of 4 cells that share 2: each says its own first value; their weights fade by halves."""
    x = torch.arange(6.0)[None, None, None]
    joined = tiled(lambda t: torch.zeros_like(t) + t[..., :1], x, (1, 4), 2, 1)
    assert joined.flatten().tolist() == pytest.approx([0, 0, 2 * (1 / 3), 2 * (2 / 3), 2, 2])
