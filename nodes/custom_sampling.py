"""Sampling put together from parts: noise, a guider, a sampler and a schedule."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from engine.node import Context, Step, node
from nodes.sampling import Cfg, SamplerName, sampled
from nodes.sockets import Conditioning, Guider, Latent, Model, Noise, Sampler, Seed, Sigmas

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.model_sampling import ModelSampling

Eta = Annotated[float, Field(ge=0, le=100, description="Share of the noise that is put back."), Step(0.01)]
NoiseScale = Annotated[float, Field(ge=0, le=100, description="Strength of that noise."), Step(0.01)]
#: Where noise is drawn does not matter here: it is the same everywhere.
NoiseDevice = Literal["gpu", "cpu"]


class Sampled(NamedTuple):
    output: Latent
    denoised_output: Latent


@node("RandomNoise", category="sampling/custom_sampling/noise")
def random_noise(*, noise_seed: Seed = 0) -> Noise:
    """The noise of a seed."""
    return Noise(noise_seed)


@node("DisableNoise", category="sampling/custom_sampling/noise")
def disable_noise() -> Noise:
    """No noise: what is sampled has its own."""
    return Noise(0, adds=False)


@node("BasicGuider", category="sampling/custom_sampling/guiders")
def basic_guider(*, model: Model, conditioning: Conditioning) -> Guider:
    """Let one conditioning lead alone."""
    return Guider(model, conditioning)


@node("CFGGuider", category="sampling/custom_sampling/guiders")
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Lead towards one conditioning and away from another."""
    return Guider(model, positive, negative, cfg)


@node("DualCFGGuider", category="sampling/custom_sampling/guiders")
def dual_cfg_guider(
    *,
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Cfg = 8.0,
    cfg_cond2_negative: Cfg = 8.0,
    style: Literal["regular", "nested"],
) -> Guider:
    """Lead from a second conditioning towards a first, and from a negative towards the second."""
    return Guider(model, cond1, negative, cfg_conds, style, cond2, cfg_cond2_negative)


@node("PerpNegGuider", category="_for_testing", experimental=True)
def perp_neg_guider(
    *,
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Cfg = 8.0,
    neg_scale: Annotated[float, Field(ge=0, le=100), Step(0.01)] = 1.0,
) -> Guider:
    """Lead away only from what of the negative does not lie in the positive."""
    return Guider(model, positive, negative, cfg, "perpendicular", empty_conditioning, neg_scale)


@node("KSamplerSelect", category="sampling/custom_sampling/samplers")
def k_sampler_select(*, sampler_name: SamplerName) -> Sampler:
    """A sampler by its name."""
    return Sampler(sampler_name)


