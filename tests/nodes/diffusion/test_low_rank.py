"""What small tensors add to a weight, written out element by element."""

import pytest
import torch
from torch import Tensor

from nodes.diffusion.low_rank import changed_weight

OUT, IN, RANK = 6, 4, 2


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape) + len(shape)))


def added(weight: Tensor, **tensors: Tensor) -> Tensor:
    """What is added at a strength of 2, for one."""
    change = changed_weight(weight, tensors, 2.0) - weight
    torch.testing.assert_close(changed_weight(weight, tensors, 0.0), weight)
    return change / 2


@pytest.mark.parametrize("alpha", [None, 3.0])
def test_a_product_by_element_of_two_products(alpha: float | None) -> None:
    weight = random(OUT, IN)
    one, other = (random(OUT, RANK), random(RANK, IN)), (random(OUT, RANK) + 1, random(RANK, IN) - 1)
    tensors = dict(zip(("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), (*one, *other), strict=True))
    if alpha is not None:
        tensors["alpha"] = torch.tensor(alpha)
    expected = (one[0] @ one[1]) * (other[0] @ other[1]) * (1.0 if alpha is None else alpha / RANK)
    torch.testing.assert_close(added(weight, **tensors), expected)


def test_a_product_by_element_around_cores() -> None:
    weight = random(OUT, IN, 3, 3)
    a, b, core = random(RANK, OUT), random(RANK, IN), random(RANK, RANK, 3, 3)
    tensors = {
        "hada_w1_a": a,
        "hada_w1_b": b,
        "hada_t1": core,
        "hada_w2_a": a,
        "hada_w2_b": b,
        "hada_t2": core,
    }
    part = sum(
        core[r, s] * a[r, :, None, None, None] * b[s, None, :, None, None]
        for r in range(RANK)
        for s in range(RANK)
    )
    torch.testing.assert_close(added(weight, **tensors), part * part)


@pytest.mark.parametrize("one", ["whole", "factored"])
@pytest.mark.parametrize("other", ["whole", "factored"])
def test_a_kronecker_product_is_scaled_only_if_it_is_factored(one: str, other: str) -> None:
    weight = random(OUT, IN)
    left, right = (random(3, RANK), random(RANK, 2)), (random(2, RANK), random(RANK, 2) + 1)
    tensors: dict[str, Tensor] = {"alpha": torch.tensor(5.0)}
    for i, kind, (a, b) in ((1, one, left), (2, other, right)):
        tensors |= {f"lokr_w{i}": a @ b} if kind == "whole" else {f"lokr_w{i}_a": a, f"lokr_w{i}_b": b}
    scale = 1.0 if one == other == "whole" else 5.0 / RANK
    first, second = left[0] @ left[1], right[0] @ right[1]
    expected = torch.zeros(OUT, IN)
    for i in range(OUT):
        for j in range(IN):
            expected[i, j] = first[i // 2, j // 2] * second[i % 2, j % 2] * scale
    torch.testing.assert_close(added(weight, **tensors), expected)


def test_a_kronecker_product_of_a_convolution() -> None:
    weight = random(OUT, IN, 3, 3)
    small, large = random(3, 2), random(2, 2, 3, 3)
    whole = added(weight, lokr_w1=small, lokr_w2=large)
    for i in range(OUT):
        for j in range(IN):
            torch.testing.assert_close(whole[i, j], small[i // 2, j // 2] * large[i % 2, j % 2])
    flat = added(weight, lokr_w1=small, lokr_w2=large.flatten(1))
    torch.testing.assert_close(flat, whole)


def test_lengths_of_their_own_by_output_stand_for_those_of_the_weight_as_it_was() -> None:
    weight, up, down, magnitude = random(OUT, IN), random(OUT, RANK), random(RANK, IN), random(OUT, 1).abs()
    changed = weight + up @ down
    rows = [changed[i] * magnitude[i] / weight[i].square().sum().sqrt() for i in range(OUT)]
    expected = torch.stack(rows) - weight
    torch.testing.assert_close(added(weight, up=up, down=down, magnitude=magnitude), expected)


def test_lengths_of_their_own_by_input_stand_for_those_of_the_changed_weight() -> None:
    weight, up, down, magnitude = random(OUT, IN), random(OUT, RANK), random(RANK, IN), random(1, IN).abs()
    changed = weight + up @ down
    columns = [changed[:, j] * magnitude[0, j] / changed[:, j].square().sum().sqrt() for j in range(IN)]
    expected = torch.stack(columns, 1) - weight
    torch.testing.assert_close(added(weight, up=up, down=down, magnitude=magnitude), expected)


def test_parts_of_one_file_add_up() -> None:
    weight, up, down, diff = random(OUT, IN), random(OUT, RANK), random(RANK, IN), random(OUT, IN)
    torch.testing.assert_close(added(weight, up=up, down=down, diff=diff), up @ down + diff)
