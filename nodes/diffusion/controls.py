"""Networks beside a denoiser that steer it by a picture, and what they say to one row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nodes.diffusion.components import Component, component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import sd1, sd2
from nodes.diffusion.headers import read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.latents import repeated_rows, resize
from nodes.diffusion.layouts import controlnet, unet
from nodes.diffusion.layouts.tensors import Tensors
from nodes.diffusion.networks import build, nbytes

CELL = 8
"""Pixels of a hint to a cell of a latent."""


@dataclass(frozen=True, eq=False)
class ControlNetwork:
    """A diffusers `ControlNetModel`."""

    network: nn.Module
    identity: Hashable
    channels: int
    shuffles: bool = False
    """Whether what it says is the same everywhere: its mean."""

    @property
    def nbytes(self) -> int:
        return nbytes(self.network)

    def __call__(
        self, x: Tensor, timesteps: Tensor, tokens: Tensor, hint: Tensor, strengths: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Residuals for the skips of a UNet and its middle, x [B,C,h,w] being what it is asked.

        `strengths` [B,1,1,1] scale them.
        """
        downs, middle = self.network(
            x, timesteps, encoder_hidden_states=tokens, controlnet_cond=hint, return_dict=False
        )
        if self.shuffles:
            downs, middle = [_mean(each) for each in downs], _mean(middle)
        return [each * strengths for each in downs], middle * strengths


@dataclass(frozen=True, eq=False)
class Active:
    """What steers one row: a network, a hint [B or 1,C,H,W] of eight pixels a cell, how strongly."""

    network: ControlNetwork
    hint: Tensor
    strength: float


def hint_for(pixels: Tensor, x: Tensor, channels: int) -> Tensor:
    """Pictures [n,H,W,C] as hints for rows like x [B,c,h,w]: cut to its proportions, one for each item."""
    height, width = x.shape[-2:]
    hint = resize(pixels.movedim(-1, 1), width * CELL, height * CELL, "nearest-exact", "center")
    if channels == 1:
        hint = hint[:, :3].mean(dim=1, keepdim=True)
    elif hint.shape[1] < channels:
        hint = hint[:, :1].expand(-1, channels, -1, -1)
    return repeated_rows(hint[:, :channels], x.shape[0])


def residuals(
    controls: Sequence[Sequence[Active]], x: Tensor, timesteps: Tensor, tokens: Tensor, sizes: Sequence[int]
) -> dict[str, Any]:
    """What the networks of all rows say together, as arguments of a UNet.

    The rows have the same networks, in one order; x is all rows, `sizes` are their items.
    """
    if not controls[0]:
        return {}
    downs: list[Tensor] = []
    middle: Tensor | None = None
    for number, first in enumerate(controls[0]):
        hints = torch.cat([row[number].hint.to(x) for row in controls])
        strengths = torch.cat(
            [
                x.new_full((size, 1, 1, 1), row[number].strength)
                for row, size in zip(controls, sizes, strict=True)
            ]
        )
        more, inner = first.network(x, timesteps, tokens, hints, strengths)
        downs = [a + b for a, b in zip(downs, more, strict=True)] if downs else more
        middle = inner if middle is None else middle + inner
    return {"down_block_additional_residuals": downs, "mid_block_additional_residual": middle}


def identify_control_net(path: Path) -> Component:
    """The ControlNet in a file, in either layout.

    Raises:
        ModelError: it holds none.
    """
    header = read_header(path)
    for prefix in controlnet.PREFIXES:
        tensors = Tensors(header, prefix)
        if not controlnet.is_original(tensors) and not controlnet.is_diffusers(tensors):
            continue
        heads = (sd2.FAMILY if unet.has_linear_projection(tensors) else sd1.FAMILY).heads
        if controlnet.is_original(tensors):
            config = controlnet.config(tensors, heads)
            return component(header, config, controlnet.sources(tensors, config["layers_per_block"]))
        config = controlnet.diffusers_config(tensors, heads)
        return component(header, config, unet.diffusers_sources(tensors))
    raise ModelError(path, "is a T2I adapter, which cannot be applied yet; use a ControlNet")


def load_control_net(path: Path, device: torch.device, dtype: torch.dtype) -> ControlNetwork:
    """A ControlNet out of its file.

    Raises:
        ModelError: the file holds none, or a damaged one.
    """
    found = identify_control_net(path)
    network = build(_make, found, lambda tensor: tensor.to(device, dtype))
    channels = int(found.config["conditioning_channels"])
    return ControlNetwork(network, weights_identity(path), channels, path.stem.endswith("_shuffle"))


def _make(config: Any) -> nn.Module:
    from diffusers import ControlNetModel

    made: nn.Module = ControlNetModel.from_config(dict(config))  # type: ignore[no-untyped-call]
    return made


def _mean(residual: Tensor) -> Tensor:
    return residual.mean((2, 3), keepdim=True).expand_as(residual)
