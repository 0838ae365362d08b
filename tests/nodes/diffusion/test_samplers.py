"""Samplers against a distribution whose solution is known."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nodes.diffusion.samplers import SAMPLERS
from nodes.diffusion.samplers.base import ancestral_step
from nodes.diffusion.samplers.multistep import adams_weights
from nodes.diffusion.schedules import karras_sigmas
from tests.nodes.diffusion.toys import Normal, drive

STOCHASTIC = tuple(name for name, sampler in SAMPLERS.items() if sampler.noise)
ORDERS = {
    "euler": 1,
    "ddim": 1,
    "heun": 2,
    "dpm_2": 2,
    "dpmpp_2m": 2,
    "res_multistep": 2,
    "gradient_estimation": 1,
    "lms": 3,
    "dpm_fast": 2,
    "uni_pc": 2,
    "uni_pc_bh2": 2,
}
"""At least this; a deterministic sampler's error falls by that power of the step."""

DATA = Normal()


def levels(steps: int, high: float = 8.0, low: float = 0.1) -> list[float]:
    """Without a final zero, where orders mean nothing."""
    sigmas: list[float] = karras_sigmas(steps + 1, low, high).double().tolist()[:-1]
    return sigmas


def solved(name: str, x: Tensor, sigmas: list[float], seed: int = 0, **options: float) -> Tensor:
    return drive(SAMPLERS[name](x, sigmas, seed, options), DATA)


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_a_deterministic_sampler_converges_with_its_order(name: str, order: int) -> None:
    x = torch.linspace(-20, 20, 16, dtype=torch.float64).reshape(1, 4, 2, 2)
    exact = DATA.flow(x, 8.0, 0.1)
    coarse, fine = ((solved(name, x, levels(n)) - exact).abs().max().item() for n in (48, 96))
    assert fine < 0.02
    assert math.log2(coarse / fine) > order - 0.25


@pytest.mark.parametrize(("stage", "order"), [(1, 1.0), (2, 2.0), (3, 1.9)])
def test_the_reverse_time_sde_without_noise_converges_with_its_stages(stage: int, order: float) -> None:
    x = torch.linspace(-20, 20, 16, dtype=torch.float64).reshape(1, 4, 2, 2)
    exact = DATA.flow(x, 8.0, 0.1)

    def error(steps: int) -> float:
        return (solved("er_sde", x, levels(steps), max_stage=stage, eta=0.0) - exact).abs().max().item()

    coarse, fine = error(48), error(96)
    assert fine < 0.03
    assert math.log2(coarse / fine) > order - 0.25


def test_a_higher_order_is_nearer_with_the_same_evaluations() -> None:
    x = torch.randn(1, 4, 8, 8, dtype=torch.float64) * 8
    exact = DATA.flow(x, 8.0, 0.1)
    error = {name: (solved(name, x, levels(24)) - exact).abs().mean().item() for name in ORDERS}
    assert error["lms"] < error["dpmpp_2m"] < error["euler"]
    assert error["uni_pc"] < error["dpmpp_2m"]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_prediction_that_never_changes_is_reached_exactly(name: str) -> None:
    sigmas = [*levels(7), 0.0]
    target = torch.randn(2, 4, 8, 8)
    x = target + torch.randn(2, 4, 8, 8) * sigmas[0]
    result = drive(SAMPLERS[name](x, sigmas, 3, {}), lambda _x, _sigma: target)
    # dpm_fast stops at the last positive level, uni_pc at 0.001: what is left is that share of the noise
    left = {"dpm_fast": sigmas[-2] / sigmas[0], "uni_pc": 0.001 / sigmas[0], "uni_pc_bh2": 0.001 / sigmas[0]}
    expected = target + (x - target) * left.get(name, 0.0)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name != "lcm"])  # it forgets where it was
def test_a_stochastic_sampler_keeps_the_distribution(name: str) -> None:
    sigmas = [*levels(30, low=0.02), 0.0]
    noise = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    result = solved(name, 1 + noise * math.hypot(0.5, sigmas[0]), sigmas, seed=9)
    assert result.mean().item() == pytest.approx(DATA.mean, abs=0.02)
    first_order = name in {"euler_ancestral", "ddpm"}
    assert result.std().item() == pytest.approx(DATA.deviation, rel=0.12 if first_order else 0.04)


@pytest.mark.parametrize("name", ["euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral"])
def test_without_eta_an_ancestral_sampler_is_deterministic(name: str) -> None:
    x = torch.randn(1, 4, 8, 8) * 8
    plain = {"euler_ancestral": "euler", "dpm_2_ancestral": "dpm_2"}.get(name)
    result = solved(name, x, levels(12), seed=1, eta=0.0)
    assert torch.equal(result, solved(name, x, levels(12), seed=2, eta=0.0))
    if plain:
        torch.testing.assert_close(result, solved(plain, x, levels(12)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "dpmpp_sde"])
