"""The same work without Safelight, for `safelight bench` to measure beside: each is a function to call.

All of it is the embedded model's.  What computes is to be called on the device's thread.
"""

from collections.abc import Callable
from itertools import count, pairwise
from typing import Any, Final

import torch

from nodes import device
from nodes.diffusion.checkpoints import identify
from nodes.diffusion.loading import load_denoiser, load_text_encoder
from nodes.diffusion.schedules import sampler_sigmas
from nodes.pinhole import WEIGHTS

PROMPT: Final = "a red circle on a white background"


def bare_loop(device_name: str, steps: int, side: int, batch: int) -> Callable[[], object]:
    """Sampling as a loop of a few lines: the same UNet with the same batches, and Euler's two lines."""
    target, precision = device.choose(device_name), device.precision(device_name, "denoiser")
    denoiser = load_denoiser(identify(WEIGHTS), target, precision)
    encoder = load_text_encoder(identify(WEIGHTS))
    sampling = denoiser.model_sampling
    sigmas = sampler_sigmas("euler", "normal", sampling, steps, 1.0).tolist()
    prompts = [encoder.encode(text)[0].expand(batch, -1, -1) for text in (PROMPT, "")]
    tokens = torch.cat(prompts).to(target, precision)

    def loop() -> None:
        with torch.inference_mode():
            x = torch.randn(batch, 4, side // 8, side // 8).to(target) * sigmas[0]
            for sigma, following in pairwise(sigmas):
                taken = sampling.model_input(x, sigma).to(precision)
                t = torch.full((2 * len(x),), sampling.timestep(sigma), dtype=torch.float32, device=target)
                out = denoiser.unet(
                    torch.cat([taken, taken]), t, encoder_hidden_states=tokens, return_dict=False
                )[0]
                c, u = sampling.denoised(torch.cat([x, x]), out.float(), sigma).chunk(2)
                x = x + (x - (u + 2.0 * (c - u))) / sigma * (following - sigma)
            x.cpu()

    return loop


def pipeline(device_name: str, steps: int) -> Callable[[], object]:
    """Text to image by diffusers' own pipeline, with a new seed each time."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    for each in (of_diffusers, of_transformers):  # what they say while they load is not about the measurement
        said: Any = each
        said.set_verbosity_error()
        said.disable_progress_bar()
    load: Any = StableDiffusionPipeline.from_pretrained  # published without types
    precision = device.precision(device_name, "denoiser")
    made = load(WEIGHTS, safety_checker=None, local_files_only=True).to(device.choose(device_name), precision)
    made.set_progress_bar_config(disable=True)
    seeds = count()
    return lambda: made(
        PROMPT, height=128, width=128, num_inference_steps=steps, guidance_scale=2.0,
        generator=torch.Generator().manual_seed(next(seeds)),
    )  # fmt: skip


def unet(device_name: str, rows: int, total: int = 128) -> Callable[[], object]:
    """Forwards of the UNet alone, `total` rows of them in calls of `rows`."""
    target, precision = device.choose(device_name), device.precision(device_name, "denoiser")
    network: Any = load_denoiser(identify(WEIGHTS), target, precision).unet
    width = network.config.cross_attention_dim
    x, tokens = (torch.randn(shape).to(target, precision) for shape in ((rows, 4, 16, 16), (rows, 77, width)))
    levels = torch.full((rows,), 500.0, device=target)

    def forwards() -> None:
        with torch.inference_mode():
            for _ in range(total // rows):
                network(x, levels, encoder_hidden_states=tokens, return_dict=False)
            if target.type == "cuda":
                torch.cuda.synchronize(target)

    return forwards


def threads(device_name: str, number: int) -> Callable[[], object]:  # noqa: ARG001  # all are called alike
    """Set how many threads an operation on the CPU takes."""
    return lambda: torch.set_num_threads(number)


def device_peak(device_name: str) -> Callable[[], object]:
    """The most bytes that were ever taken on a device with a memory of its own, or None."""
    target = device.choose(device_name)
    return lambda: torch.cuda.max_memory_allocated(target) if target.type == "cuda" else None


YARDSTICKS: Final[dict[str, Callable[..., Callable[[], object]]]] = {
    "bare loop": bare_loop,
    "pipeline": pipeline,
    "unet": unet,
    "threads": threads,
    "device peak": device_peak,
}
