"""Conditioning nodes change a copy, never what they were given."""

from typing import Any

import pytest
import torch

from nodes.conditioning import (
    conditioning_average,
    conditioning_combine,
    conditioning_concat,
    conditioning_set_area,
    conditioning_set_area_percentage,
    conditioning_set_area_strength,
    conditioning_set_mask,
    conditioning_set_timestep_range,
    conditioning_zero_out,
    flux_disable_guidance,
    flux_guidance,
    flux_kontext_multi_reference_latent_method,
    reference_latent,
)
from nodes.diffusion.conditioning import Area, Cond, RelativeArea
from nodes.sockets import Latent

ONE = (Cond(torch.ones(1, 77, 2), torch.ones(1, 2)),)
TWO = (Cond(torch.zeros(1, 154, 2), torch.zeros(1, 2)), ONE[0])


def test_combining_joins_the_lists() -> None:
    assert conditioning_combine(conditioning_1=ONE, conditioning_2=TWO) == (*ONE, *TWO)


def test_averaging_mixes_with_the_first_of_the_other() -> None:
    (mixed,) = conditioning_average(conditioning_to=ONE, conditioning_from=TWO, conditioning_to_strength=0.25)
    assert mixed.tokens.shape == (1, 77, 2)
    assert torch.equal(mixed.tokens, torch.full((1, 77, 2), 0.25))
    assert ONE[0].tokens.min() == 1


def test_concatenating_lays_tokens_end_to_end() -> None:
    (joined,) = conditioning_concat(conditioning_to=ONE, conditioning_from=TWO)
    assert joined.tokens.shape == (1, 231, 2)


def test_areas_are_cells_of_eight_pixels() -> None:
    (cond,) = conditioning_set_area(conditioning=ONE, width=100, height=64, x=8, y=23, strength=2.0)
    assert (cond.area, cond.strength) == (Area(y=2, x=1, height=8, width=12), 2.0)
    (cond,) = conditioning_set_area_percentage(conditioning=ONE, width=0.5, height=0.25, x=0.1, y=0.2)
    assert cond.area == RelativeArea(y=0.2, x=0.1, height=0.25, width=0.5)


@pytest.mark.parametrize(("choice", "bounds"), [("default", False), ("mask bounds", True)])
def test_a_mask_is_given_a_batch(choice: Any, bounds: bool) -> None:
    (cond,) = conditioning_set_mask(
        conditioning=ONE, mask=torch.ones(4, 5), strength=0.5, set_cond_area=choice
    )
    assert cond.mask is not None
    assert cond.mask.shape == (1, 4, 5)
    assert (cond.mask_strength, cond.set_area_to_bounds) == (0.5, bounds)


def test_a_range_is_in_parts_of_the_sampling() -> None:
    (cond,) = conditioning_set_timestep_range(conditioning=ONE, start=0.25, end=0.5)
    assert (cond.start_percent, cond.end_percent) == (0.25, 0.5)


def test_zeroing_silences_a_copy() -> None:
    (silent,) = conditioning_zero_out(conditioning=ONE)
    assert silent.tokens.abs().max() == 0
    assert silent.pooled is not None
    assert silent.pooled.abs().max() == 0
    assert ONE[0].tokens.min() == 1


def test_numbers_and_pictures_for_some_networks_are_noted() -> None:
    (cond,) = flux_guidance(conditioning=ONE, guidance=2.5)
    assert cond.guidance == 2.5
    assert flux_disable_guidance(conditioning=(cond,))[0].guidance is None
    first, second = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    shown = reference_latent(conditioning=(cond,), latent=Latent(first))
    shown = reference_latent(conditioning=shown, latent=Latent(second))
    assert shown[0].references == (first, second)
    assert reference_latent(conditioning=shown) is shown
    for method, noted in [("offset", "offset"), ("uxo/uno", "uxo")]:
        (laid,) = flux_kontext_multi_reference_latent_method(
            conditioning=shown, reference_latents_method=method
        )
        assert laid.references_method == noted
    assert conditioning_set_area_strength(conditioning=shown, strength=0.5)[0].strength == 0.5
