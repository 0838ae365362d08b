"""Noise levels, timesteps and prediction types."""

import math

import pytest
import torch

from nodes.diffusion.model_sampling import LatentFormat, ModelSampling
from tests.nodes.diffusion.toys import SD1


def test_stable_diffusion_has_the_levels_it_was_trained_on() -> None:
    assert len(SD1.sigmas) == 1000
    assert [SD1.sigma_min, SD1.sigma_max] == pytest.approx([0.0291671585, 14.6146411896], rel=1e-7)


def test_linear_betas_reach_a_higher_level() -> None:
    pinhole = ModelSampling.from_betas("linear", start=1e-4, end=0.02, prediction="v")
    assert pinhole.sigma_max == pytest.approx(157.407, rel=1e-5)


def test_zero_terminal_snr_moves_the_top_and_leaves_the_bottom() -> None:
    rescaled = ModelSampling.from_betas(zsnr=True)
    assert rescaled.sigma_max == pytest.approx(4518.76, rel=1e-5)
    assert rescaled.sigma_min == pytest.approx(SD1.sigma_min, rel=1e-6)


def test_levels_agree_with_the_reference_chain() -> None:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = (1 - betas).cumprod(0)
    torch.testing.assert_close(
        torch.tensor(SD1.sigmas), ((1 - alphas) / alphas).sqrt().float(), rtol=1e-6, atol=0
    )


def test_a_level_of_the_table_has_its_own_timestep() -> None:
    assert [SD1.timestep(sigma) for sigma in SD1.sigmas] == [float(t) for t in range(1000)]


def test_a_level_between_timesteps_has_the_nearest_in_log_sigma() -> None:
    levels = torch.tensor(SD1.sigmas).log()
    for sigma in (0.001, 0.03, 0.5712, 1.0, 3.14159, 14.0, 99.0):
        nearest = (levels - math.log(sigma)).abs().argmin()
        assert SD1.timestep(sigma) == float(nearest)


def test_a_timestep_between_levels_is_linear_in_log_sigma() -> None:
    assert SD1.sigma(400.25) == pytest.approx(SD1.sigmas[400] ** 0.75 * SD1.sigmas[401] ** 0.25, rel=1e-6)
    ends = [SD1.sigma(-3), SD1.sigma(5000)]
    assert ends == pytest.approx([SD1.sigma_min, SD1.sigma_max], rel=1e-6)


def test_percentages_go_from_above_all_noise_to_none() -> None:
    assert SD1.percent_to_sigma(0.0) > 1e8
    assert SD1.percent_to_sigma(1.0) == 0.0
    assert SD1.percent_to_sigma(0.5) == pytest.approx(SD1.sigma(499.5))


def test_sampling_starts_with_more_noise_at_the_highest_level() -> None:
    latent, noise = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    top = SD1.start(latent, noise, 14.614640)
    assert top.max().item() == pytest.approx(math.sqrt(1 + 14.61464**2), rel=1e-6)
    assert SD1.start(latent, noise, 14.0).max().item() == 14.0


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_a_perfect_prediction_gives_back_the_picture(prediction: str) -> None:
    model = ModelSampling.from_betas(prediction=prediction)  # type: ignore[arg-type]
    x0, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    for sigma in (0.05, 1.0, 14.0):
        alpha = 1 / math.hypot(1, sigma)
        output = noise if prediction == "eps" else alpha * noise - sigma * alpha * x0
        x = model.noised(x0, noise, sigma)
        torch.testing.assert_close(model.denoised(x, output, sigma), x0, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.model_input(x, sigma), alpha * x0 + sigma * alpha * noise)


def test_levels_can_be_part_of_an_identity() -> None:
    assert hash(ModelSampling.from_betas()) == hash(ModelSampling.from_betas())
    assert ModelSampling.from_betas() != ModelSampling.from_betas(prediction="v")


def test_an_empty_latent_stays_empty_in_a_shifted_space() -> None:
    form = LatentFormat(channels=16, scale=1.5305, shift=0.0609)
    empty, full = torch.zeros(1, 16, 2, 2), torch.ones(1, 16, 2, 2)
    assert not form.process_in(empty).any()
    torch.testing.assert_close(form.process_out(form.process_in(full)), full)


def test_only_an_empty_latent_gets_other_channels() -> None:
    form = LatentFormat(channels=16)
    assert form.fit(torch.zeros(2, 4, 8, 8)).shape == (2, 16, 8, 8)
    assert form.fit(torch.ones(2, 4, 8, 8)).shape == (2, 4, 8, 8)
