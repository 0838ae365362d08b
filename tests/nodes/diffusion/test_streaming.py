"""Networks on devices that do not hold them."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.networks import nbytes
from nodes.diffusion.streaming import _Block, _blocks, copied, streamed
from tests.nodes.diffusion.toys import one_thread, tiny_unet  # noqa: F401  # a fixture

CPU = torch.device("cpu")


def forward(unet: nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x, tokens = (torch.randn(shape, generator=generator) for shape in ((2, 4, 8, 8), (2, 7, 16)))
    with torch.inference_mode():
        output: Tensor = unet(x, torch.tensor([1.0, 500.0]), encoder_hidden_states=tokens).sample
        return output


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0, 2.0])
def test_a_network_in_blocks_computes_what_it_does_whole(share: float) -> None:
    whole = tiny_unet()
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    parts = streamed(whole, CPU, int(nbytes(whole) * share))
    for _ in range(2):
        assert torch.equal(forward(parts), forward(whole))
    assert all(torch.equal(tensor, before[name]) for name, tensor in whole.state_dict().items())


def test_no_more_is_there_at_a_time_than_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny_unet()
    sizes = [sum(parameter.nbytes for parameter in block.parameters()) for block in _blocks(whole)]
    outside = nbytes(whole) - sum(sizes)
    allowed = outside + 2 * max(sizes) + min(sizes)
    there, most = [outside], [0]

    def moved(name: str, sign: int) -> None:
        real = getattr(_Block, name)

        def move(self: Any) -> None:
            there[0] += sign * self.nbytes
            most[0] = max(most[0], there[0])
            real(self)

        monkeypatch.setattr(_Block, name, move)

    moved("enter", 1)
    moved("leave", -1)
    parts = streamed(whole, CPU, allowed)
    kept = there[0]
    assert kept > outside  # a block that fits stays
    forward(parts)
    assert there[0] == kept
    assert most[0] <= allowed


def test_blocks_come_in_the_order_in_which_they_compute() -> None:
    unet = tiny_unet()
    names = {id(module): name for name, module in unet.named_modules()}
    order = [names[id(block)] for block in _blocks(unet)]
    middle = order.index("mid_block")
    assert all(name.startswith("down_blocks") for name in order[:middle])
    assert all(name.startswith("up_blocks") for name in order[middle + 1 :])


def test_a_copy_shares_nothing_and_computes_the_same() -> None:
    whole = tiny_unet()
    other = copied(whole, CPU)
    assert torch.equal(forward(other), forward(whole))
    ours = {tensor.data_ptr() for tensor in whole.state_dict().values()}
    assert not any(tensor.data_ptr() in ours for tensor in other.state_dict().values())
    assert {parameter.device.type for parameter in copied(whole, torch.device("meta")).parameters()} == {
        "meta"
    }


def test_what_lies_elsewhere_does_not_count_as_taken() -> None:
    whole = tiny_unet()
    mixed: Any = copy.deepcopy(whole)
    mixed.mid_block.to("meta")
    middle = sum(parameter.nbytes for parameter in mixed.mid_block.parameters())
    assert nbytes(mixed) == nbytes(whole) - middle
