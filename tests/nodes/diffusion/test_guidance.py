"""How many conditionings become one prediction."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nodes.diffusion.asks import Ask, run, run_together
from nodes.diffusion.conditioning import Area, Cond, RelativeArea
from nodes.diffusion.guidance import guided
from nodes.diffusion.samplers import Sampling
from tests.nodes.diffusion.toys import SD1, ToyDenoiser, values


def cond(value: float, **options: object) -> Cond:
    """A conditioning that the toy predicts as `value` everywhere."""
    return replace(Cond(torch.full((1, 3, 2), value)), **options)  # type: ignore[arg-type]


def one_question(x: Tensor, sigma: float) -> Sampling:
    return (yield x, sigma)


def predicted(
    positive: Sequence[Cond],
    negative: Sequence[Cond] = (),
    cfg: float = 1.0,
    *,
    sigma: float = 2.0,
    toy: ToyDenoiser | None = None,
    batch: int = 1,
    size: tuple[int, int] = (16, 16),
) -> Tensor:
    """D [H,W] of the first item, first channel."""
    x = torch.randn(batch, 4, *size)
    denoised = run(guided(one_question(x, sigma), toy or ToyDenoiser(), positive, negative, cfg))
    assert denoised.shape == x.shape
    return denoised[0, 0]


def test_guidance_leads_away_from_the_negative() -> None:
    assert values(predicted([cond(3)], [cond(1)], cfg=7.0)) == [1 + 7 * 2]


def test_both_sides_are_asked_at_once_positive_first() -> None:
    toy = ToyDenoiser()
    predicted([cond(3), cond(4)], [cond(1)], cfg=7.0, toy=toy)
    assert [[row.tokens.mean().item() for row in call] for call in toy.calls] == [[3.0, 4.0, 1.0]]


def test_at_cfg_one_the_negative_is_not_evaluated() -> None:
    toy = ToyDenoiser()
    assert values(predicted([cond(3)], [cond(1)], cfg=1.0, toy=toy)) == [3.0]
    assert len(toy.rows) == 1


def test_combined_conditionings_are_averaged_by_strength() -> None:
    assert values(predicted([cond(3), cond(6)])) == [4.5]
    assert values(predicted([cond(3, strength=2.0), cond(6)])) == pytest.approx([4.0])
    assert values(predicted([cond(3, strength=0.2)])) == [3.0]  # alone, it cancels
    assert values(predicted([cond(3, strength=0.0)])) == [0.0]


def test_an_empty_list_predicts_nothing() -> None:
    assert values(predicted([])) == [0.0]
    assert values(predicted([cond(3)], [], cfg=2.0)) == [6.0]


def test_a_timestep_range_decides_when_a_conditioning_counts() -> None:
    early, late = cond(3, end_percent=0.5), cond(6, start_percent=0.5)
    middle = SD1.percent_to_sigma(0.5)
    assert values(predicted([early, late], sigma=14.0)) == [3.0]
    assert values(predicted([early, late], sigma=0.1)) == [6.0]
    assert values(predicted([early, late], sigma=middle)) == [4.5]  # both ends are inclusive
    assert values(predicted([early], sigma=0.1)) == [0.0]


def test_an_area_is_evaluated_in_its_own_crop() -> None:
    toy = ToyDenoiser()
    predicted([cond(3), cond(9, area=Area(4, 0, 8, 12))], toy=toy)
    assert [row.x.shape[-2:] for row in toy.rows] == [(16, 16), (8, 12)]


def test_an_area_fades_in_from_its_inner_sides_only() -> None:
    field = predicted([cond(0), cond(1, area=Area(4, 0, 12, 16))])
    rows = field[:, 0]
    # 12 // 4 = 3 rows of ramp at the top; the other sides are the latent's own
    ramp = torch.tensor([1 / 3, 2 / 3, 1.0])
    torch.testing.assert_close(rows[4:7], ramp / (1 + ramp))
    torch.testing.assert_close(rows[7:], torch.full((9,), 0.5))
    assert not rows[:4].any()
    assert (field == rows[:, None]).all()


def test_ramps_of_two_sides_multiply_and_are_eight_cells_at_most() -> None:
    field = predicted([cond(0), cond(1, area=Area(8, 8, 56, 56))], size=(64, 64))
    weight = field / (1 - field)
    ramp = torch.cat([torch.arange(1, 9) / 8, torch.ones(48)])
    torch.testing.assert_close(weight[8:, 8:], ramp[:, None] * ramp, rtol=1e-4, atol=1e-5)


def test_an_area_that_reaches_out_is_cut_and_one_outside_is_left_out() -> None:
    toy = ToyDenoiser()
    predicted([cond(3), cond(9, area=Area(12, 8, 32, 32)), cond(9, area=Area(16, 0, 8, 8))], toy=toy)
    assert [row.x.shape[-2:] for row in toy.rows] == [(16, 16), (4, 8)]


def test_a_relative_area_is_rounded_to_cells() -> None:
    toy = ToyDenoiser()
    predicted([cond(3, area=RelativeArea(y=0.5, x=0.0, height=0.5, width=0.01))], toy=toy, size=(10, 16))
    assert toy.rows[0].x.shape[-2:] == (5, 1)


def test_an_area_on_one_side_is_mirrored_on_the_other() -> None:
    """Guidance in the crop compares two predictions made in the crop."""
    toy = ToyDenoiser()
    area = Area(0, 0, 8, 8)
    predicted([cond(3), cond(9, area=area, strength=0.7)], [cond(1)], cfg=5.0, toy=toy)
    rows = {(row.tokens.mean().item(), len(row.x[0, 0])) for row in toy.rows}
    assert rows == {(3.0, 16), (9.0, 8), (1.0, 16), (1.0, 8)}


def test_a_mirrored_area_speaks_with_the_smallest_area_around_it() -> None:
    toy = ToyDenoiser()
    areas = [Area(0, 0, 16, 16), Area(0, 0, 12, 12), Area(8, 8, 8, 8)]
    negative = [cond(10 + k, area=area) for k, area in enumerate(areas)]
    predicted([cond(9, area=Area(2, 2, 4, 4))], negative, cfg=5.0, toy=toy)
    # The positive has nothing around the negative's areas to answer them with.
    rows = {(row.tokens.mean().item(), len(row.x[0, 0])) for row in toy.rows}
    assert rows == {(9.0, 4), (10.0, 16), (11.0, 12), (12.0, 8), (11.0, 4)}


def test_an_area_that_both_sides_have_is_not_mirrored() -> None:
    toy = ToyDenoiser()
    area = Area(0, 0, 8, 8)
    predicted([cond(9, area=area)], [cond(1, area=area)], cfg=5.0, toy=toy)
    assert len(toy.rows) == 2


def test_a_mask_weighs_without_a_ramp() -> None:
    mask = torch.zeros(1, 128, 128)
    mask[:, :64] = 1
    field = predicted([cond(3), cond(9, mask=mask, mask_strength=2.0)])
    assert values(field[:8]) == [7.0]
    assert values(field[8:]) == [3.0]


def test_a_mask_alone_leaves_the_rest_empty() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[:, :4] = 0.25
    field = predicted([cond(9, mask=mask)])
    torch.testing.assert_close(field[:4], torch.full((4, 16), 9.0))
    assert not field[4:].any()


def test_mask_bounds_crop_the_evaluation() -> None:
    toy = ToyDenoiser()
    mask = torch.zeros(1, 16, 16)
    mask[:, 2:12, 3:5] = 1
    predicted([cond(9, mask=mask, set_area_to_bounds=True), cond(1)], toy=toy)
    assert toy.rows[0].x.shape[-2:] == (10, 8)  # never smaller than 8


def test_every_item_of_a_batch_has_its_own_mask_and_text() -> None:
    mask = torch.stack([torch.ones(8, 8), torch.zeros(8, 8)])
    tokens = torch.tensor([1.0, 2.0]).reshape(2, 1, 1).expand(2, 3, 2)
    toy = ToyDenoiser()
    x = torch.randn(4, 4, 8, 8)
    positive = [Cond(tokens, mask=mask), cond(5)]
    denoised = run(guided(one_question(x, 2.0), toy, positive, [], 1.0))
    assert denoised.mean(dim=(1, 2, 3)).tolist() == pytest.approx([(1.5 + 5) / 2, 5, (1.5 + 5) / 2, 5])
    assert toy.rows[0].tokens[:, 0, 0].tolist() == [1, 2, 1, 2]


def test_two_jobs_merge_into_one_call_and_get_their_own_answers() -> None:
    toy = ToyDenoiser()

    def job(value: float, sigma: float) -> Tensor:
        return run(guided(one_question(torch.ones(1, 4, 8, 8), sigma), toy, [cond(value)], [cond(1)], 3.0))

    alone = [job(2, 9.0), job(5, 0.4)]
    toy.calls.clear()
    merged = run_together(
        [
            guided(one_question(torch.ones(1, 4, 8, 8), sigma), toy, [cond(value)], [cond(1)], 3.0)
            for value, sigma in ((2, 9.0), (5, 0.4))
        ]
    )
    assert [len(call) for call in toy.calls] == [4]
    assert all(torch.equal(a, b) for a, b in zip(alone, merged, strict=True))


def test_rows_of_another_shape_or_model_have_another_key() -> None:
    def key(toy: ToyDenoiser, size: int) -> object:
        steps = guided(one_question(torch.ones(1, 4, size, size), 1.0), toy, [cond(1)], [], 1.0)
        return next(steps)[0].key

    assert key(ToyDenoiser("a"), 8) == key(ToyDenoiser("a"), 8)
    assert key(ToyDenoiser("a"), 8) != key(ToyDenoiser("b"), 8)
    assert key(ToyDenoiser("a"), 8) != key(ToyDenoiser("a"), 16)
    hash(key(ToyDenoiser("a"), 8))


def test_closing_guidance_closes_its_sampler() -> None:
    closed = []

    def sampler() -> Sampling:
        try:
            yield torch.ones(1, 4, 8, 8), 1.0
        finally:
            closed.append(True)
        return torch.ones(1)

    steps = guided(sampler(), ToyDenoiser(), [cond(1)], [], 1.0)
    next(steps)
    steps.close()
    assert closed == [True]


def test_conditionings_stay_as_they_were() -> None:
    mask = torch.rand(1, 32, 32)
    given = cond(3, mask=mask, area=RelativeArea(0, 0, 0.5, 0.5))
    before = mask.clone()
    predicted([given, cond(1)], [cond(2)], cfg=3.0)
    assert torch.equal(mask, before)
    assert given.area == RelativeArea(0, 0, 0.5, 0.5)


def test_an_ask_names_its_row() -> None:
    steps = guided(one_question(torch.ones(1, 4, 8, 8), 1.5), ToyDenoiser(), [cond(1)], [], 1.0)
    (ask,) = next(steps)
    assert isinstance(ask, Ask)
    assert (ask.row.sigma, ask.row.x.shape) == (1.5, (1, 4, 8, 8))
    assert math.isclose(ask.call([ask.row])[0].mean().item(), 1.0)
