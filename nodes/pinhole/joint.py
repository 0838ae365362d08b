"""Training UNet and text encoder together: plain v-prediction on cached latents.

The learning rate follows the step count; a deadline makes it fall earlier where the machine is slower than
planned. A run saves itself and goes on from there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from nodes.pinhole.attributes import AttributeHeads, attribute_labels
from nodes.pinhole.autoencoder import cosine
from nodes.pinhole.captions import caption
from nodes.pinhole.networks import Networks, alphas_cumprod, to_pixels
from nodes.pinhole.optimizer import optimizers, set_rate
from nodes.pinhole.parallel import average_gradients, rank, shared, workers
from nodes.pinhole.pictures import SIZE, Scene, example, example_scene

OTHER_SIZES = ((160, 128), (128, 160), (192, 128), (128, 192), (192, 192))


@dataclass(frozen=True)
class Recipe:
    """The numbers of a joint run."""

    steps: int
    batch: int = 64
    lr: float = 1.5e-3
    warmup: int = 150
    ema: float = 0.999
    noisy: float = 0.3  # timesteps redrawn from the noisier half, where layout and colour are decided
    dropped: float = 0.1  # captions emptied, for guidance
    heads: float = 0.03  # weight of the attribute loss
    other_sizes: float = 0.08  # batches of pictures that are not 128 x 128
    exaggerated: float = 0.2  # see `exaggerate`
    exaggerated_from: float = 0.3  # share of the run after which that begins


@dataclass(frozen=True)
class Pictures:
    """Encoded training pictures of one size, with their scenes and attribute labels."""

    latents: Tensor
    scenes: list[Scene]
    labels: Tensor


def encoded(networks: Networks, count: int, cache: Path, width: int = SIZE, height: int = SIZE) -> Pictures:
    """`count` training pictures through the encoder; their latents are kept in `cache`."""
    seed = f"{width}x{height}"
    file = cache / f"latents-{seed}-{count}.pt"
    if not file.exists():
        chunks = []
        with torch.no_grad():
            for indices in torch.split(torch.arange(count), 16):
                pictures = [example(seed, index, width, height)[1] for index in indices.tolist()]
                chunks.append(networks.encode_pictures(to_pixels(pictures)).half())
        torch.save(torch.cat(chunks), file)
    scenes = [example_scene(seed, index) for index in range(count)]
    return Pictures(torch.load(file), scenes, torch.tensor([attribute_labels(scene) for scene in scenes]))


def exaggerate(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Latents as strong guidance overshoots them: pushed away from the mean picture or their own mean."""
    amount = 1.5 * torch.rand(len(latents), 1, 1, 1, generator=generator)
    own = torch.rand(len(latents), 1, 1, 1, generator=generator) < 0.5
    mean = torch.where(own, latents.mean((2, 3), keepdim=True), torch.zeros(()))
    return latents + amount * (latents - mean)


