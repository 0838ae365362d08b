"""Showing a network a picture, and tiles of pictures, with the embedded model."""

from typing import Any

import pytest
import torch

from engine.errors import UserError
from nodes.inpainting import inpaint_model_conditioning, instruct_pix_to_pix_conditioning
from nodes.sampling import k_sampler
from nodes.sockets import Latent
from nodes.vae import vae_decode, vae_encode, vae_encode_for_inpaint
from nodes.vae_tiled import tiles, vae_decode_tiled, vae_encode_tiled
from tests.nodes.pinhole_models import Loaded, loaded


@pytest.fixture
def pinhole(home: Any) -> Loaded:
    return loaded(home)


def masked() -> torch.Tensor:
    mask = torch.zeros(1, 66, 64)
    mask[:, :, 32:] = 1
    return mask


def test_a_hole_is_shown_and_the_whole_is_changed_within_it(pinhole: Loaded) -> None:
    home, pixels = pinhole.home, torch.rand(1, 66, 64, 3)
    given = {"vae": pinhole.vae, "pixels": pixels, "mask": masked()}
    lists = {"positive": pinhole.positive, "negative": pinhole.negative}
    shown = home.call(inpaint_model_conditioning, **lists, **given)
    whole = home.call(vae_encode, pixels=pixels, vae=pinhole.vae)
    hidden = home.call(vae_encode_for_inpaint, **given, grow_mask_by=0)
    assert torch.equal(shown.latent.samples, whole.samples)
    assert torch.equal(shown.latent.noise_mask, hidden.noise_mask)
    for (cond,) in (shown.positive, shown.negative):
        assert torch.equal(cond.concat, hidden.samples)
        assert torch.equal(cond.concat_mask, hidden.noise_mask)
    free = home.call(inpaint_model_conditioning, **lists, **given, noise_mask=False)
    assert free.latent.noise_mask is None
    sampled: Latent = home.call(
        k_sampler, model=pinhole.model, steps=2, cfg=3.0, sampler_name="euler", scheduler="normal",
        positive=shown.positive, negative=shown.negative, latent_image=shown.latent,
    )  # fmt: skip
    changed = (sampled.samples - whole.samples).abs().mean((0, 1, 2))
    assert changed[: changed.numel() // 2].max() < 1e-3  # the embedded model is a plain one
    assert changed[changed.numel() // 2 + 1 :].min() > 0.05


def test_a_picture_to_be_changed_begins_as_an_empty_latent(pinhole: Loaded) -> None:
    pixels = torch.rand(1, 64, 64, 3)
    shown = pinhole.home.call(
        instruct_pix_to_pix_conditioning, positive=pinhole.positive, negative=pinhole.negative,
        vae=pinhole.vae, pixels=pixels,
    )  # fmt: skip
    whole = pinhole.home.call(vae_encode, pixels=pixels, vae=pinhole.vae)
    assert torch.equal(shown.positive[0].concat, whole.samples)
    assert shown.positive[0].concat_mask is None
    assert shown.latent.samples.abs().max() == 0
    assert shown.latent.samples.shape == whole.samples.shape


def test_tiles_give_nearly_the_whole(pinhole: Loaded) -> None:
    home, pixels = pinhole.home, torch.rand(1, 96, 160, 3) * 0.1 + torch.linspace(0, 0.9, 160)[:, None]
    whole = home.call(vae_encode, pixels=pixels, vae=pinhole.vae)
    tiled = home.call(vae_encode_tiled, pixels=pixels, vae=pinhole.vae, tile_size=64, overlap=32)
    assert tiled.samples.shape == whole.samples.shape
    assert (tiled.samples - whole.samples).abs().mean() < 0.2 * whole.samples.abs().mean()
    decoded = home.call(vae_decode, samples=whole, vae=pinhole.vae)
    parts = home.call(vae_decode_tiled, samples=whole, vae=pinhole.vae, tile_size=64, overlap=16)
    assert parts.shape == decoded.shape
    assert (parts - decoded).abs().mean() < 0.05
    one = home.call(vae_decode_tiled, samples=whole, vae=pinhole.vae)
    assert torch.allclose(one, decoded, atol=1e-5)


def test_tiles_share_a_quarter_at_most() -> None:
    assert tiles(512, 64) == (512, 64)
    assert tiles(64, 64) == (64, 16)
    assert tiles(256, 0) == (256, 0)


def test_what_tiles_cannot_do_is_told(pinhole: Loaded) -> None:
    with pytest.raises(UserError, match="16 channels"):
        pinhole.home.call(vae_decode_tiled, samples=Latent(torch.ones(1, 16, 8, 8)), vae=pinhole.vae)
    with pytest.raises(UserError, match="it must be at least"):
        pinhole.home.call(vae_encode_tiled, pixels=torch.rand(1, 1, 1, 3), vae=pinhole.vae)
