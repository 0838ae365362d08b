"""Sampling put together from parts, with the embedded model; schedules that people cut and write."""

import math
from typing import Any

import pytest
import torch

from engine.errors import UserError
from nodes.custom_sampling import (
    add_noise,
    basic_guider,
    cfg_guider,
    disable_noise,
    dual_cfg_guider,
    k_sampler_select,
    perp_neg_guider,
    random_noise,
    sampler_custom,
    sampler_custom_advanced,
    sampler_dpmpp_2m_sde,
    sampler_dpmpp_2s_ancestral,
    sampler_dpmpp_3m_sde,
    sampler_dpmpp_sde,
    sampler_euler_ancestral,
    sampler_lms,
)
from nodes.latent import empty_latent_image
from nodes.sampling import k_sampler
from nodes.schedules import (
    align_your_steps_scheduler,
    basic_scheduler,
    beta_sampling_scheduler,
    exponential_scheduler,
    extend_intermediate_sigmas,
    flip_sigmas,
    flux2_scheduler,
    karras_scheduler,
    laplace_scheduler,
    manual_sigmas,
    polyexponential_scheduler,
    sampling_percent_to_sigma,
    sd_turbo_scheduler,
    set_first_sigma,
    split_sigmas,
    split_sigmas_denoise,
    vp_scheduler,
)
from nodes.sockets import Latent, Model
from tests.nodes.pinhole_models import Loaded, loaded

SMALL = empty_latent_image(width=64, height=64)


@pytest.fixture
def pinhole(home: Any) -> Loaded:
    return loaded(home)


def custom(pinhole: Loaded, sigmas: torch.Tensor, **more: Any) -> Any:
    given = {
        "guider": cfg_guider(
            model=pinhole.model, positive=pinhole.positive, negative=pinhole.negative, cfg=5.0
        ),
        "noise": random_noise(noise_seed=3),
        "sampler": k_sampler_select(sampler_name="euler"),
        "latent_image": SMALL,
    }
    return pinhole.home.call(sampler_custom_advanced, sigmas=sigmas, **{**given, **more})


def plain(pinhole: Loaded, **more: Any) -> torch.Tensor:
    given = {"sampler_name": "euler", "scheduler": "normal", "latent_image": SMALL, "steps": 4, "cfg": 5.0}
    sampled: Latent = pinhole.home.call(
        k_sampler, model=pinhole.model, positive=pinhole.positive, negative=pinhole.negative, seed=3,
        **{**given, **more},
    )  # fmt: skip
    return sampled.samples


def normal(model: Model, steps: int = 4, denoise: float = 1.0) -> torch.Tensor:
    return basic_scheduler(model=model, scheduler="normal", steps=steps, denoise=denoise)


def test_the_parts_together_are_a_ksampler(pinhole: Loaded) -> None:
    sigmas = normal(pinhole.model)
    result = custom(pinhole, sigmas)
    assert torch.equal(result.output.samples, plain(pinhole))
    assert torch.allclose(result.denoised_output.samples, result.output.samples, atol=1e-4)  # it ends at 0
    custom_node = pinhole.home.call(
        sampler_custom, model=pinhole.model, noise_seed=3, cfg=5.0, positive=pinhole.positive,
        negative=pinhole.negative, sampler=k_sampler_select(sampler_name="euler"), sigmas=sigmas,
        latent_image=SMALL,
    )  # fmt: skip
    assert torch.equal(custom_node.output.samples, result.output.samples)
    partly = normal(pinhole.model, 3, 0.5)
    latent = Latent(torch.randn(1, 4, 8, 8))
    again = custom(pinhole, partly, latent_image=latent).output.samples
    assert torch.equal(again, plain(pinhole, steps=3, denoise=0.5, latent_image=latent))


def test_a_basic_guider_is_led_by_one_alone(pinhole: Loaded) -> None:
    alone = basic_guider(model=pinhole.model, conditioning=pinhole.positive)
    sampled = custom(pinhole, normal(pinhole.model), guider=alone).output.samples
    assert torch.equal(sampled, plain(pinhole, cfg=1.0))


