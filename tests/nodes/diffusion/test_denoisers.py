"""Rows in, x0 predictions out, in as few forwards as possible."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.denoisers import Row, UNetDenoiser, batches
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling
from tests.nodes.diffusion.toys import SD1, one_thread, tiny_unet  # noqa: F401  # one_thread is a fixture


class Counting(nn.Module):
    """A network that notes what each forward was given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.forwards: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, encoder_hidden_states: Tensor, **keywords: Any) -> Any:
        self.forwards.append((x, t, encoder_hidden_states))
        return self.network(x, t, encoder_hidden_states=encoder_hidden_states, **keywords)


@pytest.fixture
def network() -> Counting:
    return Counting(tiny_unet())


@pytest.fixture
def denoiser(network: Counting) -> UNetDenoiser:
    return UNetDenoiser(network, SD1, LatentFormat(), "tiny")


def row(seed: int, sigma: float, batch: int = 1, length: int = 7, texts: int = 1) -> Row:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, 4, 8, 8, generator=generator) * math.hypot(1, sigma)
    return Row(x, sigma, torch.randn(texts, length, 16, generator=generator))


def test_rows_of_different_levels_and_batches_share_one_forward(
    denoiser: UNetDenoiser, network: Counting
) -> None:
    rows = [row(1, 14.0), row(2, 0.5, batch=2), row(3, 3.0, batch=2, texts=2)]
    together = denoiser(rows)
    assert [len(x) for x, _, _ in network.forwards] == [5]
    assert network.forwards[0][1].tolist() == [SD1.timestep(s) for s in (14.0, 0.5, 0.5, 3.0, 3.0)]
    for answer, alone in zip(together, [denoiser([r])[0] for r in rows], strict=True):
        assert (answer - alone).abs().max() < 1e-5 * alone.abs().max()


def test_the_answer_is_the_networks_own_for_eps_and_v(network: Counting) -> None:
    r = row(1, 2.0)
    with torch.no_grad():
        x_in, t = r.x / math.hypot(1, 2.0), SD1.timestep(2.0)
        output = tiny_unet()(x_in, t, encoder_hidden_states=r.tokens).sample
    eps = UNetDenoiser(network, SD1, LatentFormat(), "tiny")([r])[0]
    torch.testing.assert_close(eps, r.x - 2.0 * output, rtol=1e-5, atol=1e-5)
    v = UNetDenoiser(network, ModelSampling(SD1.sigmas, "v"), LatentFormat(), "tiny")([r])[0]
    torch.testing.assert_close(v, r.x / 5 - output * 2 / 5**0.5, rtol=1e-5, atol=1e-5)


def test_texts_of_different_lengths_are_repeated_to_meet_exactly(
    denoiser: UNetDenoiser, network: Counting
) -> None:
    rows = [row(1, 2.0, length=4), row(2, 2.0, length=6)]
    together = denoiser(rows)
    assert [tokens.shape for _, _, tokens in network.forwards] == [(2, 12, 16)]
    for answer, alone in zip(together, [denoiser([r])[0] for r in rows], strict=True):
        assert (answer - alone).abs().max() < 1e-5 * alone.abs().max()


def test_lengths_that_meet_too_late_take_separate_forwards() -> None:
    assert batches([77, 154, 77]) == [([0, 1, 2], 154)]
    assert batches([77, 231, 308]) == [([0, 1], 231), ([2], 308)]
    assert batches([4, 6, 7, 12]) == [([0, 1, 3], 12), ([2], 7)]
    assert batches([]) == []


def test_answers_keep_their_order_over_separate_forwards(denoiser: UNetDenoiser, network: Counting) -> None:
    rows = [row(1, 2.0, length=3), row(2, 2.0, length=16), row(3, 2.0, length=3)]
    together = denoiser(rows)
    assert len(network.forwards) == 2
    for answer, alone in zip(together, [denoiser([r])[0] for r in rows], strict=True):
        assert (answer - alone).abs().max() < 1e-5 * alone.abs().max()


def test_a_network_in_half_precision_is_asked_and_answers_in_float32() -> None:
    import copy

    half = UNetDenoiser(copy.deepcopy(tiny_unet()).bfloat16(), SD1, LatentFormat(), "half")
    full = UNetDenoiser(tiny_unet(), SD1, LatentFormat(), "full")
    r = row(1, 1.0)
    answer = half([r])[0]
    assert (half.dtype, answer.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(answer, full([r])[0], rtol=0.1, atol=0.1)


def test_answers_are_plain_tensors_without_gradients(denoiser: UNetDenoiser) -> None:
    r = row(1, 2.0)
    before = r.x.clone()
    answer = denoiser([replace(r, tokens=r.tokens.clone().requires_grad_())])[0]
    assert not answer.requires_grad
    assert not answer.is_inference()
    assert torch.equal(r.x, before)