def test_without_eta_an_sde_sampler_follows_the_ode(name: str) -> None:
    x = torch.randn(1, 4, 8, 8, dtype=torch.float64) * 8
    error = (solved(name, x, levels(96), eta=0.0) - DATA.flow(x, 8.0, 0.1)).abs().max()
    assert error < 0.01


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name not in {"ddpm", "lcm"}])
def test_s_noise_scales_what_is_added(name: str) -> None:
    x = torch.randn(1, 4, 8, 8) * 8
    silent = solved(name, x, levels(5), seed=1, s_noise=0.0)
    assert torch.equal(silent, solved(name, x, levels(5), seed=2, s_noise=0.0))


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_seed_decides_the_noise_on_the_way(name: str) -> None:
    x = torch.randn(1, 4, 8, 8) * 8
    first = solved(name, x, levels(5), seed=1)
    assert torch.equal(first, solved(name, x, levels(5), seed=1))
    assert not torch.allclose(first, solved(name, x, levels(5), seed=2))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_short_schedules_work_and_inputs_stay_as_they_were(name: str, steps: int) -> None:
    x = torch.randn(2, 4, 8, 8)
    before = x.clone()
    sigmas = [*levels(steps), 0.0][-steps - 1 :]
    assert solved(name, x, sigmas).isfinite().all()
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_schedule_without_steps_changes_nothing(name: str) -> None:
    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(solved(name, x, [1.0]), x)


@pytest.mark.parametrize("name", SAMPLERS)
def test_closing_a_sampler_ends_it(name: str) -> None:
    sampling = SAMPLERS[name](torch.randn(1, 4, 8, 8), levels(5), 0, {})
    next(sampling)
    sampling.close()
    with pytest.raises(StopIteration):
        next(sampling)


@pytest.mark.parametrize(
    ("name", "evaluations"),
    [
        ("euler", 6),
        ("heun", 11),
        ("dpm_2", 11),
        ("dpmpp_sde", 11),
        ("dpm_fast", 6),
        ("uni_pc", 6),
        ("lms", 6),
    ],
)
def test_a_sampler_asks_as_often_as_its_method_needs(name: str, evaluations: int) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        asked.append(sigma)
        return DATA(x, sigma)

    drive(SAMPLERS[name](torch.randn(1, 4, 8, 8), [*levels(5), 0.0], 0, {}), denoise)
    assert len(asked) == evaluations


def test_ddim_is_euler_and_ddpm_is_ancestral_euler() -> None:
    x = torch.randn(1, 4, 8, 8) * 8
    assert torch.equal(solved("ddim", x, levels(6)), solved("euler", x, levels(6)))
    assert torch.equal(solved("ddpm", x, levels(6), seed=4), solved("euler_ancestral", x, levels(6), seed=4))


def test_ddpm_is_the_posterior_of_a_variance_preserving_chain() -> None:
    """arXiv 2006.11239, equation 7, for one step in the variables of that paper."""
    sigma, sigma_next = 3.0, 2.0
    x, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    a, a_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
    alpha = a / a_next
    x_t, x_0 = x * math.sqrt(a), DATA(x, sigma)
    mean = x_0 * (math.sqrt(a_next) * (1 - alpha) / (1 - a)) + x_t * (
        math.sqrt(alpha) * (1 - a_next) / (1 - a)
    )
    expected = (mean + noise * math.sqrt((1 - a_next) / (1 - a) * (1 - alpha))) / math.sqrt(a_next)
    solve: Callable[..., object] = SAMPLERS["ddpm"].solve
    result = drive(solve(x, [sigma, sigma_next], lambda _a, _b: noise), DATA)  # type: ignore[arg-type]
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_ancestral_steps_arrive_with_the_right_amount_of_noise() -> None:
    for sigma, sigma_next in pairwise([*levels(8), 0.0]):
        down, up = ancestral_step(sigma, sigma_next)
        assert math.hypot(down, up) == pytest.approx(sigma_next, rel=1e-5)
        assert ancestral_step(sigma, sigma_next, eta=0.0) == pytest.approx((sigma_next, 0.0))


def test_adams_weights_integrate_cubics_exactly() -> None:
    nodes, end = [2.0, 3.5, 4.0, 6.0], 1.0
    weights = adams_weights(nodes, end)
    for power in range(4):
        integral = (end ** (power + 1) - nodes[0] ** (power + 1)) / (power + 1)
        assert sum(w * n**power for w, n in zip(weights, nodes, strict=True)) == pytest.approx(integral)
