"""Nodes that make schedules, cut them, and join them."""

import math
import re
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from engine.node import Step, UserError, node
from nodes.sampling import SchedulerName, Steps
from nodes.sockets import Model, Sigmas

Sigma = Annotated[float, Field(ge=0, le=5000), Step(0.01)]
Denoise = Annotated[float, Field(ge=0, le=1, description="How much of the latent is made anew."), Step(0.01)]
Shape = Annotated[float, Field(ge=0, le=100), Step(0.01)]
Side = Annotated[int, Field(ge=16, le=16_384)]


class Halves(NamedTuple):
    high_sigmas: Sigmas
    low_sigmas: Sigmas


class Level(NamedTuple):
    sigma_value: float


@node("BasicScheduler", category="sampling/custom_sampling/schedulers")
def basic_scheduler(
    *, model: Model, scheduler: SchedulerName, steps: Steps = 20, denoise: Denoise = 1.0
) -> Sigmas:
    """A schedule by its name."""
    from nodes.diffusion.sigmas import basic

    return basic(scheduler, model.sampling, steps, denoise)


@node("BetaSamplingScheduler", category="sampling/custom_sampling/schedulers")
def beta_sampling_scheduler(
    *,
    model: Model,
    steps: Steps = 20,
    alpha: Annotated[float, Field(ge=0.01, le=50), Step(0.01)] = 0.6,
    beta: Annotated[float, Field(ge=0.01, le=50), Step(0.01)] = 0.6,
) -> Sigmas:
    """Levels at the quantiles of a beta distribution."""
    from nodes.diffusion import schedules

    return schedules.beta(model.sampling, steps, alpha, beta)


@node("KarrasScheduler", category="sampling/custom_sampling/schedulers")
def karras_scheduler(
    *, steps: Steps = 20, sigma_max: Sigma = 14.614642, sigma_min: Sigma = 0.0291675, rho: Shape = 7.0
) -> Sigmas:
    """Steps that are equal in a root of sigma."""
    from nodes.diffusion.schedules import karras_sigmas

    return karras_sigmas(steps, sigma_min, sigma_max, positive(rho, "rho"))


@node("ExponentialScheduler", category="sampling/custom_sampling/schedulers")
def exponential_scheduler(
    *, steps: Steps = 20, sigma_max: Sigma = 14.614642, sigma_min: Sigma = 0.0291675
) -> Sigmas:
    """Steps that are equal in the logarithm of sigma."""
    from nodes.diffusion.schedules import exponential_sigmas

    return exponential_sigmas(steps, positive(sigma_min, "sigma_min"), positive(sigma_max, "sigma_max"))


@node("PolyexponentialScheduler", category="sampling/custom_sampling/schedulers")
def polyexponential_scheduler(
    *, steps: Steps = 20, sigma_max: Sigma = 14.614642, sigma_min: Sigma = 0.0291675, rho: Shape = 1.0
) -> Sigmas:
    """Steps that are equal in a root of the logarithm of sigma."""
    from nodes.diffusion.schedules import polyexponential_sigmas

    low, high = positive(sigma_min, "sigma_min"), positive(sigma_max, "sigma_max")
    return polyexponential_sigmas(steps, low, high, rho)


@node("LaplaceScheduler", category="sampling/custom_sampling/schedulers")
def laplace_scheduler(
    *,
    steps: Steps = 20,
    sigma_max: Sigma = 14.614642,
    sigma_min: Sigma = 0.0291675,
    mu: Annotated[float, Field(ge=-10, le=10), Step(0.1)] = 0.0,
    beta: Annotated[float, Field(ge=0, le=10), Step(0.1)] = 0.5,
) -> Sigmas:
    """Levels at the quantiles of a Laplace distribution; the last is not 0."""
    from nodes.diffusion.sigmas import laplace

    return laplace(steps, sigma_max, sigma_min, mu, beta)


@node("VPScheduler", category="sampling/custom_sampling/schedulers")
def vp_scheduler(
    *,
    steps: Steps = 20,
    beta_d: Sigma = 19.9,
    beta_min: Sigma = 0.1,
    eps_s: Annotated[float, Field(ge=0, le=1), Step(0.0001)] = 0.001,
) -> Sigmas:
    """Equal steps in the time of the continuous variance-preserving process."""
    from nodes.diffusion.schedules import vp_sigmas

    return vp_sigmas(steps, beta_d, beta_min, eps_s)


@node("SDTurboScheduler", category="sampling/custom_sampling/schedulers")
def sd_turbo_scheduler(
    *, model: Model, steps: Annotated[int, Field(ge=1, le=10)] = 1, denoise: Denoise = 1.0
) -> Sigmas:
    """The few levels that turbo models were made for."""
    from nodes.diffusion.sigmas import turbo

    return turbo(model.sampling, steps, denoise)


