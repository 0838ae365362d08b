"""Muon for the matrices, AdamW for the rest.

Muon orthogonalises the momentum of each weight matrix by a Newton-Schulz iteration (Jordan et al., 2024,
https://kellerjordan.github.io/posts/muon); a convolution counts as the matrix of its flattened kernels.
Scaling by .2 sqrt(longer side) gives its updates AdamW's size (arXiv 2502.16982), so both share one rate.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalized(matrices: Tensor, iterations: int = 5) -> Tensor:
    """About the nearest semi-orthogonal matrix to each of a batch; bfloat16 is exact enough, and quick."""
    a, b, c = _QUINTIC
    X = matrices.bfloat16()
    wide = X.shape[-2] <= X.shape[-1]
    X = X if wide else X.mT
    X = X / (X.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    result: Tensor = (X if wide else X.mT).float()
    return result


class Muon(torch.optim.Optimizer):
    """Momentum .95 in Nesterov's form, decoupled weight decay."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.01) -> None:
        super().__init__(list(matrices), {"lr": lr, "weight_decay": weight_decay, "momentum": 0.95})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[len(p), p[0].numel()].append(p)
            for (rows, columns), parameters in alike.items():
                updates = []
                for p in parameters:
                    momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    assert p.grad is not None
                    momentum.lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(momentum, group["momentum"]).reshape(rows, columns))
                scale = 0.2 * max(rows, columns) ** 0.5 * group["lr"]
                for p, update in zip(parameters, orthogonalized(torch.stack(updates)), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update.view_as(p), alpha=scale)


def optimizers(network: nn.Module, others: Iterable[nn.Parameter], lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the network's inner matrices; AdamW for its ends, biases and norms, and, slower, for `others`.

    Each parameter group carries its `share` of the common learning rate.
    """
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inner = parameter.ndim >= 2 and not name.startswith(("conv_in.", "conv_out."))
        (matrices if inner else rest).append(parameter)
    muon = Muon(matrices, lr)
    groups = [{"params": rest, "share": 1.0}, {"params": list(others), "share": 0.3}]
    adam = torch.optim.AdamW(groups, lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    muon.param_groups[0]["share"] = 1.0
    return [muon, adam]


def set_rate(optimizers: Iterable[torch.optim.Optimizer], lr: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr * group["share"]
