"""Sampling: from a latent and noise to a finished latent, in the space that travels between nodes."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor

from nodes.diffusion.asks import Steps
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Denoiser
from nodes.diffusion.guidance import guided_by
from nodes.diffusion.guides import Guide, Soften
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
    guide: Guide | None = None,
    on_step: OnStep | None = None,
) -> Steps[Tensor]:
    """Denoise `latent` [B,C,H,W] (VAE space) along `sigmas` [n + 1]; returns the same shape and space.

    `noise` [B,C,H,W] is the standard normal that the run starts from (zeros add none), `seed` that of the
    noise added on the way.  `noise_mask` [b,1,h,w] or [b,h,w] is 1 where the latent may change.
    `options` are keywords of the sampler itself; an unknown sampler name means "euler".  A `guide` stands
    for both lists and cfg.
    """
    levels: list[float] = sigmas.tolist()
    if not levels:
        return latent
    sampler = SAMPLERS.get(sampler_name, SAMPLERS["euler"])
    model, form = denoiser.model_sampling, denoiser.latent_format
    original = form.process_in(form.fit(latent.float())).to(denoiser.device)
    noise = noise.to(original)
    sampling = sampler(model.start(original, noise, levels[0]), levels, seed, options or {})
    sampling = observed(sampling, levels, on_step)
    guide = guide or Guide(positive, negative, cfg)
    if noise_mask is not None:
        outside = (
            initial_noise(noise.shape, (seed + 1) % 2**64).to(noise) if sampler.own_outside_noise else noise
        )
        mask = prepare_mask(noise_mask, original)
        sampling = masked(sampling, mask, original, outside, model, guide.extras.softener(model, levels))
    samples = yield from guided_by(sampling, denoiser, guide)
    if not math.isfinite(samples.sum()):
        raise NotANumberError("after the last step")
    return form.process_out(samples).to(latent.device)


def masked(
    sampling: Sampling,
    mask: Tensor,
    latent: Tensor,
    noise: Tensor,
    model: ModelSampling,
    soften: Soften | None = None,
) -> Sampling:
    """Keep `latent` where `mask` [B,1,H,W] is 0, all in model space.

    There the network sees the latent itself under `noise`, whatever x the sampler carries, and the sampler
    hears that x0 is the latent: so it ends there.  With `soften` the mask differs from level to level.
    """
    original, kept = mask, 1 - mask
    kept_latent, kept_noise = latent * kept, noise * kept
    with closing(sampling):
        try:
            x, sigma = next(sampling)
            while True:
                if soften is not None:
                    mask = soften(original, sigma)
                    kept_latent, kept_noise = latent * (1 - mask), noise * (1 - mask)
                denoised = yield x * mask + model.noised(kept_latent, kept_noise, sigma), sigma
                x, sigma = sampling.send(denoised * mask + kept_latent)
        except StopIteration as end:
            result: Tensor = end.value
            return result


class NotANumberError(ValueError):
    """A prediction or a latent that holds NaN or infinity: nothing can come of it any more."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"the latent is not a number {where} (NaN or infinity); the model may be damaged or overflow in "
            "its precision, or this sampler may not go with this schedule or so high a cfg"
        )


def observed(sampling: Sampling, sigmas: Sequence[float], on_step: OnStep | None) -> Sampling:
    """The same sampler; `on_step` hears of each new step once, and NaN ends it.

    A sampler says nothing of its steps.  A step has begun when it asks for a level at or past the
    step's own, in the direction of the schedule; steps that it skipped count as done.
    """
    total = len(sigmas) - 1
    heard = step = 0
    denoised: Tensor | None = None
    sums: list[tuple[int, Tensor]] = []  # a device is not made to wait for each step: it is asked at the end
    with closing(sampling):
        try:
            x, sigma = next(sampling)
            while True:
                while (
                    step + 1 < total and (sigma - sigmas[step + 1]) * (sigmas[step + 1] - sigmas[step]) >= 0
                ):
                    step += 1
                denoised = yield x, sigma
                sums.append((step + 1, denoised.sum()))
                if denoised.is_cpu:
                    _check(sums, total)
                if step + 1 > heard:
                    heard = step + 1
                    if on_step is not None:
                        on_step(heard, total, denoised)
                x, sigma = sampling.send(denoised)
        except StopIteration as end:
            _check(sums, total)
            if denoised is not None and heard < total and on_step is not None:
                on_step(total, total, denoised)
            result: Tensor = end.value
            return result


def _check(sums: list[tuple[int, Tensor]], total: int) -> None:
    """Name the first step whose prediction is not a number, and forget the others."""
    if sums:
        values = torch.stack([each for _, each in sums]).tolist() if len(sums) > 1 else [float(sums[0][1])]
        for (step, _), value in zip(sums, values, strict=True):
            if not math.isfinite(value):
                raise NotANumberError(f"at step {step} of {total}")
    sums.clear()
