"""What every sampler is made of.

A sampler asks its questions with `yield x, sigma` and is sent the denoised prediction D(x, sigma); it
knows neither who answers nor what else is under way.  Levels are plain floats: a step's coefficients
are worked out without touching the device.
"""

from collections.abc import Generator

import torch
from torch import Tensor

Sampling = Generator[tuple[Tensor, float], Tensor, Tensor]
"""Yields (x [B,C,H,W], sigma), is sent D(x, sigma) of the same shape, returns the last x."""


def slope(x: Tensor, denoised: Tensor, sigma: float) -> Tensor:
    """dx/dsigma of the probability-flow ODE (arXiv 2206.00364, equation 1 with s = 1, sigma = t)."""
    return (x - denoised) / sigma


def ancestral_step(sigma: float, sigma_next: float, eta: float = 1.0) -> tuple[float, float]:
    """(down, up): go down this far, then add noise of deviation `up`, to arrive at sigma_next.

    eta is the share of the noise that a reverse step of DDPM would put back (arXiv 2010.02502,
    equation 16); 0 gives (sigma_next, 0).  Single precision: in a long step `down` is what rounding
    leaves of it, and existing pictures were made so.
    """
    a, b = torch.tensor([sigma, sigma_next]).square()
    up = min(sigma_next, eta * float((b * (a - b) / a).sqrt()))
    return float((b - up**2).sqrt()), up
