"""Previews of latents."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nodes.diffusion.model_sampling import LatentFormat
from nodes.diffusion.previews import fit_latent_rgb, latent_to_rgb, preview

FACTORS = torch.tensor([[0.3, 0.1, 0.0], [0.0, 0.2, -0.1], [0.1, 0.0, 0.2], [0.0, 0.1, 0.1]])
BIAS = torch.tensor([0.1, -0.2, 0.0])


def test_zero_is_middle_gray_and_colours_are_limited() -> None:
    latent = torch.zeros(1, 4, 1, 2)
    latent[..., 1] = 100
    assert latent_to_rgb(latent, FACTORS)[0, 0, 0].tolist() == [0.5, 0.5, 0.5]
    assert latent_to_rgb(latent, FACTORS)[0, 0, 1].tolist() == [1, 1, 1]


def test_a_linear_decoder_is_found_again() -> None:
    form = LatentFormat(channels=4, scale=0.5)

    def decode(latent: Tensor) -> Tensor:
        small = latent_to_rgb(form.process_in(latent), FACTORS / 5, BIAS)
        return interpolate(small.movedim(-1, 1), scale_factor=8, mode="nearest").movedim(1, -1)

    factors, bias = fit_latent_rgb(decode, form)
    torch.testing.assert_close(factors, FACTORS / 5, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(bias, BIAS, rtol=1e-3, atol=1e-3)


def test_a_preview_is_one_small_picture_of_the_first() -> None:
    for form in (LatentFormat(), LatentFormat(scale=1.0), LatentFormat(channels=16)):
        picture = preview(torch.randn(2, form.channels, 5, 7), form)
        assert picture.shape == (5, 7, 3)
        assert (picture.min() >= 0) & (picture.max() <= 1)
