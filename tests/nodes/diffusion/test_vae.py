"""Pictures to latents and back."""

from pathlib import Path

import pytest
import torch

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.loading import load_autoencoder
from nodes.diffusion.vae import Autoencoder

PINHOLE = Path(__file__).parents[3] / "nodes" / "pinhole" / "weights"


@pytest.fixture(scope="module")
def vae() -> Autoencoder:
    return load_autoencoder(identify(PINHOLE))


def test_a_picture_survives_the_way_there_and_back(vae: Autoencoder) -> None:
    picture = torch.zeros(1, 64, 64, 3)
    picture[:, :, 32:] = torch.tensor([1.0, 0.2, 0.1])
    returned = vae.decode(vae.encode(picture))
    assert (returned - picture).abs().mean() < 0.1
    assert (returned.shape, returned.dtype) == (picture.shape, torch.float32)
    assert returned.min() >= 0
    assert returned.max() <= 1


def test_encoding_takes_the_posterior_mean(vae: Autoencoder) -> None:
    picture = torch.rand(1, 32, 32, 3)
    posterior = vae.vae.encode(picture.movedim(-1, 1) * 2 - 1).latent_dist  # type: ignore[operator]
    assert torch.equal(vae.encode(picture), posterior.mean)
    assert torch.equal(vae.encode(picture), vae.encode(picture))


def test_the_middle_of_an_odd_sized_picture_is_encoded(vae: Autoencoder) -> None:
    picture = torch.rand(1, 35, 46, 3)
    assert torch.equal(vae.encode(picture), vae.encode(picture[:, 1:33, 3:43]))


def test_a_fourth_channel_is_ignored(vae: Autoencoder) -> None:
    picture = torch.rand(1, 32, 32, 4)
    assert torch.equal(vae.encode(picture), vae.encode(picture[..., :3]))


def test_a_batch_is_its_pictures_one_by_one(vae: Autoencoder) -> None:
    pictures = torch.rand(3, 32, 32, 3)
    latent = vae.encode(pictures)
    assert latent.shape == (3, 4, 4, 4)
    torch.testing.assert_close(vae.encode(pictures, batch=3), latent)
    torch.testing.assert_close(
        vae.decode(latent, batch=2), torch.cat([vae.decode(one) for one in torch.split(latent, 1)])
    )


def test_a_small_picture_in_tiles_is_the_picture(vae: Autoencoder) -> None:
    latent = vae.encode(torch.rand(1, 64, 64, 3))
    torch.testing.assert_close(vae.decode_tiled(latent, tile=64), vae.decode(latent))


def test_a_large_picture_in_tiles_is_nearly_the_same(vae: Autoencoder) -> None:
    ramp = torch.linspace(0, 1, 128)
    picture = torch.stack(
        [ramp[:, None].expand(128, 128), ramp[None].expand(128, 128), ramp.new_zeros(128, 128)], -1
    )
    latent, tiled = vae.encode(picture[None]), vae.encode_tiled(picture[None], tile=64, overlap=32)
    assert (tiled - latent).abs().mean() < 0.2
    assert (vae.decode_tiled(latent, tile=8, overlap=4) - vae.decode(latent)).abs().mean() < 0.05
