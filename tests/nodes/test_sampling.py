"""From a prompt to a picture with the embedded model, node by node."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from engine.errors import UserError
from engine.events import NodePreview, NodeProgress
from nodes.latent import empty_latent_image, latent_from_batch, set_latent_noise_mask
from nodes.loaders import checkpoint_loader_simple
from nodes.sampling import k_sampler, k_sampler_advanced
from nodes.sockets import Clip, Latent, Model, Vae
from nodes.text import clip_set_last_layer, clip_text_encode
from nodes.vae import vae_decode, vae_encode, vae_encode_for_inpaint


@dataclass
class Pinhole:
    home: Any
    model: Model
    clip: Clip
    vae: Vae
    positive: Any
    negative: Any

    def sample(self, latent: Latent, node: Any = k_sampler, **inputs: Any) -> Latent:
        defaults = {
            "model": self.model,
            "steps": 4,
            "cfg": 5.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "positive": self.positive,
            "negative": self.negative,
            "latent_image": latent,
        }
        sampled: Latent = self.home.call(node, **{**defaults, **inputs})
        return sampled

    def decode(self, latent: Latent) -> torch.Tensor:
        image: torch.Tensor = self.home.call(vae_decode, samples=latent, vae=self.vae)
        return image


@pytest.fixture
def pinhole(home: Any) -> Pinhole:
    model, clip, vae = home.call(checkpoint_loader_simple, ckpt_name="pinhole")
    text = "a red circle on a white background"
    positive = home.call(clip_text_encode, text=text, clip=clip)
    return Pinhole(home, model, clip, vae, positive, home.call(clip_text_encode, text="", clip=clip))


SMALL = empty_latent_image(width=64, height=64)
ADVANCED = {
    "node": k_sampler_advanced,
    "add_noise": "enable",
    "return_with_leftover_noise": "disable",
}


def test_a_prompt_becomes_the_picture_that_it_says(pinhole: Pinhole) -> None:
    latent = pinhole.sample(empty_latent_image(width=128, height=128), steps=10, seed=5)
    (image,) = pinhole.decode(latent)
    assert image.shape == (128, 128, 3)
    red, green, blue = image[52:76, 52:76].mean((0, 1)).tolist()
    assert red > 0.6
    assert max(green, blue) < 0.4
    assert image[:8, :8].mean() > 0.8


def test_equal_seeds_give_equal_latents_and_nothing_is_changed_in_place(pinhole: Pinhole) -> None:
    first, again, other = (pinhole.sample(SMALL, seed=seed).samples for seed in (1, 1, 2**64 - 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert SMALL.samples.abs().max() == 0


def test_each_step_is_told_and_can_be_looked_at(pinhole: Pinhole) -> None:
    pinhole.home.events.clear()
    pinhole.sample(SMALL, steps=3)
    progress = [(e.done, e.total) for e in pinhole.home.events if isinstance(e, NodeProgress)]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    previews = [e.image for e in pinhole.home.events if isinstance(e, NodePreview)]
    assert len(previews) == 3
    picture = previews[-1]()
    assert picture.size == (pinhole.sample(SMALL).samples.shape[-1],) * 2


def test_an_item_taken_out_of_a_batch_is_sampled_as_in_it(pinhole: Pinhole) -> None:
    batch = empty_latent_image(width=64, height=64, batch_size=3)
    whole = pinhole.sample(batch, seed=3).samples
    alone = pinhole.sample(latent_from_batch(samples=batch, batch_index=2, length=1), seed=3).samples
    assert torch.allclose(alone[0], whole[2], atol=1e-4)


def test_without_denoising_the_latent_comes_back(pinhole: Pinhole) -> None:
    latent = Latent(torch.randn(1, 4, 8, 8))
    assert torch.equal(pinhole.sample(latent, denoise=0.0).samples, latent.samples)


def test_two_samplers_in_a_row_are_one(pinhole: Pinhole) -> None:
    whole = pinhole.sample(SMALL, noise_seed=7, **ADVANCED)
    leaving = {**ADVANCED, "end_at_step": 2, "return_with_leftover_noise": "enable"}
    half = pinhole.sample(SMALL, noise_seed=7, **leaving)
    rest = pinhole.sample(half, noise_seed=7, **{**ADVANCED, "add_noise": "disable", "start_at_step": 2})
    assert torch.allclose(rest.samples, whole.samples, atol=1e-4)


def test_a_masked_latent_changes_only_inside_the_mask(pinhole: Pinhole) -> None:
    latent = Latent(torch.randn(1, 4, 8, 8))
    mask = torch.zeros(64, 64)
    mask[:, 32:] = 1
    changed = pinhole.sample(set_latent_noise_mask(samples=latent, mask=mask)).samples - latent.samples
    assert changed[..., :3].abs().max() < 1e-3
    assert changed[..., 5:].abs().max() > 0.1


def test_channels_must_fit_unless_the_latent_is_empty(pinhole: Pinhole) -> None:
    assert pinhole.sample(Latent(torch.zeros(1, 16, 8, 8))).samples.shape == (1, 4, 8, 8)
    with pytest.raises(UserError, match="16 channels, the model takes 4"):
        pinhole.sample(Latent(torch.ones(1, 16, 8, 8)))
    with pytest.raises(UserError, match="16 channels, this VAE takes 4"):
        pinhole.decode(Latent(torch.ones(1, 16, 8, 8)))


def test_a_picture_survives_the_vae(pinhole: Pinhole) -> None:
    image = torch.full((1, 67, 64, 3), 0.5)
    latent = pinhole.home.call(vae_encode, pixels=image, vae=pinhole.vae)
    decoded = pinhole.decode(latent)
    assert decoded.shape == (1, 64, 64, 3)
    assert (decoded - 0.5).abs().mean() < 0.1


def test_inpainting_grows_its_mask(pinhole: Pinhole) -> None:
    mask = torch.zeros(1, 32, 32)
    mask[0, 10, 10] = 1
    image = torch.rand(1, 32, 32, 3)
    latent = pinhole.home.call(
        vae_encode_for_inpaint, pixels=image, vae=pinhole.vae, mask=mask, grow_mask_by=6
    )
    rows = latent.noise_mask[0, 0].any(1).nonzero().flatten().tolist()
    assert rows == list(range(8, 14))


def test_clip_skip_reads_another_layer(pinhole: Pinhole) -> None:
    skipping = clip_set_last_layer(clip=pinhole.clip, stop_at_clip_layer=-2)
    (deep,) = pinhole.positive
    (early,) = pinhole.home.call(clip_text_encode, text="a red circle on a white background", clip=skipping)
    assert not torch.equal(deep.tokens, early.tokens)
