"""What a few small tensors add to a weight: LoRA and its relatives.

Tensors go by their role in a file (`layouts/lora.py`), all float32.  A rank is the number of rows of the
factor on the right; without an `alpha` the product is taken as it is.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]


def changed_weight(weight: Tensor, tensors: Tensors, strength: float) -> Tensor:
    """The weight with its change; a `ValueError` or `RuntimeError` if that does not fit."""
    delta = _fitted(_sum(tensors), weight)
    if "magnitude" not in tensors:
        return weight + strength * delta
    return weight + strength * (_decomposed(weight, weight + delta, tensors["magnitude"]) - weight)


def _sum(tensors: Tensors) -> Tensor:
    parts = []
    if "diff" in tensors:
        parts.append(tensors["diff"])
    if "up" in tensors:
        parts.append(_lora(tensors))
    if "hada_w1_a" in tensors:
        parts.append(_loha(tensors))
    if "lokr_w1" in tensors or "lokr_w1_a" in tensors:
        parts.append(_lokr(tensors))
    if len({part.numel() for part in parts}) != 1:
        raise ValueError("its parts differ in size")
    return torch.stack([part.reshape(parts[0].shape) for part in parts]).sum(0)


def _fitted(delta: Tensor, weight: Tensor) -> Tensor:
    """In the shape of the weight; convolutions of one pixel are matrices in some files."""
    if delta.numel() != weight.numel() or (delta.ndim and len(delta) != len(weight)):
        raise ValueError(f"it gives {list(delta.shape)}")
    return delta.reshape(weight.shape)


def _scale(tensors: Tensors, rank: int) -> float:
    return float(tensors["alpha"]) / rank if "alpha" in tensors else 1.0


def _lora(tensors: Tensors) -> Tensor:
    """up · down (arXiv 2106.09685); for convolutions perhaps with a core between them."""
    up, down = tensors["up"], tensors["down"]
    if "mid" in tensors:
        low = torch.einsum("rs...,si->ri...", tensors["mid"], down.flatten(1))
        product: Tensor = torch.tensordot(up.flatten(1), low, 1)
    else:
        product = up.flatten(1) @ down.flatten(1)
    return product * _scale(tensors, len(down))


def _loha(tensors: Tensors) -> Tensor:
    """The product by element of two low-rank matrices (arXiv 2108.06098)."""
    one, other = (
        _factored(tensors[f"hada_w{i}_a"], tensors[f"hada_w{i}_b"], tensors.get(f"hada_t{i}")) for i in (1, 2)
    )
    return one * other * _scale(tensors, len(tensors["hada_w1_b"]))


def _lokr(tensors: Tensors) -> Tensor:
    """The Kronecker product of two matrices, each given as it is or by two factors (arXiv 2212.10650)."""
    factors, rank = [], 0
    for i in (1, 2):
        if (whole := tensors.get(f"lokr_w{i}")) is None:
            left, right = tensors[f"lokr_w{i}_a"], tensors[f"lokr_w{i}_b"]
            rank = len(right)
            whole = _factored(left, right, tensors.get(f"lokr_t{i}"))
        factors.append(whole)
    one, other = factors
    one = one.reshape(*one.shape, *[1] * (other.ndim - one.ndim))
    return torch.kron(one, other.contiguous()) * (_scale(tensors, rank) if rank else 1.0)


def _factored(left: Tensor, right: Tensor, core: Tensor | None) -> Tensor:
    """left · right; or the two around a core [r,r,…] (Tucker), where `left` lies on its side."""
    if core is None:
        return left @ right.flatten(1)
    return torch.einsum("ro,rs...,si->oi...", left, core, right)


def _decomposed(weight: Tensor, changed: Tensor, magnitude: Tensor) -> Tensor:
    """The changed weight with lengths of its own (DoRA, arXiv 2402.09353).

    By output the length that is replaced is that of the weight as it was, as existing pictures have it.
    """
    by_output = len(magnitude) == len(weight)
    measured = weight if by_output else changed.transpose(0, 1)
    length: Tensor = torch.linalg.vector_norm(measured.flatten(1), dim=1)
    length = length + torch.finfo(torch.float32).eps
    ratio = magnitude.flatten() / length
    shape = [1] * weight.ndim
    shape[0 if by_output else 1] = -1
    return changed * ratio.reshape(shape)
