"""Sampling nodes: from noise to latents."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine.node import Choices, Context, Step, UserError, node
from nodes import recognition
from nodes.diffusion import names
from nodes.previews import preview
from nodes.sockets import Conditioning, ControlNet, Guider, Latent, Model, Noise, Sampler, Seed

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.controls import ControlNetwork
    from nodes.diffusion.denoisers import UNetDenoiser
    from nodes.diffusion.model_sampling import ModelSampling

Steps = Annotated[int, Field(ge=1, le=10_000, description="More steps, finer results.")]
Cfg = Annotated[
    float, Field(ge=0, le=100, description="How strongly the positive prompt leads; 1 is alone."), Step(0.1)
]
SamplerName = Annotated[str, Choices(names.SAMPLERS), Field(description="The method that removes noise.")]
SchedulerName = Annotated[str, Choices(names.SCHEDULERS), Field(description="How the noise falls.")]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What both samplers ask for."""

    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    positive: Conditioning
    negative: Conditioning
    denoise: float = 1.0
    add_noise: bool = True
    start: int = 0
    end: int = 10_000
    leftover_noise: bool = False

    async def __call__(self, ctx: Context, model: Model, latent: Latent) -> Latent:
        def sigmas(sampling: "ModelSampling") -> "Tensor":
            from nodes.diffusion.schedules import sampler_sigmas, window

            whole = sampler_sigmas(self.sampler_name, self.scheduler, sampling, self.steps, self.denoise)
            return window(whole, self.start, self.end, leftover_noise=self.leftover_noise)

        guider = Guider(model, self.positive, self.negative, self.cfg)
        noise = Noise(self.seed, self.add_noise)
        result, _ = await sampled(ctx, guider, latent, noise, Sampler(self.sampler_name), sigmas)
        return result


async def sampled(
    ctx: Context,
    guider: Guider,
    latent: Latent,
    noise: Noise,
    sampler: Sampler,
    sigmas: "Callable[[ModelSampling], Tensor]",
) -> tuple[Latent, Latent]:
    """The latent at the end of a run, and what the last step took for the finished one."""
    async with AsyncExitStack() as loaded:
        denoiser = await loaded.enter_async_context(ctx.resident(guider.model.on))
        networks = {
            net: await loaded.enter_async_context(ctx.resident(net.on)) for net in control_nets(guider)
        }
        samples, denoised = await ctx.device.drive(
            _steps(ctx, steered(guider, networks), denoiser, latent, noise, sampler, sigmas)
        )
    return replace(latent, samples=samples), replace(latent, samples=denoised)


def control_nets(guider: Guider) -> list[ControlNet]:
    """What steers a model beside its conditionings, each once.

    Raises:
        UserError: one was made for models of another family.
    """
    lists = (guider.positive, guider.negative, guider.third)
    found = list(dict.fromkeys(control.net for conds in lists for cond in conds for control in cond.controls))
    family = recognition.denoiser(guider.model.path).family if found else ""
    for net in found:
        if net.family != family:
            raise UserError(
                f"{net.path.name} was made for models of the family {net.family}, and "
                f"{guider.model.path.name} is of {family}; use a ControlNet of its family"
            )
    return found


def steered(guider: Guider, networks: Mapping[ControlNet, "ControlNetwork"]) -> Guider:
    """The guider with loaded networks in place of recipes."""

    def ready(conds: Conditioning) -> Conditioning:
        return tuple(
            replace(cond, controls=tuple(replace(each, net=networks[each.net]) for each in cond.controls))
            if cond.controls
            else cond
            for cond in conds
        )

    if not networks:
        return guider
    positive, negative, third = map(ready, (guider.positive, guider.negative, guider.third))
    return replace(guider, positive=positive, negative=negative, third=third)


def showing(guider: Guider, samples: "Tensor", mask: "Tensor") -> Guider:
    """For networks that are shown what to fill in: the latent, where a conditioning says nothing else."""

    def shown(conds: Conditioning) -> Conditioning:
        return tuple(
            replace(cond, concat=samples, concat_mask=mask) if cond.concat is None else cond for cond in conds
        )

    positive, negative, third = map(shown, (guider.positive, guider.negative, guider.third))
    return replace(guider, positive=positive, negative=negative, third=third)


def _steps(
    ctx: Context,
    guider: Guider,
    denoiser: "UNetDenoiser",
    latent: Latent,
    noise: Noise,
    sampler: Sampler,
    sigmas: "Callable[[ModelSampling], Tensor]",
) -> "Generator[Sequence[Any], Sequence[Any], tuple[Tensor, Tensor]]":
    # torch enters here, on the device's thread: not when nodes are listed
    from nodes.diffusion.changes import changed_denoiser
    from nodes.diffusion.noise import initial_noise
    from nodes.diffusion.sampling import sample

    denoiser = changed_denoiser(denoiser, guider.model.changes)
    form = denoiser.latent_format
    samples = form.fit(latent.samples.float())
    if samples.shape[1] != form.channels:
        raise UserError(
            f"the latent has {samples.shape[1]} channels, the model takes {form.channels}; "
            "use a VAE of its family"
        )
    if denoiser.extra_channels and latent.noise_mask is not None:
        guider = showing(guider, samples, latent.noise_mask)
    last: list[Tensor] = []

    def on_step(done: int, total: int, denoised: "Tensor") -> None:
        last[:] = [denoised]
        ctx.progress(done, total)
        ctx.preview(partial(preview, guider.model, denoised))

    result = yield from sample(
        denoiser,
        samples,
        noise=initial_noise(samples.shape, noise.seed, latent.batch_index)
        if noise.adds
        else samples.new_zeros(samples.shape),
        sampler_name=sampler.name,
        sigmas=sigmas(denoiser.model_sampling),
        positive=guider.positive,
        negative=guider.negative,
        cfg=guider.cfg,
        seed=noise.seed,
        noise_mask=latent.noise_mask,
        options=dict(sampler.options),
        guide=guider.guide(),
        on_step=on_step,
    )
    return result, form.process_out(last[0]).to(result.device) if last else result


@node("KSampler", category="sampling", numeric=True)
async def k_sampler(
    ctx: Context,
    *,
    model: Model,
    seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Annotated[
        float, Field(ge=0, le=1, description="How much of the latent is made anew."), Step(0.01)
    ] = 1.0,
) -> Latent:
    """Denoise a latent, led towards one conditioning and away from another."""
    run = Run(
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        positive=positive,
        negative=negative,
        denoise=denoise,
    )
    return await run(ctx, model, latent_image)


@node("KSamplerAdvanced", category="sampling", display_name="KSampler (Advanced)", numeric=True)
async def k_sampler_advanced(
    ctx: Context,
    *,
    model: Model,
    add_noise: Literal["enable", "disable"],
    noise_seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Annotated[int, Field(ge=0, le=10_000)] = 0,
    end_at_step: Annotated[int, Field(ge=0, le=10_000)] = 10_000,
    return_with_leftover_noise: Annotated[
        Literal["disable", "enable"], Field(description="Leave the rest of the noise to a next sampler.")
    ],
) -> Latent:
    """Run some of a schedule's steps, for samplers in a row."""
    run = Run(
        seed=noise_seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        positive=positive,
        negative=negative,
        add_noise=add_noise == "enable",
        start=start_at_step,
        end=end_at_step,
        leftover_noise=return_with_leftover_noise == "enable",
    )
    return await run(ctx, model, latent_image)
