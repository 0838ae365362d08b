"""Pictures to latents and back, by a variational autoencoder.

Pictures are float32 [B,H,W,3] in 0..1. Latents are float32 [B,4,h,w] in the
autoencoder's own space: no family's scale is applied. Both live on the CPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.networks import nbytes
from nodes.diffusion.tiling import tiled_thrice


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A diffusers `AutoencoderKL`."""

    vae: nn.Module
    identity: str

    @property
    def device(self) -> torch.device:
        return next(self.vae.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.vae.parameters()).dtype

    @property
    def nbytes(self) -> int:
        return nbytes(self.vae)

    @property
    def channels(self) -> int:
        """Of its latents: 4 for all of Stable Diffusion."""
        channels: int = self.vae.config.latent_channels  # type: ignore[union-attr, assignment]
        return channels

    @property
    def downscale(self) -> int:
        """Pixels per latent cell, along each axis: 8 for all of Stable Diffusion."""
        channels: Sequence[int] = self.vae.config.block_out_channels  # type: ignore[union-attr, assignment]
        return 1 << (len(channels) - 1)

    def encode(self, pixels: Tensor, batch: int = 1) -> Tensor:
        """The mean of the posterior, `batch` pictures at a time. Sides are cropped to multiples of 8."""
        pixels = self._prepared(pixels)
        return torch.cat([self._encode(part) for part in torch.split(pixels, batch)])

    def decode(self, latent: Tensor, batch: int = 1) -> Tensor:
        """Pictures from latents, `batch` at a time."""
        return torch.cat([_picture(self._decode(part)) for part in torch.split(latent, batch)])

    def encode_tiled(self, pixels: Tensor, tile: int = 512, overlap: int = 64) -> Tensor:
        """`encode` by tiles of so many pixels."""
        pixels = self._prepared(pixels)
        return tiled_thrice(self._encode, pixels, (tile, tile), overlap, 1 / self.downscale)

    def decode_tiled(self, latent: Tensor, tile: int = 64, overlap: int = 16) -> Tensor:
        """`decode` by tiles of so many latent cells."""
        return _picture(tiled_thrice(self._decode, latent, (tile, tile), overlap, self.downscale))

    def _prepared(self, pixels: Tensor) -> Tensor:
        """[B,H,W,C] 0..1 to [B,3,h,w] -1..1, the middle of the picture."""
        _, height, width, _ = pixels.shape
        top, left = height % self.downscale // 2, width % self.downscale // 2
        height, width = height // self.downscale * self.downscale, width // self.downscale * self.downscale
        pixels = pixels[:, top : top + height, left : left + width, :3]
        return pixels.movedim(-1, 1) * 2 - 1

    @torch.no_grad()
    def _encode(self, pixels: Tensor) -> Tensor:
        """[B,3,H,W] -1..1 to [B,4,h,w]."""
        posterior = self.vae.encode(pixels.to(self.device, self.dtype)).latent_dist  # type: ignore[operator]
        mean: Tensor = posterior.mean
        return mean.float().cpu()

    @torch.no_grad()
    def _decode(self, latent: Tensor) -> Tensor:
        """[B,4,h,w] to [B,3,H,W], -1..1 and somewhat beyond."""
        decoded: Tensor = self.vae.decode(latent.to(self.device, self.dtype)).sample  # type: ignore[operator]
        return decoded.float().cpu()


def _picture(decoded: Tensor) -> Tensor:
    """[B,3,H,W] -1..1 to [B,H,W,3] 0..1."""
    return ((decoded + 1) / 2).clamp(0, 1).movedim(1, -1).contiguous()