def noised(
    latents: Tensor, exaggerated: float, noisy: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, timesteps, v targets and weights of a batch.

    Some inputs are made from exaggerated latents while their target still leads to the true ones, so that the
    network pulls an over-saturated state back instead of keeping it; they are weighted as errors of the
    clean latent, which v would magnify where there is little noise.
    """
    count = len(latents)
    t = torch.randint(0, 1000, (count,), generator=generator)
    redrawn = torch.randint(500, 1000, (count,), generator=generator)
    t = torch.where(torch.rand(count, generator=generator) < noisy, redrawn, t)
    signal = alphas_cumprod()[t].view(-1, 1, 1, 1)
    sa, sn = signal.sqrt(), (1 - signal).sqrt()
    noise = torch.randn(latents.shape, generator=generator)
    chosen = (torch.rand(count, 1, 1, 1, generator=generator) < exaggerated) & (sn > 0.3)
    x = sa * torch.where(chosen, exaggerate(latents, generator), latents) + sn * noise
    v = torch.where(chosen, (sa * x - latents) / sn, sa * noise - sn * latents)
    weights = torch.where(chosen, sn.square(), torch.ones(())).flatten()
    return x, t, v, weights


@dataclass
class Joint:
    """A joint run and all of its state."""

    networks: Networks
    recipe: Recipe
    sizes: list[Pictures]  # the first is the usual size
    seed: int = 0
    done: int = 0
    heads: AttributeHeads = field(default_factory=AttributeHeads)

    def __post_init__(self) -> None:
        self.averaged = [*self.networks.unet.parameters(), *self.networks.text.parameters()]
        self.trained = [*self.averaged, *self.heads.parameters()]
        others = [*self.networks.text.parameters(), *self.heads.parameters()]
        self.optimizers = optimizers(self.networks.unet, others, self.recipe.lr)
        self.ema = [p.detach().clone() for p in self.averaged]
        self.end = int(self.networks.tokenizer.eos_token_id)
        self._reseed()

    def _reseed(self) -> None:
        """Every process, and every continuation, draws other pictures and other noise."""
        seed = 1000 * self.seed + 10**6 * self.done + rank()
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = Random(seed)

    def _batch(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Latents, token ids (some captions dropped), labels, and which rows kept their caption."""
        pictures = self.sizes[0]
        if len(self.sizes) > 1 and self.rng.random() < self.recipe.other_sizes:
            pictures = self.rng.choice(self.sizes[1:])
        rows = torch.randint(0, len(pictures.scenes), (size,), generator=self.generator)
        kept = torch.rand(size, generator=self.generator) >= self.recipe.dropped
        words = [
            caption(pictures.scenes[row], self.rng) if keep else ""
            for row, keep in zip(rows.tolist(), kept.tolist(), strict=True)
        ]
        return pictures.latents[rows].float(), self.networks.token_ids(words), pictures.labels[rows], kept

    def warm_up(self, steps: int, *, text: bool, lr: float = 2e-3, batch: int = 64) -> Iterator[float]:
        """Attribute heads first, with the text encoder (from scratch) or without (it is trained already)."""
        parameters = [*self.heads.parameters(), *(self.networks.text.parameters() if text else ())]
        optimizer = torch.optim.AdamW(parameters, lr, weight_decay=0.01, fused=True)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = lr * cosine(step, steps, 30)
            _, ids, labels, kept = self._batch(batch // workers())
            with torch.set_grad_enabled(text):
                states = self.networks.text(ids).last_hidden_state
            loss = self.heads.loss(states[kept], ids[kept], labels[kept], self.end)
            loss.backward()  # type: ignore[no-untyped-call]
            average_gradients(parameters)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            yield loss.item()

    def step(self, progress: float) -> tuple[Tensor, Tensor, float]:
        """One update at `progress` (0 to 1) of the run: squared errors, their timesteps, the heads' loss."""
        recipe = self.recipe
        set_rate(self.optimizers, recipe.lr * cosine(progress, 1.0, recipe.warmup / recipe.steps))
        latents, ids, labels, kept = self._batch(recipe.batch // workers())
        exaggerated = recipe.exaggerated if progress >= recipe.exaggerated_from else 0.0
        x, t, v, weights = noised(latents, exaggerated, recipe.noisy, self.generator)
        states = self.networks.text(ids).last_hidden_state
        errors = (self.networks.unet(x, t, states).sample - v).square().mean((1, 2, 3))
        named = self.heads.loss(states[kept], ids[kept], labels[kept], self.end)
        loss = (weights * errors).mean() + recipe.heads * named
        loss.backward()
        average_gradients(self.trained)
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.done += 1
        with torch.no_grad():
            keep = min(recipe.ema, (1 + self.done) / (10 + self.done))
            torch._foreach_lerp_(self.ema, [p.detach() for p in self.averaged], 1 - keep)
        plain = weights == 1
        return errors.detach()[plain], t[plain], named.item()

    def run(self, folder: Path, deadline: float | None = None, save_every: float = 300) -> None:
        """To the last step, or to the deadline (seconds since the epoch); saves in between and at the end."""
        started, first, saved = time.time(), self.done, time.time()
        chief = rank() == 0
        sums, counts = torch.zeros(4), torch.zeros(4)
        while self.done < self.recipe.steps:
            progress = self.done / self.recipe.steps
            if deadline is not None:
                begun = first / self.recipe.steps
                progress = max(progress, begun + (1 - begun) * (time.time() - started) / (deadline - started))
            progress = shared(progress)
            if progress >= 1:
                break
            errors, t, named = self.step(progress)
            sums.index_add_(0, t // 250, errors)
            counts.index_add_(0, t // 250, torch.ones(len(t)))
            if chief and self.done % 50 == 0:
                rate = (self.done - first) * self.recipe.batch / (time.time() - started)
                quarters = " ".join(f"{e:.4f}" for e in (sums / counts).tolist())
                print(
                    f"{time.strftime('%H:%M:%S')} step {self.done} progress {progress:.3f} {rate:.0f}/s "
                    f"v-mse by quarter {quarters} heads {named:.3f}",
                    flush=True,
                )
                sums.zero_()
                counts.zero_()
            if chief and time.time() - saved > save_every:
                self.save(folder)
                saved = time.time()
        if chief:
            self.save(folder)

    def save(self, folder: Path) -> None:
        """The whole state in `state.pt`, written aside first; the averaged weights as a diffusers folder."""
        state = {
            "trained": [p.detach() for p in self.trained],
            "ema": self.ema,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "done": self.done,
        }
        torch.save(state, folder / "state.tmp")
        (folder / "state.tmp").replace(folder / "state.pt")
        with torch.no_grad():
            raw = [p.clone() for p in self.averaged]
            for p, average in zip(self.averaged, self.ema, strict=True):
                p.copy_(average)
            self.networks.save(folder / "model")
            for p, value in zip(self.averaged, raw, strict=True):
                p.copy_(value)

    def load(self, folder: Path) -> None:
        state = torch.load(folder / "state.pt")
        with torch.no_grad():
            for p, value in zip(self.trained, state["trained"], strict=True):
                p.copy_(value)
        self.ema = state["ema"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.done = state["done"]
        self._reseed()