def test_a_run_in_two_halves_is_one(pinhole: Loaded) -> None:
    sigmas = normal(pinhole.model)
    high, low = split_sigmas(sigmas=sigmas, step=2)
    first = custom(pinhole, high)
    assert not torch.allclose(first.denoised_output.samples, first.output.samples, atol=0.1)
    second = custom(pinhole, low, noise=disable_noise(), latent_image=first.output)
    assert torch.allclose(second.output.samples, custom(pinhole, sigmas).output.samples, atol=1e-4)


def test_an_empty_schedule_gives_the_latent_back(pinhole: Loaded) -> None:
    latent = Latent(torch.randn(1, 4, 8, 8))
    for sigmas in (normal(pinhole.model, 4, 0.0), torch.tensor([5.0])):
        result = custom(pinhole, sigmas, latent_image=latent, noise=disable_noise())
        assert torch.allclose(result.output.samples, latent.samples, atol=1e-5)


def test_two_positives_lead_as_the_formulas_say(pinhole: Loaded) -> None:
    sigmas = torch.tensor([8.0, 7.0])
    lists = {"cond1": pinhole.positive, "cond2": pinhole.other, "negative": pinhole.negative}

    def prediction(conditioning: Any) -> torch.Tensor:
        guider = basic_guider(model=pinhole.model, conditioning=conditioning)
        found: torch.Tensor = custom(pinhole, sigmas, guider=guider).denoised_output.samples
        return found

    p, m, n = map(prediction, lists.values())
    for style, expected in [
        ("regular", n + 2 * (m - n) + 3 * (p - m)),
        ("nested", n + 2 * (m + 3 * (p - m) - n)),
    ]:
        guider = dual_cfg_guider(
            model=pinhole.model,
            **lists,
            cfg_conds=3.0,
            cfg_cond2_negative=2.0,
            style=style,  # type: ignore[arg-type]
        )
        found = custom(pinhole, sigmas, guider=guider).denoised_output.samples
        assert torch.allclose(found, expected, atol=1e-4)
    guider = perp_neg_guider(
        model=pinhole.model, positive=pinhole.positive, negative=pinhole.other,
        empty_conditioning=pinhole.negative, cfg=3.0, neg_scale=0.5,
    )  # fmt: skip
    towards, away = p - n, m - n
    across = away - towards * ((away * towards).sum() / towards.square().sum())
    found = custom(pinhole, sigmas, guider=guider).denoised_output.samples
    assert torch.allclose(found, n + 3 * (towards - 0.5 * across), atol=1e-3)


@pytest.mark.parametrize(
    ("node", "name", "options"),
    [
        (sampler_euler_ancestral(), "euler_ancestral", {}),
        (sampler_lms(), "lms", {}),
        (sampler_dpmpp_2s_ancestral(), "dpmpp_2s_ancestral", {}),
        (sampler_dpmpp_2m_sde(solver_type="midpoint", noise_device="gpu"), "dpmpp_2m_sde", {}),
        (sampler_dpmpp_2m_sde(solver_type="heun", noise_device="cpu"), "dpmpp_2m_sde_heun", {}),
        (sampler_dpmpp_3m_sde(noise_device="cpu"), "dpmpp_3m_sde_gpu", {}),
        (sampler_dpmpp_sde(noise_device="gpu"), "dpmpp_sde", {}),
        (sampler_euler_ancestral(eta=0.0), "euler", {}),
        (sampler_lms(order=1), "euler", {}),
    ],
)
def test_samplers_with_options_are_their_names_without(
    pinhole: Loaded, node: Any, name: str, options: dict[str, Any]
) -> None:
    sampled = custom(pinhole, normal(pinhole.model), sampler=node, **options).output.samples
    assert torch.allclose(sampled, plain(pinhole, sampler_name=name), atol=1e-4)


