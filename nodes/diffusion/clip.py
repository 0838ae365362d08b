"""The text transformer of CLIP (arXiv 2103.00020), which may be read after any of its layers.

Parameters are named as in transformers' CLIPTextModel. That class is not used: it
takes no vectors in place of tokens, which textual inversion needs.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": functional.gelu}


class Attention(nn.Module):
    """Causal self-attention: a token sees itself and what stands before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        projections = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for project in projections)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return y


class Mlp(nn.Module):
    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(self.activation(self.fc1(x)))
        return y


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, activation: str, epsilon: float) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width, epsilon)
        self.self_attn = Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width, epsilon)
        self.mlp = Mlp(width, inner, activation)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        y: Tensor = x + self.mlp(self.layer_norm2(x))
        return y


class Embeddings(nn.Module):
    def __init__(self, vocabulary: int, positions: int, width: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = nn.Embedding(positions, width)


class Encoder(nn.Module):
    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class ClipText(nn.Module):
    """Token embeddings in, a state per token out."""

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        positions: int,
        layers: int,
        inner: int,
        heads: int,
        activation: str,
        projection: int | None = None,
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.width = width
        self.positions = positions
        self.embeddings = Embeddings(vocabulary, positions, width)
        self.encoder = Encoder([Layer(width, heads, inner, activation, epsilon) for _ in range(layers)])
        self.final_layer_norm = nn.LayerNorm(width, epsilon)
        self.text_projection = nn.Linear(width, projection, bias=False) if projection else nn.Identity()

    @property
    def device(self) -> torch.device:
        return self.final_layer_norm.weight.device

    @property
    def depth(self) -> int:
        return len(self.encoder.layers)

    def embed(self, tokens: Tensor) -> Tensor:
        """[B,T] ids to [B,T,D] vectors."""
        vectors: Tensor = self.embeddings.token_embedding(tokens)
        return vectors

    def forward(self, vectors: Tensor, layer: int = -1) -> tuple[Tensor, Tensor]:
        """The states [B,T,D] after `layer` (-1 is the last) and after the last, both with the final norm."""
        x = vectors + self.embeddings.position_embedding.weight[: vectors.shape[1]]
        wanted = None
        for i, module in enumerate(self.encoder.layers):
            x = module(x)
            if i == self.depth + layer:
                wanted = x
        last = self.final_layer_norm(x)
        return last if layer == -1 or wanted is None else self.final_layer_norm(wanted), last
