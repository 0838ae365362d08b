"""Denoisers: networks wrapped so that they answer one question, D(x, sigma).

A denoiser takes a list of rows, possibly of different jobs and at different noise levels, and stacks
them into one forward.  What goes in and comes out is float32; inside, the network has its own dtype.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from nodes.diffusion.controls import Active, residuals
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling
from nodes.diffusion.networks import nbytes

GRAY = (0.8223, -0.6876, 0.6364, 0.1380)
"""A gray picture in the model space of Stable Diffusion: what an inpainting network sees of a hidden one."""

LONGEST_REPETITION = 4
"""Token lengths are evened out only if no text is repeated more often than this."""


@dataclass(frozen=True, eq=False)
class Row:
    """One question: x [B,C,h,w] at a noise level, led by tokens [B or 1,L,D] (and pooled [B or 1,P])."""

    x: Tensor
    sigma: float
    tokens: Tensor
    pooled: Tensor | None = None
    controls: tuple[Active, ...] = ()
    """Networks that steer it; rows of one call have the same, in one order."""
    concat: Tensor | None = None
    concat_mask: Tensor | None = None
    """A latent [B,C,h,w] and a mask [B,1,h,w] for networks that are shown these beside x."""


class Handle(Protocol):
    """A hook that can be taken off again."""

    def remove(self) -> None: ...


class Denoiser(Protocol):
    """Answers rows with x0 predictions [B,C,h,w], float32, one for each row.

    Denoisers of equal `identity` give equal answers: their rows may be merged.
    """

    @property
    def model_sampling(self) -> ModelSampling: ...
    @property
    def latent_format(self) -> LatentFormat: ...
    @property
    def identity(self) -> Hashable: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...

    def __call__(self, rows: Sequence[Row], /) -> list[Tensor]: ...


@dataclass(frozen=True, eq=False)
class UNetDenoiser:
    """A diffusers `UNet2DConditionModel` (SD 1, SD 2) with the noise levels it was trained on.

    `base` is the denoiser that it was derived from and shares weights with, kept so that others can too.
    """

    unet: nn.Module
    model_sampling: ModelSampling
    latent_format: LatentFormat
    identity: Hashable
    base: "UNetDenoiser | None" = None
    alterations: tuple[Callable[[nn.Module], Iterator[Handle]], ...] = ()
    """What puts hooks on the network for as long as it is called for this denoiser."""

    @property
    def device(self) -> torch.device:
        return self._parameter.device

    @property
    def dtype(self) -> torch.dtype:
        return self._parameter.dtype

    @property
    def nbytes(self) -> int:
        return nbytes(self.unet, *([self.base.unet] if self.base else []))

    @property
    def extra_channels(self) -> int:
        """How many channels the network is shown beside those of the latent."""
        config = getattr(self.unet, "config", None)
        taken: int = self.latent_format.channels if config is None else config.in_channels
        return taken - self.latent_format.channels

    def _beside(self, row: Row) -> Tensor:
        """Mask and masked latent, for inpainting; the latent as it is, for editing by instructions."""
        batch, channels, height, width = row.x.shape
        if self.extra_channels == channels:
            return row.x.new_zeros(row.x.shape) if row.concat is None else row.concat
        mask = row.x.new_ones(batch, 1, height, width) if row.concat_mask is None else row.concat_mask
        if row.concat is None:
            hidden = row.x.new_tensor(GRAY).reshape(1, -1, 1, 1).expand(batch, -1, height, width)
        else:
            hidden = self.latent_format.process_in(row.concat)
        return torch.cat([mask, hidden], dim=1)

    @property
    def _parameter(self) -> Tensor:
        return next(self.unet.parameters())

    @torch.no_grad()
    def __call__(self, rows: Sequence[Row], /) -> list[Tensor]:
        answers: dict[int, Tensor] = {}
        for members, length in batches([row.tokens.shape[1] for row in rows]):
            answers.update(zip(members, self._forward([rows[k] for k in members], length), strict=True))
        return [answers[k] for k in range(len(rows))]

    def _forward(self, rows: Sequence[Row], length: int) -> Sequence[Tensor]:
        """One forward, and the arithmetic around it for all rows at once."""
        sizes = [row.x.shape[0] for row in rows]
        sigmas = [row.sigma for row, size in zip(rows, sizes, strict=True) for _ in range(size)]
        sampling, parameter = self.model_sampling, self._parameter
        x = torch.cat([row.x for row in rows])
        with torch.inference_mode():
            levels = [sampling.timestep(sigma) for sigma in sigmas]
            timesteps = torch.tensor(levels).to(parameter.device, non_blocking=True)
            tokens = torch.cat([_spread(row, length) for row in rows]).to(parameter)
            seen = sampling.model_input(x, *sigmas).to(parameter)
            steering = residuals([row.controls for row in rows], seen, timesteps, tokens, sizes)
            if self.extra_channels:
                seen = torch.cat([seen, torch.cat([self._beside(row) for row in rows]).to(seen)], dim=1)
            with ExitStack() as hooks:
                for alter in self.alterations:
                    for handle in alter(self.unet):
                        hooks.callback(handle.remove)
                output: Tensor = self.unet(
                    seen, timesteps, encoder_hidden_states=tokens, return_dict=False, **steering
                )[0]
            output = output.float()
        return torch.split(sampling.denoised(x, output, *sigmas), sizes)


def batches(lengths: Sequence[int]) -> list[tuple[list[int], int]]:
    """Which rows can share a forward, by their token counts, and the count they share.

    Tokens that are all repeated equally often leave attention as it was, so different counts meet at
    their least common multiple, if that is not too long.
    """
    groups: list[tuple[list[int], int, int]] = []  # members, shared length, shortest
    for k, length in enumerate(lengths):
        for g, (members, shared, shortest) in enumerate(groups):
            common, least = math.lcm(shared, length), min(shortest, length)
            if common <= LONGEST_REPETITION * least:
                groups[g] = ([*members, k], common, least)
                break
        else:
            groups.append(([k], length, length))
    return [(members, shared) for members, shared, _ in groups]


def _spread(row: Row, length: int) -> Tensor:
    """[B, length, D]: tokens repeated up to `length`, and one text for all items if there is only one."""
    repeats = length // row.tokens.shape[1]
    tokens = row.tokens.repeat(1, repeats, 1) if repeats > 1 else row.tokens
    return tokens.expand(row.x.shape[0], -1, -1)
