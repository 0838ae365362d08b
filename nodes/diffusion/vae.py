"""Pictures to latents and back, by a variational autoencoder.

Pictures are float32 [B,H,W,3] in 0..1. Latents are float32 [B,4,h,w] in the
autoencoder's own space: no family's scale is applied. Both live on the CPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.asks import Ask, Key, Steps
from nodes.diffusion.networks import nbytes
from nodes.diffusion.tiling import tiled_thrice, whole_or_tiled

SIDES = (64, 32, 16)  # of tiles, in cells of a latent


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

    def encoding(self, pixels: Tensor) -> Steps[Tensor]:
        """`encode`, a picture at a time, in tiles where memory does not hold one."""
        latents = []
        for part in torch.split(self._prepared(pixels), 1):
            sides = [side * self.downscale for side in SIDES]
            scale = 1 / self.downscale
            latents.append((yield from whole_or_tiled(self._ask_encode, part, sides, 64, scale)))
        return torch.cat(latents)

    def decoding(self, latent: Tensor) -> Steps[Tensor]:
        """`decode`, a picture at a time, in tiles where memory does not hold one."""
        pictures = []
        for part in torch.split(latent, 1):
            decoded = yield from whole_or_tiled(self._ask_decode, part, SIDES, 16, self.downscale)
            pictures.append(_picture(decoded))
        return torch.cat(pictures)

    def _ask_encode(self, pixels: Tensor) -> Ask:
        key = Key((self.identity, self.device, self.dtype), pixels.shape[1:], "encode")
        return Ask(key, lambda rows: torch.split(self._encode(torch.cat([*rows])), 1), pixels)

    def _ask_decode(self, latent: Tensor) -> Ask:
        key = Key((self.identity, self.device, self.dtype), latent.shape[1:], "decode")
        return Ask(key, lambda rows: torch.split(self._decode(torch.cat([*rows])), 1), latent)

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