@node("AlignYourStepsScheduler", category="sampling/custom_sampling/schedulers")
def align_your_steps_scheduler(
    *, model_type: Literal["SD1", "SDXL", "SVD"], steps: Steps = 10, denoise: Denoise = 1.0
) -> Sigmas:
    """Levels that were found to lose least in few steps."""
    from nodes.diffusion.sigmas import align_your_steps

    return align_your_steps(model_type, steps, denoise)


@node("Flux2Scheduler", category="sampling/custom_sampling/schedulers")
def flux2_scheduler(*, steps: Steps = 20, width: Side = 1024, height: Side = 1024) -> Sigmas:
    """Levels of a flow, higher ones for larger pictures."""
    from nodes.diffusion.sigmas import flux2

    return flux2(steps, width, height)


#: Numbers of a text: 1, -0.5, .25, 1e-3
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")


@node("ManualSigmas", category="sampling/custom_sampling/schedulers")
def manual_sigmas(
    *, sigmas: Annotated[str, Field(description="Noise levels, the highest first: `1, 0.5, 0`.")] = "1, 0.5"
) -> Sigmas:
    """Levels that people write."""
    import torch

    levels = [float(number) for number in NUMBER.findall(sigmas)]
    if len(levels) < 2:
        raise UserError("sigmas: a schedule has two levels at least, such as `1, 0`")
    if not all(math.isfinite(level) and level >= 0 for level in levels):
        raise UserError("sigmas: levels are numbers from 0 up")
    return torch.tensor(levels)


@node("SplitSigmas", category="sampling/custom_sampling/sigmas")
def split_sigmas(*, sigmas: Sigmas, step: Annotated[int, Field(ge=0, le=10_000)] = 0) -> Halves:
    """Two schedules that meet at a step."""
    from nodes.diffusion.sigmas import split

    return Halves(*split(sigmas, step))


@node("SplitSigmasDenoise", category="sampling/custom_sampling/sigmas")
def split_sigmas_denoise(*, sigmas: Sigmas, denoise: Denoise = 1.0) -> Halves:
    """Two schedules, the second with a part of the steps."""
    from nodes.diffusion.sigmas import split_by_denoise

    return Halves(*split_by_denoise(sigmas, denoise))


@node("FlipSigmas", category="sampling/custom_sampling/sigmas")
def flip_sigmas(*, sigmas: Sigmas) -> Sigmas:
    """A schedule from its end, for going back to noise."""
    from nodes.diffusion.sigmas import flipped

    return flipped(sigmas)


@node("SetFirstSigma", category="sampling/custom_sampling/sigmas")
def set_first_sigma(
    *, sigmas: Sigmas, sigma: Annotated[float, Field(ge=0, le=20_000), Step(0.001)] = 136.0
) -> Sigmas:
    """Another level to begin with."""
    from nodes.diffusion.sigmas import with_first

    return with_first(sigmas, sigma)


@node("ExtendIntermediateSigmas", category="sampling/custom_sampling/sigmas")
def extend_intermediate_sigmas(
    *,
    sigmas: Sigmas,
    steps: Annotated[int, Field(ge=1, le=100, description="Steps for each that there is.")] = 2,
    start_at_sigma: Annotated[float, Field(ge=-1, le=20_000), Step(0.01)] = -1.0,
    end_at_sigma: Annotated[float, Field(ge=0, le=20_000), Step(0.01)] = 12.0,
    spacing: Literal["linear", "cosine", "sine"],
) -> Sigmas:
    """More steps within a range of levels."""
    from nodes.diffusion.sigmas import extended

    return extended(sigmas, steps, start_at_sigma, end_at_sigma, spacing)


@node("SamplingPercentToSigma", category="sampling/custom_sampling/sigmas")
def sampling_percent_to_sigma(
    *,
    model: Model,
    sampling_percent: Annotated[float, Field(ge=0, le=1), Step(0.0001)] = 0.0,
    return_actual_sigma: Annotated[
        bool, Field(description="At both ends the model's own levels, rather than ones beyond all.")
    ] = False,
) -> Level:
    """The level of a model at a part of the sampling."""
    sampling = model.sampling
    if return_actual_sigma and sampling_percent in {0.0, 1.0}:
        return Level(sampling.sigma_min if sampling_percent else sampling.sigma_max)
    return Level(sampling.percent_to_sigma(sampling_percent))


def positive(value: float, name: str) -> float:
    if value <= 0:
        raise UserError(f"{name}: must be above 0")
    return value
