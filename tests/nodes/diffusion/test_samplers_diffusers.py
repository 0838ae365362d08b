"""Samplers against the schedulers of diffusers, where the two mean the same.

Both call the same curved toy network at the same timesteps and draw the same noise; diffusers' states in
variance-preserving scale are compared after division by that scale.
"""

import math
from collections.abc import Sequence
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from nodes.diffusion.noise import StepNoise, fresh_noise
from nodes.diffusion.samplers import SAMPLERS
from tests.nodes.diffusion.toys import drive

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers', of NumPy

CHAIN = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
STEPS = 10
SEED = 3


def network(x_in: Tensor, timestep: float) -> Tensor:
    """eps for an input of unit variance."""
    return torch.sin(x_in * 1.1 + timestep / 400) + 0.4 * x_in.roll(1, dims=-1)


def with_diffusers(scheduler: Any, x: Tensor, *, preserving: bool) -> Tensor:
    """Run a scheduler from x (noise added to a picture), and give x at its end."""
    generator = torch.Generator().manual_seed(SEED)
    x = x / math.hypot(1, float(scheduler.sigmas[0])) if preserving else x
    for t in scheduler.timesteps:
        x_in = scheduler.scale_model_input(x, t)
        keywords = {} if isinstance(scheduler, DETERMINISTIC) else {"generator": generator}
        x = scheduler.step(network(x_in, float(t)), t, x, **keywords).prev_sample
    result: Tensor = x
    return result


DETERMINISTIC = (
    diffusers.HeunDiscreteScheduler,
    diffusers.KDPM2DiscreteScheduler,
    diffusers.LMSDiscreteScheduler,
    diffusers.UniPCMultistepScheduler,
    diffusers.DPMSolverSDEScheduler,
)


def with_ours(
    name: str, scheduler: Any, x: Tensor, sigmas: Sequence[float], noise: StepNoise | None
) -> Tensor:
    """Run our sampler over the same levels; between them, timesteps as the scheduler has them."""
    known = dict(zip(scheduler.sigmas.tolist(), scheduler.timesteps.tolist(), strict=False))

    def denoise(x: Tensor, sigma: float) -> Tensor:
        level = min(known, key=lambda s: abs(s - sigma))
        return x - network(x / math.hypot(1, sigma), known[level]) * sigma

    arguments = (x, sigmas) if noise is None else (x, sigmas, noise)
    return drive(SAMPLERS[name].solve(*arguments), denoise)


def unique(sigmas: Tensor) -> list[float]:
    """Second-order schedulers name each level twice."""
    return list(dict.fromkeys(sigmas.tolist()))


def start(sigma: float) -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)) * sigma


@pytest.mark.parametrize(
    ("name", "scheduler_class", "options"),
    [
        ("euler", diffusers.EulerDiscreteScheduler, {}),
        ("euler", diffusers.EulerDiscreteScheduler, {"use_karras_sigmas": True}),
        ("euler_ancestral", diffusers.EulerAncestralDiscreteScheduler, {}),
        ("heun", diffusers.HeunDiscreteScheduler, {"use_karras_sigmas": True}),
    ],
)
def test_samplers_in_sigma_agree(name: str, scheduler_class: Any, options: dict[str, Any]) -> None:
    scheduler = scheduler_class(**CHAIN, **options)
    scheduler.set_timesteps(STEPS)
    x = start(float(scheduler.sigmas[0]))
    sigmas = unique(scheduler.sigmas)
    noise = fresh_noise(x, sigmas, SEED) if SAMPLERS[name].noise else None
    ours = with_ours(name, scheduler, x, sigmas, noise)
    expected = with_diffusers(scheduler, x, preserving=False)
    torch.testing.assert_close(ours, expected, rtol=2e-5, atol=2e-5)


def test_lms_agrees_but_for_its_last_step() -> None:
    """Ours ends on the denoised picture; theirs integrates numerically, to a tolerance of 1e-4."""
    make: Any = diffusers.LMSDiscreteScheduler
    scheduler = make(**CHAIN)
    scheduler.set_timesteps(STEPS)
    expected = x = start(float(scheduler.sigmas[0]))
    for t in scheduler.timesteps[:-1]:
        output = network(scheduler.scale_model_input(expected, t), float(t))
        expected = scheduler.step(output, t, expected, order=4).prev_sample
    ours = with_ours("lms", scheduler, x, scheduler.sigmas.tolist()[:-1], None)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "scheduler_class", "options"),
    [
        ("dpmpp_2m", diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
        ("dpmpp_2m_sde", diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
        (
            "dpmpp_2m_sde_heun",
            diffusers.DPMSolverMultistepScheduler,
            {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        ),
        ("uni_pc_bh2", diffusers.UniPCMultistepScheduler, {"solver_order": 3, "solver_type": "bh2"}),
    ],
)
def test_samplers_in_lambda_agree(name: str, scheduler_class: Any, options: dict[str, Any]) -> None:
    scheduler = scheduler_class(**CHAIN, timestep_spacing="trailing", **options)
    scheduler.set_timesteps(STEPS)
    if name.startswith("uni_pc"):
        scheduler.sigmas[-1] = 0.001
    x = start(float(scheduler.sigmas[0]))
    sigmas = [*scheduler.sigmas.tolist()[:-1], 0.0]
    noise = fresh_noise(x, sigmas, SEED) if SAMPLERS[name].noise else None
    ours = with_ours(name, scheduler, x, sigmas, noise)
    torch.testing.assert_close(ours, with_diffusers(scheduler, x, preserving=True), rtol=1e-4, atol=1e-4)


def test_lcm_agrees() -> None:
    make: Any = diffusers.LCMScheduler
    scheduler = make(**CHAIN, clip_sample=False)
    scheduler.set_timesteps(4)
    alphas = scheduler.alphas_cumprod[scheduler.timesteps]
    sigmas = [*((1 - alphas) / alphas).sqrt().tolist(), 0.0]
    x = start(sigmas[0])
    generator = torch.Generator().manual_seed(SEED)
    state = x * alphas[0].sqrt()
    scheduler.config.timestep_scaling = 1e9  # no skip connection at the end of the chain: x0 alone
    for t in scheduler.timesteps:
        state = scheduler.step(network(state, float(t)), t, state, generator=generator).prev_sample
    known = dict(zip(sigmas, scheduler.timesteps.tolist(), strict=False))

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return x - network(x / math.hypot(1, sigma), known[sigma]) * sigma

    ours = drive(SAMPLERS["lcm"].solve(x, sigmas, fresh_noise(x, sigmas, SEED)), denoise)
    torch.testing.assert_close(ours, state, rtol=1e-4, atol=1e-4)
