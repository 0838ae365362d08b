"""Sampling nodes: from noise to latents."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine.node import Choices, Context, Step, UserError, node
from nodes.diffusion import names
from nodes.previews import preview
from nodes.sockets import Conditioning, Latent, Model, Seed

if TYPE_CHECKING:
    from torch import Tensor

    from nodes.diffusion.denoisers import UNetDenoiser

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
        async with ctx.resident(model.on) as denoiser:
            samples = await ctx.device.drive(self._steps(ctx, model, denoiser, latent))
        return replace(latent, samples=samples)

    def _steps(
        self, ctx: Context, model: Model, denoiser: "UNetDenoiser", latent: Latent
    ) -> "Generator[Sequence[Any], Sequence[Any], Tensor]":
        # torch enters here, on the device's thread: not when nodes are listed
        from nodes.diffusion.noise import initial_noise
        from nodes.diffusion.sampling import sample
        from nodes.diffusion.schedules import sampler_sigmas, window

        samples = denoiser.latent_format.fit(latent.samples.float())
        if samples.shape[1] != denoiser.latent_format.channels:
            wanted, got = denoiser.latent_format.channels, samples.shape[1]
            raise UserError(
                f"the latent has {got} channels, the model takes {wanted}; use a VAE of its family"
            )
        sigmas = sampler_sigmas(
            self.sampler_name, self.scheduler, denoiser.model_sampling, self.steps, self.denoise
        )
        noise = (
            initial_noise(samples.shape, self.seed, latent.batch_index)
            if self.add_noise
            else samples.new_zeros(samples.shape)
        )

        def on_step(done: int, total: int, denoised: "Tensor") -> None:
            ctx.progress(done, total)
            ctx.preview(partial(preview, model, denoised))

        return (
            yield from sample(
                denoiser,
                samples,
                noise=noise,
                sampler_name=self.sampler_name,
                sigmas=window(sigmas, self.start, self.end, leftover_noise=self.leftover_noise),
                positive=self.positive,
                negative=self.negative,
                cfg=self.cfg,
                seed=self.seed,
                noise_mask=latent.noise_mask,
                on_step=on_step,
            )
        )


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
