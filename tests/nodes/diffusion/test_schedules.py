"""Which noise levels are visited."""

import json
from pathlib import Path

import pytest
import torch
from scipy.special import betaincinv

from nodes.diffusion.names import SCHEDULERS
from nodes.diffusion.schedules import beta, karras_sigmas, sampler_sigmas, schedule, window
from tests.nodes.diffusion.toys import SD1

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "sigmas.json").read_text())
CASES = [(name, int(steps)) for name in ("normal", "karras", "simple") for steps in REFERENCE[name]]


@pytest.mark.parametrize(("name", "steps"), CASES)
def test_schedules_agree_with_the_reference(name: str, steps: int) -> None:
    expected = torch.tensor(REFERENCE[name][str(steps)])
    torch.testing.assert_close(schedule(name, SD1, steps), expected, rtol=5e-7, atol=0)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 5, 20, 1000])
def test_schedules_descend_to_zero(name: str, steps: int) -> None:
    sigmas = schedule(name, SD1, steps)
    assert sigmas.dtype == torch.float32
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()
    assert sigmas[0] <= SD1.sigma_max * (1 + 1e-5)


def test_an_unknown_schedule_is_simple() -> None:
    assert torch.equal(schedule("no such schedule", SD1, 7), schedule("simple", SD1, 7))


def test_ddim_uniform_starts_at_the_second_level_and_may_be_longer_than_asked() -> None:
    sigmas = schedule("ddim_uniform", SD1, 6)
    assert len(sigmas) == 8
    assert sigmas[0].item() == pytest.approx(14.4386, rel=1e-5)
    assert sigmas[-2].item() == SD1.sigmas[1]


def test_linear_quadratic_is_linear_over_the_threshold_and_then_quadratic() -> None:
    way = 1 - schedule("linear_quadratic", SD1, 10) / SD1.sigma_max
    torch.testing.assert_close(way[:6], torch.linspace(0, 0.025, 6), rtol=1e-3, atol=1e-6)
    assert way[5:].diff().diff().std() < 1e-6  # a constant second difference


@pytest.mark.parametrize(("a", "b"), [(0.6, 0.6), (0.1, 30.0), (2.0, 0.3), (40.0, 7.0)])
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 300])
def test_beta_takes_the_quantiles_of_its_distribution(a: float, b: float, steps: int) -> None:
    quantiles = torch.tensor([betaincinv(a, b, 1 - k / steps) * 999 for k in range(steps)])
    indices = dict.fromkeys(quantiles.round().long().tolist())
    torch.testing.assert_close(beta(SD1, steps, a, b)[:-1], torch.tensor([SD1.sigmas[i] for i in indices]))


def test_karras_ramps_between_its_ends() -> None:
    sigmas = karras_sigmas(5, 0.1, 10.0, rho=3.0)
    torch.testing.assert_close(sigmas[:-1] ** (1 / 3), torch.linspace(10 ** (1 / 3), 0.1 ** (1 / 3), 5))


def test_denoise_runs_all_steps_at_the_end_of_a_longer_schedule() -> None:
    whole = sampler_sigmas("euler", "karras", SD1, 12, 1.0)
    assert torch.equal(sampler_sigmas("euler", "karras", SD1, 6, 0.5), whole[-7:])
    assert len(sampler_sigmas("euler", "normal", SD1, 6, 0.8)) == 7
    assert torch.equal(
        sampler_sigmas("euler", "normal", SD1, 6, 0.8), schedule("normal", SD1, 7)[-7:]
    )  # 6 / 0.8 is 7.5: rounded down


def test_denoise_zero_does_nothing() -> None:
    assert len(sampler_sigmas("euler", "normal", SD1, 6, 0.0)) == 0


@pytest.mark.parametrize("sampler", ["dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"])
def test_some_samplers_leave_out_the_level_before_the_last(sampler: str) -> None:
    longer = schedule("normal", SD1, 7)
    assert torch.equal(sampler_sigmas(sampler, "normal", SD1, 6), torch.cat([longer[:-2], longer[-1:]]))


def test_a_window_cuts_a_schedule_and_may_leave_noise() -> None:
    sigmas = schedule("normal", SD1, 6)
    assert torch.equal(window(sigmas), sigmas)
    assert torch.equal(window(sigmas, 0, 3, leftover_noise=True), sigmas[:4])
    assert torch.equal(window(sigmas, 3, 6), sigmas[3:])
    forced = window(sigmas, 1, 3)
    assert torch.equal(forced[:-1], sigmas[1:3])
    assert forced[-1] == 0
    assert sigmas[3] > 0  # the schedule itself is as it was


def test_a_window_behind_the_end_is_empty() -> None:
    sigmas = schedule("normal", SD1, 6)
    assert len(window(sigmas, 6)) == 0
    assert len(window(sigmas, 3, 3)) == 0
