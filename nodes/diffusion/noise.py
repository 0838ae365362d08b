"""Where noise comes from: the first one, and what stochastic samplers add on their way.

All of it is drawn on the CPU from generators of its own, so that a seed means the same picture on every
device and whoever else is running.  Seeds are unsigned 64-bit numbers.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

StepNoise = Callable[[float, float], Tensor]
"""Standard normal noise, of the state's shape, for a step from one sigma down to another."""


def initial_noise(shape: Sequence[int], seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """[B,C,H,W] float32, one draw for the whole batch.

    With `batch_index` (one number per item) items are drawn one by one and those numbers are kept, so
    that an item taken out of a batch keeps its noise.
    """
    generator = torch.Generator().manual_seed(seed)
    if batch_index is None:
        return torch.randn(tuple(shape), generator=generator)
    items = [torch.randn((1, *shape[1:]), generator=generator) for _ in range(max(batch_index) + 1)]
    return torch.cat([items[index] for index in batch_index])


def fresh_noise(x: Tensor, sigmas: Sequence[float], seed: int) -> StepNoise:  # noqa: ARG001
    """Independent draws for each step, from a new generator of the same seed.

    The first equals the initial noise of that seed: existing pictures were made so.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(_sigma: float, _sigma_next: float) -> Tensor:
        return torch.randn(x.shape, generator=generator).to(x, non_blocking=True)

    return noise


def brownian_noise(x: Tensor, sigmas: Sequence[float], seed: int) -> StepNoise:
    """Increments of one Brownian motion over sigma, so that finer schedules refine the same path.

    The path is torchsde's tree (arXiv 2001.01328) between the smallest positive and the largest sigma;
    an increment is taken downwards, against the tree's direction, and scaled to unit variance.
    """
    from torchsde import BrownianTree

    low, high = min(sigma for sigma in sigmas if sigma > 0), max(sigmas)

    @cache
    def tree() -> BrownianTree:
        return BrownianTree(t0=low, t1=high, w0=torch.zeros(x.shape), entropy=seed)

    def within(sigma: float) -> float:
        """A level no further out than the tree's ends, which it rounds to six digits."""
        return min(max(sigma, round(low, 6)), round(high, 6))

    def noise(sigma: float, sigma_next: float) -> Tensor:
        increment: Tensor = tree()(*sorted((within(sigma), within(sigma_next))))
        sign = -1.0 if sigma_next < sigma else 1.0
        scale: float = sign / math.sqrt(abs(sigma - sigma_next))
        return (increment * scale).to(x, non_blocking=True)

    return noise