def test_noise_is_added_as_a_schedule_would_take_it(pinhole: Loaded) -> None:
    latent = Latent(torch.zeros(1, 4, 8, 8))
    sigmas = torch.tensor([6.0, 2.0])
    noised = add_noise(
        model=pinhole.model, noise=random_noise(noise_seed=3), sigmas=sigmas, latent_image=latent
    )
    generator = torch.Generator().manual_seed(3)
    form = pinhole.form
    expected = form.process_out(torch.randn(1, 4, 8, 8, generator=generator) * 4)
    assert torch.allclose(noised.samples, expected, atol=1e-5)
    silent = add_noise(model=pinhole.model, noise=disable_noise(), sigmas=sigmas, latent_image=latent)
    assert torch.allclose(silent.samples, form.process_out(torch.zeros(1, 4, 8, 8)))
    same = add_noise(model=pinhole.model, noise=disable_noise(), sigmas=sigmas[:0], latent_image=latent)
    assert same is latent


def test_going_back_to_noise_and_forth_gives_the_latent_again(pinhole: Loaded) -> None:
    """The flow that a guider at cfg 1 describes can be followed both ways."""
    guider = basic_guider(model=pinhole.model, conditioning=pinhole.positive)
    sigmas = karras_scheduler(steps=40, sigma_max=4.0, sigma_min=0.1)
    latent = plain(pinhole)
    back = custom(
        pinhole, flip_sigmas(sigmas=sigmas)[1:], guider=guider, noise=disable_noise(),
        latent_image=Latent(latent), sampler=k_sampler_select(sampler_name="heun"),
    )  # fmt: skip
    forth = custom(
        pinhole, sigmas[:-1], guider=guider, noise=disable_noise(), latent_image=back.output,
        sampler=k_sampler_select(sampler_name="heun"),
    )  # fmt: skip
    assert (forth.output.samples - latent).abs().mean() < 0.05 * latent.abs().mean()


# Schedules.


def test_a_part_of_the_denoising_is_the_end_of_a_longer_schedule(pinhole: Loaded) -> None:
    model = pinhole.model
    assert torch.equal(normal(model, 3, 0.5), normal(model, 6)[-4:])
    assert len(normal(model, 3, 0.0)) == 0
    assert torch.equal(
        beta_sampling_scheduler(model=model, steps=5), basic_scheduler(model=model, scheduler="beta", steps=5)
    )


def test_written_formulas() -> None:
    assert karras_scheduler(steps=2).tolist() == pytest.approx([14.614642, 0.0291675, 0])
    assert exponential_scheduler(steps=3)[1] == pytest.approx(math.sqrt(14.614642 * 0.0291675), rel=1e-4)
    assert torch.allclose(polyexponential_scheduler(steps=5), exponential_scheduler(steps=5), rtol=1e-4)
    assert vp_scheduler(steps=2)[0] == pytest.approx(math.sqrt(math.expm1(19.9 / 2 + 0.1)), rel=1e-4)
    levels = laplace_scheduler(steps=5)
    assert len(levels) == 5
    assert levels[2] == pytest.approx(1.0)
    assert levels[1] == pytest.approx(math.exp(0.5 * math.log(2)), rel=1e-3)
    assert levels[0] == pytest.approx(14.614642)


def test_turbo_levels_are_those_of_its_timesteps(pinhole: Loaded) -> None:
    sampling = pinhole.model.sampling
    levels = sd_turbo_scheduler(model=pinhole.model, steps=2)
    assert levels.tolist() == pytest.approx([sampling.sigma(999), sampling.sigma(899), 0])
    late = sd_turbo_scheduler(model=pinhole.model, steps=10, denoise=0.2)
    assert late.tolist() == pytest.approx([sampling.sigma(199), sampling.sigma(99), 0])


def test_published_levels_are_taken_as_they_are_and_between() -> None:
    ten = align_your_steps_scheduler(model_type="SD1", steps=10)
    assert len(ten) == 11
    assert ten[1] == pytest.approx(6.4745760956)
    assert ten[-1] == 0
    twenty = align_your_steps_scheduler(model_type="SD1", steps=20)
    assert twenty[2] == pytest.approx(6.4745760956)
    assert twenty[1] == pytest.approx(math.sqrt(14.6146412293 * 6.4745760956))
    assert torch.equal(
        align_your_steps_scheduler(model_type="SDXL", steps=10, denoise=0.3)[:-1],
        align_your_steps_scheduler(model_type="SDXL", steps=10)[-4:-1],
    )
    assert len(align_your_steps_scheduler(model_type="SVD", steps=10, denoise=0.0)) == 0


