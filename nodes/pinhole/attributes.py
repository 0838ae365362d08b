"""Teaching the text encoder before (and while) the UNet learns: naming what a caption describes.

An untrained cross-attention looks at all tokens about equally, so what is linear in the mean of the states is
what the UNet can use from its first step. Throw-away linear heads on such means put the attributes there.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nodes.pinhole.pictures import ATTRIBUTES, Scene

_UNKNOWN = -100  # the index that cross_entropy skips


def attribute_labels(scene: Scene) -> list[int]:
    labels = scene.labels()
    return [names.index(labels[key]) if key in labels else _UNKNOWN for key, names in ATTRIBUTES.items()]


class AttributeHeads(nn.Module):
    """One linear classifier per attribute, reading a mean of the text states."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.sizes = [len(names) for names in ATTRIBUTES.values()]
        self.linear = nn.Linear(width, sum(self.sizes))

    def loss(self, states: Tensor, ids: Tensor, labels: Tensor, end: int) -> Tensor:
        """Cross-entropy over both means: of the end and padding states, and of all 77."""
        padding = (ids == end).float()[..., None]
        closing = (states * padding).sum(1) / padding.sum(1)
        total, parts = states.new_zeros(()), 0
        for mean in (closing, states.mean(1)):
            for k, logits in enumerate(self.linear(mean).split(self.sizes, dim=1)):
                if bool((labels[:, k] != _UNKNOWN).any()):
                    total, parts = total + functional.cross_entropy(logits, labels[:, k]), parts + 1
        return total / max(parts, 1)

    @torch.no_grad()
    def accuracy(self, states: Tensor, labels: Tensor) -> float:
        guesses = [logits.argmax(1) for logits in self.linear(states.mean(1)).split(self.sizes, dim=1)]
        known = labels != _UNKNOWN
        return float((torch.stack(guesses, 1) == labels)[known].float().mean())
