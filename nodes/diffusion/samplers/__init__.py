"""Samplers: every one a generator that asks for denoised predictions and knows nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from nodes.diffusion.noise import StepNoise, brownian_noise, fresh_noise
from nodes.diffusion.samplers.base import Sampling
from nodes.diffusion.samplers.dpm_solver import (
    dpm_fast,
    dpmpp_2m,
    dpmpp_2m_sde,
    dpmpp_2s_ancestral,
    dpmpp_3m_sde,
    dpmpp_sde,
)
from nodes.diffusion.samplers.er_sde import er_sde
from nodes.diffusion.samplers.euler import (
    ddim,
    ddpm,
    dpm_2,
    dpm_2_ancestral,
    euler,
    euler_ancestral,
    heun,
    lcm,
)
from nodes.diffusion.samplers.multistep import gradient_estimation, lms, res_multistep
from nodes.diffusion.samplers.unipc import uni_pc, uni_pc_bh2

__all__ = ["SAMPLERS", "Sampler", "Sampling"]


@dataclass(frozen=True)
class Sampler:
    """A sampler, and where its step noise comes from (None: it is deterministic).

    `own_outside_noise`: what a mask keeps is noised with a draw of its own (seed + 1).
    """

    solve: Callable[..., Sampling]
    noise: Callable[[Tensor, Sequence[float], int], StepNoise] | None = None
    own_outside_noise: bool = False

    def __call__(self, x: Tensor, sigmas: Sequence[float], seed: int, options: Mapping[str, Any]) -> Sampling:
        """Begin at x [B,C,H,W]; `options` are the sampler's own keywords (eta, s_noise, ...)."""
        if self.noise is None:
            return self.solve(x, sigmas, **options)
        return self.solve(x, sigmas, self.noise(x, sigmas, seed), **options)


# Names that end in _gpu are in saved workflows.  Noise is drawn on the CPU here, under every name.
SAMPLERS: dict[str, Sampler] = {
    "euler": Sampler(euler),
    "euler_ancestral": Sampler(euler_ancestral, fresh_noise),
    "heun": Sampler(heun),
    "dpm_2": Sampler(dpm_2),
    "dpm_2_ancestral": Sampler(dpm_2_ancestral, fresh_noise),
    "lms": Sampler(lms),
    "dpm_fast": Sampler(dpm_fast),
    "dpmpp_2s_ancestral": Sampler(dpmpp_2s_ancestral, fresh_noise),
    "dpmpp_sde": Sampler(dpmpp_sde, brownian_noise),
    "dpmpp_sde_gpu": Sampler(dpmpp_sde, brownian_noise),
    "dpmpp_2m": Sampler(dpmpp_2m),
    "dpmpp_2m_sde": Sampler(dpmpp_2m_sde, brownian_noise),
    "dpmpp_2m_sde_gpu": Sampler(dpmpp_2m_sde, brownian_noise),
    "dpmpp_2m_sde_heun": Sampler(partial(dpmpp_2m_sde, solver_type="heun"), brownian_noise),
    "dpmpp_2m_sde_heun_gpu": Sampler(partial(dpmpp_2m_sde, solver_type="heun"), brownian_noise),
    "dpmpp_3m_sde": Sampler(dpmpp_3m_sde, brownian_noise),
    "dpmpp_3m_sde_gpu": Sampler(dpmpp_3m_sde, brownian_noise),
    "ddpm": Sampler(ddpm, fresh_noise),
    "lcm": Sampler(lcm, fresh_noise),
    "res_multistep": Sampler(res_multistep),
    "gradient_estimation": Sampler(gradient_estimation),
    "er_sde": Sampler(er_sde, fresh_noise),
    "ddim": Sampler(ddim, own_outside_noise=True),
    "uni_pc": Sampler(uni_pc),
    "uni_pc_bh2": Sampler(uni_pc_bh2),
}
