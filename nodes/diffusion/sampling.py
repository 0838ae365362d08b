"""Sampling: from a latent and noise to a finished latent, in the space that travels between nodes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from torch import Tensor

from nodes.diffusion.asks import Steps
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Denoiser
from nodes.diffusion.guidance import guided
from nodes.diffusion.latents import prepare_mask
from nodes.diffusion.model_sampling import ModelSampling
from nodes.diffusion.noise import initial_noise
from nodes.diffusion.samplers import SAMPLERS, Sampling

OnStep = Callable[[int, int, Tensor], object]
"""Called as each step is evaluated: its number from 1, how many there are, x0 [B,C,H,W] in model space."""


def sample(
    denoiser: Denoiser,
    latent: Tensor,
    *,
    noise: Tensor,
    sampler_name: str,
    sigmas: Tensor,
    positive: Sequence[Cond],
    negative: Sequence[Cond],
    cfg: float,
    seed: int,
    noise_mask: Tensor | None = None,
    options: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Steps[Tensor]:
    """Denoise `latent` [B,C,H,W] (VAE space) along `sigmas` [n + 1]; returns the same shape and space.

    `noise` [B,C,H,W] is the standard normal that the run starts from (zeros add none), `seed` that of the
    noise added on the way.  `noise_mask` [b,1,h,w] or [b,h,w] is 1 where the latent may change.
    `options` are keywords of the sampler itself; an unknown sampler name means "euler".
    """
    levels: list[float] = sigmas.tolist()
    if not levels:
        return latent
    sampler = SAMPLERS.get(sampler_name, SAMPLERS["euler"])
    model, form = denoiser.model_sampling, denoiser.latent_format
    original = form.process_in(form.fit(latent.float())).to(denoiser.device)
    noise = noise.to(original)
    sampling = sampler(model.start(original, noise, levels[0]), levels, seed, options or {})
    if on_step is not None:
        sampling = observed(sampling, levels, on_step)
    if noise_mask is not None:
        outside = (
            initial_noise(noise.shape, (seed + 1) % 2**64).to(noise) if sampler.own_outside_noise else noise
        )
        sampling = masked(sampling, prepare_mask(noise_mask, original), original, outside, model)
    samples = yield from guided(sampling, denoiser, positive, negative, cfg)
    return form.process_out(samples).to(latent.device)


def masked(sampling: Sampling, mask: Tensor, latent: Tensor, noise: Tensor, model: ModelSampling) -> Sampling:
    """Keep `latent` where `mask` [B,1,H,W] is 0, all in model space.

    There the network sees the latent itself under `noise`, whatever x the sampler carries, and the sampler
    hears that x0 is the latent: so it ends there.
    """
    kept = 1 - mask
    kept_latent, kept_noise = latent * kept, noise * kept
    with closing(sampling):
        try:
            x, sigma = next(sampling)
            while True:
                denoised = yield x * mask + model.noised(kept_latent, kept_noise, sigma), sigma
                x, sigma = sampling.send(denoised * mask + kept_latent)
        except StopIteration as end:
            result: Tensor = end.value
            return result


def observed(sampling: Sampling, sigmas: Sequence[float], on_step: OnStep) -> Sampling:
    """The same sampler; `on_step` hears of each new step once.

    A sampler says nothing of its steps.  A step has begun when it asks for a level at or past the
    step's own, in the direction of the schedule; steps that it skipped count as done.
    """
    total = len(sigmas) - 1
    heard = step = 0
    denoised: Tensor | None = None
    with closing(sampling):
        try:
            x, sigma = next(sampling)
            while True:
                while (
                    step + 1 < total and (sigma - sigmas[step + 1]) * (sigmas[step + 1] - sigmas[step]) >= 0
                ):
                    step += 1
                denoised = yield x, sigma
                if step + 1 > heard:
                    heard = step + 1
                    on_step(heard, total, denoised)
                x, sigma = sampling.send(denoised)
        except StopIteration as end:
            if denoised is not None and heard < total:
                on_step(total, total, denoised)
            result: Tensor = end.value
            return result
