"""Denoisers whose answers are known without a network, and a tiny network."""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.denoisers import Row
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling
from nodes.diffusion.samplers import Sampling

SD1 = ModelSampling.from_betas()


@dataclass
class Normal:
    """D(x, sigma) for data from N(mean, deviation^2), and the exact flow from one level to another."""

    mean: float = 1.0
    deviation: float = 0.5

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        s, n = self.deviation**2, sigma**2
        return (s * x + n * self.mean) / (s + n)

    def flow(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        scale = math.hypot(self.deviation, sigma_next) / math.hypot(self.deviation, sigma)
        return self.mean + (x - self.mean) * scale


@dataclass(eq=False)
class ToyDenoiser:
    """Predicts the mean of its tokens everywhere (bent by x if `curved`); remembers each call's rows."""

    identity: Hashable = "toy"
    model_sampling: ModelSampling = SD1
    latent_format: LatentFormat = field(default_factory=LatentFormat)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    curved: bool = False
    calls: list[list[Row]] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return [row for call in self.calls for row in call]

    def __call__(self, rows: Sequence[Row], /) -> list[Tensor]:
        self.calls.append(list(rows))
        return [self.predict(row) for row in rows]

    def predict(self, row: Row) -> Tensor:
        bent = torch.sin(row.x / math.hypot(1, row.sigma)) if self.curved else torch.zeros_like(row.x)
        return bent + row.tokens.mean()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another cost a tiny network ten times its own work on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def values(tensor: Tensor) -> list[float]:
    """Every value that occurs, once."""
    return sorted(set(tensor.flatten().tolist()))


def drive(sampling: Sampling, denoise: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Answer a sampler to its end."""
    try:
        question = next(sampling)
        while True:
            question = sampling.send(denoise(*question))
    except StopIteration as end:
        result: Tensor = end.value
        return result


@cache
def tiny_unet() -> nn.Module:
    """Stable Diffusion's architecture with 32 channels and random weights."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    make: Any = UNet2DConditionModel
    made = make(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    network: nn.Module = made.eval()
    return network
