"""Pictures enlarged by a network: residual-in-residual dense blocks (ESRGAN, arXiv 1809.00219)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nodes.diffusion.asks import Ask, Key, Steps, run
from nodes.diffusion.headers import read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.layouts.rrdb import COLOURS, identify_rrdb
from nodes.diffusion.networks import build, nbytes
from nodes.diffusion.tiling import stretches, tiling

CPU = torch.device("cpu")
SHARE = 0.2  # of each residual
SLOPE = 0.2  # of what is below zero

OnTile = Callable[[int, int], object]
"""Called after each tile: how many are done, and how many there are."""


def lrelu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it gave."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(features + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(features + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(features + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, lrelu(conv(seen))], 1)
        y: Tensor = x + SHARE * self.conv5(seen)
        return y


class ResidualBlock(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + SHARE * self.rdb3(self.rdb2(self.rdb1(x)))
        return y


class RRDBNet(nn.Module):
    """[B,3,H,W] 0..1 to [B,3,H s,W s], s being 2^ups / shrink."""

    def __init__(self, *, features: int, growth: int, blocks: int, ups: int, shrink: int) -> None:
        super().__init__()
        self.shrink = shrink
        self.ups = ups
        self.conv_first = nn.Conv2d(COLOURS * shrink**2, features, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        for i in range(1, ups + 1):
            setattr(self, f"conv_up{i}", nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, COLOURS, 3, padding=1)

    @property
    def scale(self) -> int:
        return (1 << self.ups) // self.shrink

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if self.shrink > 1:
            x = functional.pad(x, (0, -width % self.shrink, 0, -height % self.shrink), mode="replicate")
            x = functional.pixel_unshuffle(x, self.shrink)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for i in range(1, self.ups + 1):
            x = lrelu(getattr(self, f"conv_up{i}")(functional.interpolate(x, scale_factor=2.0)))
        y: Tensor = self.conv_last(lrelu(self.conv_hr(x)))
        return y[:, :, : height * self.scale, : width * self.scale]


@dataclass(frozen=True, eq=False)
class Upscaler:
    """An upscaling network, and pictures [B,H,W,C] through it."""

    network: RRDBNet
    identity: Hashable

    @property
    def nbytes(self) -> int:
        return nbytes(self.network)

    def __call__(
        self, pictures: Tensor, tile: int = 512, overlap: int = 32, on_tile: OnTile | None = None
    ) -> Tensor:
        """`enlarging`, by itself."""
        return run(self.enlarging(pictures, tile, overlap, on_tile))

    def enlarging(
        self, pictures: Tensor, tile: int = 512, overlap: int = 32, on_tile: OnTile | None = None
    ) -> Steps[Tensor]:
        """Enlarged pictures; those larger than `tile` go in overlapping tiles, seams faded."""
        pixels = pictures[..., :COLOURS].movedim(-1, 1)
        count, _, height, width = pixels.shape
        total = count * _tiles(height, width, tile, overlap)
        parameter = next(self.network.parameters())
        place = self.identity, parameter.device, parameter.dtype
        asked = 0

        def ask(part: Tensor) -> Ask:
            nonlocal asked
            if on_tile is not None and asked:  # the one before has been answered
                on_tile(asked, total)
            asked += 1
            return Ask(Key(place, part.shape[1:], "enlarge"), self._forward, part)

        enlarged = yield from tiling(ask, pixels, (tile, tile), overlap, self.network.scale)
        if on_tile is not None:
            on_tile(asked, total)
        return enlarged.clamp(0, 1).movedim(1, -1).contiguous()

    @torch.no_grad()
    def _forward(self, rows: Sequence[Tensor]) -> Sequence[Tensor]:
        enlarged: Tensor = self.network(torch.cat(list(rows)).to(next(self.network.parameters())))
        return torch.split(enlarged.float().cpu(), 1)


def _tiles(height: int, width: int, tile: int, overlap: int) -> int:
    if height <= tile and width <= tile:
        return 1
    overlap = min(overlap, tile // 2)
    rows, columns = (len(list(stretches(length, tile, overlap))) for length in (height, width))
    return rows * columns


def load_upscaler(path: Path, device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> Upscaler:
    """The network of a file of the ESRGAN family."""
    network = build(_make, identify_rrdb(read_header(path)), partial(Tensor.to, device=device, dtype=dtype))
    return Upscaler(network, weights_identity(path))


def _make(config: Mapping[str, Any]) -> RRDBNet:
    return RRDBNet(**config)