@pytest.mark.parametrize(("steps", "size"), [(20, 1024), (4, 512), (50, 2048)])
def test_flux2_levels_are_those_of_diffusers(steps: int, size: int) -> None:
    from diffusers.pipelines.flux2.pipeline_flux2 import compute_empirical_mu

    mu = compute_empirical_mu(size * size // 256, steps)
    times = torch.linspace(1, 0, steps + 1)[:-1]
    expected = math.exp(mu) / (math.exp(mu) + (1 / times - 1))
    levels = flux2_scheduler(steps=steps, width=size, height=size)
    assert torch.allclose(levels[:-1], expected, atol=1e-6)
    assert levels[-1] == 0


def test_schedules_are_cut_and_turned() -> None:
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])

    def lists(pair: Any) -> list[list[float]]:
        return [each.tolist() for each in pair]

    assert lists(split_sigmas(sigmas=sigmas, step=1)) == [[8, 4], [4, 2, 1, 0]]
    assert lists(split_sigmas(sigmas=sigmas, step=99)) == [[8, 4, 2, 1, 0], []]
    assert lists(split_sigmas_denoise(sigmas=sigmas, denoise=0.5)) == [[8, 4, 2], [2, 1, 0]]
    assert lists(split_sigmas_denoise(sigmas=sigmas, denoise=0.0)) == [[], [0]]
    assert lists(split_sigmas_denoise(sigmas=sigmas, denoise=1.0)) == [[8], [8, 4, 2, 1, 0]]
    assert flip_sigmas(sigmas=sigmas).tolist() == pytest.approx([0.0001, 1, 2, 4, 8])
    assert set_first_sigma(sigmas=sigmas, sigma=9.0).tolist() == [9, 4, 2, 1, 0]
    assert sigmas[0] == 8
    none = torch.empty(0)
    assert [len(each) for each in split_sigmas(sigmas=none)] == [0, 0]
    assert len(flip_sigmas(sigmas=none)) == len(set_first_sigma(sigmas=none)) == 0


def test_steps_are_put_between() -> None:
    sigmas = torch.tensor([8.0, 4.0, 0.0])
    linear = extend_intermediate_sigmas(sigmas=sigmas, steps=2, end_at_sigma=4.0, spacing="linear")
    assert linear.tolist() == [8, 6, 4, 2, 0]
    upper = extend_intermediate_sigmas(sigmas=sigmas, steps=2, end_at_sigma=5.0, spacing="sine")
    assert upper.tolist() == pytest.approx([8, 8 - 4 * (1 - math.cos(math.pi / 4)), 4, 0])
    lower = extend_intermediate_sigmas(
        sigmas=sigmas, steps=2, start_at_sigma=5.0, end_at_sigma=0.0, spacing="cosine"
    )
    assert lower.tolist() == pytest.approx([8, 4, 4 - 4 * math.sin(math.pi / 4), 0])


def test_levels_are_written_by_hand() -> None:
    assert manual_sigmas(sigmas="1.0, .5 0; 1e-1").tolist() == pytest.approx([1, 0.5, 0, 0.1])
    for text, said in [("", "two levels"), ("1", "two levels"), ("1, -1", "from 0 up")]:
        with pytest.raises(UserError, match=said):
            manual_sigmas(sigmas=text)
    with pytest.raises(UserError, match="rho: must be above 0"):
        karras_scheduler(rho=0.0)
    with pytest.raises(UserError, match="sigma_min: must be above 0"):
        exponential_scheduler(sigma_min=0.0)


def test_a_percentage_is_a_level(pinhole: Loaded) -> None:
    def level(percent: float, *, actual: bool = False) -> float:
        return sampling_percent_to_sigma(
            model=pinhole.model, sampling_percent=percent, return_actual_sigma=actual
        ).sigma_value

    sampling = pinhole.model.sampling
    assert level(0.0) > 1e6
    assert level(0.0, actual=True) == sampling.sigma_max
    assert level(1.0) == 0
    assert level(1.0, actual=True) == sampling.sigma_min
    assert level(0.5) == sampling.sigma(499.5)
