"""Training the autoencoder: both halves from scratch, and then the decoder alone on imperfect latents."""

import math
import time
from collections.abc import Callable, Iterable
from random import Random

import torch
from PIL import Image
from torch import Tensor, nn

from nodes.pinhole.captions import plain_caption
from nodes.pinhole.networks import Networks, alphas_cumprod, to_pixels
from nodes.pinhole.optimizer import optimizers, set_rate
from nodes.pinhole.parallel import average_gradients, rank, shared, workers
from nodes.pinhole.pictures import SIZE, Scene, example

CROP = 64  # whole objects at a quarter of the cost of whole pictures


def cosine(step: float, steps: float, warmup: float, floor: float = 0.03) -> float:
    """The learning rate's factor: a linear rise, and half a cosine down to `floor`."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return min(1.0, step / warmup + 0.01) * (floor + (1 - floor) * fall)


def _edges(difference: Tensor) -> Tensor:
    """The error's own gradient: punishes grain and soft outlines, which L1 alone forgives."""
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    return across + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()


class _Descent:
    """AdamW with the schedule above, and a line of progress now and then."""

    def __init__(self, name: str, parameters: Iterable[nn.Parameter], lr: float, steps: int) -> None:
        self.parameters = list(parameters)
        self.optimizer = torch.optim.AdamW(self.parameters, lr, betas=(0.9, 0.99), weight_decay=1e-4)
        self.name, self.lr, self.steps, self.done, self.started = name, lr, steps, 0, time.monotonic()
        self.squared = 0.0

    def step(self, loss: Tensor, mse: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * cosine(self.done, self.steps, 50)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done, self.squared = self.done + 1, self.squared + mse
        if self.done % 100 == 0:
            psnr, minutes = 10 * math.log10(4 * 100 / self.squared), (time.monotonic() - self.started) / 60
            print(f"{self.name} {self.done}/{self.steps} {minutes:.1f} min, {psnr:.2f} dB", flush=True)
            self.squared = 0.0


def _crops(seed: int, first: int, count: int) -> Tensor:
    """Corners and random places of pictures; mostly crops that show something."""
    rng, index = Random(f"{seed}/{first}"), first
    crops: list[Image.Image] = []
    while len(crops) < count:
        picture = example(seed, index)[1]
        x, y = (rng.choice((0, CROP, rng.randrange(SIZE - CROP))) for _ in "xy")
        crop = picture.crop((x, y, x + CROP, y + CROP))
        shows = crop.getcolors(maxcolors=1) is None
        if shows or rng.random() < 0.15:
            crops.append(crop)
        index += 1
    return to_pixels(crops)


def train_autoencoder(
    networks: Networks, steps: int, *, lr: float = 1e-3, batch: int = 32, seed: int = 1
) -> None:
    """Reconstruction with a little KL; ends with latents of zero mean and unit variance per channel."""
    descent = _Descent("vae", networks.vae.parameters(), lr, steps)
    for step in range(steps):
        pixels = _crops(seed, step * batch * 2, batch)
        posterior = networks.vae.encode(pixels).latent_dist
        difference = networks.decode_latents(posterior.sample()) - pixels
        mse, kl = difference.square().mean(), posterior.kl().mean() / (4 * (CROP // 8) ** 2)
        loss = mse + 0.3 * difference.abs().mean() + 0.15 * _edges(difference) + 1e-4 * kl
        descent.step(loss, mse.item())
    whiten(networks, to_pixels([example(seed, index)[1] for index in range(512)]))


@torch.no_grad()
def whiten(networks: Networks, pixels: Tensor) -> None:
    """Fold each latent channel's mean and deviation into the 1x1 convolutions on both sides of the latent.

    One `scaling_factor` cannot repair channels that differ; the decoder's pictures stay the same.
    """
    latents = torch.cat([networks.encode_pictures(chunk) for chunk in torch.split(pixels, 64)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    into, out = networks.vae.quant_conv, networks.vae.post_quant_conv
    into.weight[:4] /= deviation.view(4, 1, 1, 1)
    into.bias[:4] = (into.bias[:4] - mean) / deviation
    into.bias[4:] -= 2 * deviation.log()
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= deviation.view(1, 4, 1, 1)


@torch.no_grad()
def imperfect(networks: Networks, latents: Tensor, scenes: list[Scene], generator: torch.Generator) -> Tensor:
    """Latents as sampling leaves them: half with white noise, half guessed by the UNet from a noisy state."""
    half = len(latents) // 2
    amount = 0.25 * torch.rand(half, 1, 1, 1, generator=generator)
    noisy = latents[:half] + amount * torch.randn(latents[:half].shape, generator=generator)
    z = latents[half:]
    t = torch.randint(20, 350, (len(z),), generator=generator)
    signal = alphas_cumprod()[t].view(-1, 1, 1, 1)
    x = signal.sqrt() * z + (1 - signal).sqrt() * torch.randn(z.shape, generator=generator)
    ids = networks.token_ids([plain_caption(scene) for scene in scenes[half:]])
    v = networks.unet(x, t, networks.text(ids).last_hidden_state).sample
    return torch.cat([noisy, signal.sqrt() * x - (1 - signal).sqrt() * v])


def train_decoder(
    networks: Networks,
    steps: int,
    save: Callable[[], None],
    *,
    lr: float = 7e-4,
    batch: int = 16,
    seed: int = 2,
    deadline: float | None = None,
) -> None:
    """Draw clean pictures from imperfect latents, with the encoder frozen, so that the UNet stays valid.

    Whole pictures, for the group norms' statistics. The rate falls with the steps or, if that comes first,
    in the last ten minutes before the deadline. `save` is called now and then.
    """
    vae, batch = networks.vae, batch // workers()
    trained = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    networks.unet.requires_grad_(requires_grad=False)
    descent = optimizers(vae.decoder, vae.post_quant_conv.parameters(), lr)
    generator = torch.Generator().manual_seed(1000 * seed + rank())
    squared, started = 0.0, time.monotonic()
    for step in range(steps):
        progress = step / steps
        if deadline is not None:
            progress = max(progress, 1 - (deadline - time.time()) / 600)
        if (progress := shared(progress)) >= 1:
            break
        set_rate(descent, lr * cosine(progress, 1.0, 30 / steps))
        first = (step * workers() + rank()) * batch
        scenes, pictures = zip(*(example(seed, first + k) for k in range(batch)), strict=True)
        pixels = to_pixels(pictures)
        with torch.no_grad():
            latents = imperfect(networks, networks.encode_pictures(pixels), list(scenes), generator)
        difference = networks.decode_latents(latents) - pixels
        loss = difference.abs().mean() + 0.2 * _edges(difference)
        loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(trained)
        nn.utils.clip_grad_norm_(trained, 1.0)
        for optimizer in descent:
            optimizer.step()
            optimizer.zero_grad()
        squared += difference.detach().square().mean().item()
        if rank() == 0 and (step + 1) % 50 == 0:
            psnr, minutes = 10 * math.log10(4 * 50 / squared), (time.monotonic() - started) / 60
            print(f"decoder {step + 1} at {progress:.2f}, {minutes:.1f} min, {psnr:.2f} dB", flush=True)
            squared = 0.0
            save()
    if rank() == 0:
        save()
