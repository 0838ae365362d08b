"""A small Euler sampler in ComfyUI's conventions, for evaluation without the rest of Safelight."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from PIL import Image
from torch import Tensor

from nodes.pinhole.networks import Networks, alphas_cumprod, to_pictures


def sigma_table() -> Tensor:
    alphas = alphas_cumprod().double()
    return ((1 - alphas) / alphas).sqrt().float()


def _at(timesteps: Tensor) -> Tensor:
    """Sigmas at fractional timesteps, interpolated in the logarithm."""
    log_sigmas = sigma_table().log()
    low, high = timesteps.floor().long(), timesteps.ceil().long()
    share = timesteps - low
    return ((1 - share) * log_sigmas[low] + share * log_sigmas[high]).exp()


def schedule(name: str, steps: int) -> Tensor:
    """The sigmas of a run, ending in zero, as ComfyUI's schedulers of these names place them."""
    table = sigma_table()
    if name == "normal":
        sigmas = _at(torch.linspace(999, 0, steps))
    elif name == "sgm_uniform":
        sigmas = _at(torch.linspace(999, 0, steps + 1)[:-1])
    elif name == "simple":
        sigmas = torch.stack([table[-(1 + int(k * 1000 / steps))] for k in range(steps)])
    elif name == "karras":
        ramp, rho = torch.linspace(0, 1, steps), 7.0
        high, low = table[-1] ** (1 / rho), table[0] ** (1 / rho)
        sigmas = (high + ramp * (low - high)) ** rho
    else:
        raise ValueError(f"unknown schedule {name!r}")
    return torch.cat([sigmas, torch.zeros(1)])


@torch.no_grad()
def sample(
    networks: Networks,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    steps: int = 20,
    cfg: float = 2.0,
    scheduler: str = "normal",
    width: int = 128,
    height: int = 128,
    batch: int = 32,
) -> list[Image.Image]:
    """Pictures of prompts; each has its own noise, from `seed` plus its index."""
    pictures: list[Image.Image] = []
    for first in range(0, len(prompts), batch):
        some = prompts[first : first + batch]
        shape = (1, 4, height // 8, width // 8)
        seeds = [torch.Generator().manual_seed(seed + first + k) for k in range(len(some))]
        noise = torch.cat([torch.randn(shape, generator=generator) for generator in seeds])
        states = networks.text(networks.token_ids([*some, *[""] * len(some)])).last_hidden_state
        latents = euler(networks, noise, states, schedule(scheduler, steps), cfg)
        pictures += to_pictures(networks.decode_latents(latents))
    return pictures


def euler(networks: Networks, noise: Tensor, states: Tensor, sigmas: Tensor, cfg: float) -> Tensor:
    """`states` holds the prompts' text states, then as many of the empty prompt."""
    table = sigma_table().log()
    x = noise * math.sqrt(1 + float(sigmas[0]) ** 2)
    for sigma, following in pairwise(sigmas):
        t = (table - sigma.log()).abs().argmin()
        scale = 1 / (1 + sigma**2)
        v = networks.unet((x * scale.sqrt()).repeat(2, 1, 1, 1), t, states).sample
        wanted, unwanted = (x.repeat(2, 1, 1, 1) * scale - v * sigma * scale.sqrt()).chunk(2)
        denoised = unwanted + cfg * (wanted - unwanted)
        x = x + (x - denoised) / sigma * (following - sigma)
    return x