@node("SamplerEulerAncestral", category="sampling/custom_sampling/samplers")
def sampler_euler_ancestral(*, eta: Eta = 1.0, s_noise: NoiseScale = 1.0) -> Sampler:
    """Euler's method, with fresh noise at each step."""
    return Sampler("euler_ancestral", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerLMS", category="sampling/custom_sampling/samplers")
def sampler_lms(*, order: Annotated[int, Field(ge=1, le=100)] = 4) -> Sampler:
    """A linear multistep method; orders above 4 are 4."""
    return Sampler("lms", (("order", min(order, 4)),))


@node("SamplerDPMPP_2S_Ancestral", category="sampling/custom_sampling/samplers")
def sampler_dpmpp_2s_ancestral(*, eta: Eta = 1.0, s_noise: NoiseScale = 1.0) -> Sampler:
    """DPM-Solver++ of second order in one step, with fresh noise."""
    return Sampler("dpmpp_2s_ancestral", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMPP_2M_SDE", category="sampling/custom_sampling/samplers")
def sampler_dpmpp_2m_sde(
    *,
    solver_type: Literal["midpoint", "heun"],
    eta: Eta = 1.0,
    s_noise: NoiseScale = 1.0,
    noise_device: NoiseDevice,  # noqa: ARG001
) -> Sampler:
    """DPM-Solver++ of second order over several steps, with noise of a Brownian path."""
    return Sampler("dpmpp_2m_sde", (("solver_type", solver_type), ("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMPP_3M_SDE", category="sampling/custom_sampling/samplers")
def sampler_dpmpp_3m_sde(*, eta: Eta = 1.0, s_noise: NoiseScale = 1.0, noise_device: NoiseDevice) -> Sampler:  # noqa: ARG001
    """DPM-Solver++ of third order over several steps, with noise of a Brownian path."""
    return Sampler("dpmpp_3m_sde", (("eta", eta), ("s_noise", s_noise)))


@node("SamplerDPMPP_SDE", category="sampling/custom_sampling/samplers")
def sampler_dpmpp_sde(
    *,
    eta: Eta = 1.0,
    s_noise: NoiseScale = 1.0,
    r: Annotated[float, Field(ge=0.01, le=100, description="Where a step is parted."), Step(0.01)] = 0.5,
    noise_device: NoiseDevice,  # noqa: ARG001
) -> Sampler:
    """DPM-Solver++ of second order in one step, with noise of a Brownian path."""
    return Sampler("dpmpp_sde", (("eta", eta), ("s_noise", s_noise), ("r", r)))


@node("SamplerER_SDE", category="sampling/custom_sampling/samplers")
def sampler_er_sde(
    *,
    solver_type: Literal["ER-SDE", "Reverse-time SDE", "ODE"],
    max_stage: Annotated[int, Field(ge=1, le=3, description="Its order.")] = 3,
    eta: Annotated[Eta, Field(description="Of the reverse-time SDE; 0 is the ODE.")] = 1.0,
    s_noise: NoiseScale = 1.0,
) -> Sampler:
    """Solvers of the reverse-time SDE that renew the noise by a function of its level."""
    options: tuple[tuple[str, float | str], ...] = (("max_stage", max_stage), ("s_noise", s_noise))
    if solver_type != "ER-SDE":
        options = (*options, ("eta", eta if solver_type == "Reverse-time SDE" else 0.0))
    return Sampler("er_sde", options)


@node("SamplerCustom", category="sampling/custom_sampling", numeric=True)
async def sampler_custom(
    ctx: Context,
    *,
    model: Model,
    add_noise: bool = True,
    noise_seed: Seed = 0,
    cfg: Cfg = 8.0,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
) -> Sampled:
    """Denoise a latent along a schedule; beside the result, what the last step took for the finished one."""
    guider, noise = Guider(model, positive, negative, cfg), Noise(noise_seed, add_noise)
    return Sampled(*await sampled(ctx, guider, latent_image, noise, sampler, along(sigmas)))


@node("SamplerCustomAdvanced", category="sampling/custom_sampling", numeric=True)
async def sampler_custom_advanced(
    ctx: Context, *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent
) -> Sampled:
    """Denoise a latent with parts of one's choice."""
    return Sampled(*await sampled(ctx, guider, latent_image, noise, sampler, along(sigmas)))


def along(sigmas: Sigmas) -> "Callable[[ModelSampling], Tensor]":
    return lambda _model: sigmas


@node("AddNoise", category="_for_testing/custom_sampling/noise", lane="cpu")
def add_noise(*, model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent) -> Latent:
    """Noise a latent as far as a schedule would denoise it."""
    from nodes import recognition
    from nodes.diffusion.noise import initial_noise

    if not len(sigmas):
        return latent_image
    form = recognition.denoiser(model.path).latent_format
    samples = form.fit(latent_image.samples.float())
    drawn = initial_noise(samples.shape, noise.seed, latent_image.batch_index)
    level = float(abs(sigmas[0] - sigmas[-1]) if len(sigmas) > 1 else sigmas[0])
    noised = model.sampling.noised(form.process_in(samples), drawn if noise.adds else drawn * 0, level)
    return replace(latent_image, samples=form.process_out(noised).nan_to_num(0.0, 0.0, 0.0))
