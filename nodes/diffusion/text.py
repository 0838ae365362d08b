"""Text to what leads a denoiser: weighted prompts of any length through a text encoder."""

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nodes.diffusion.asks import Ask, Key, Steps, run
from nodes.diffusion.chunks import Chunk, Token, chunk
from nodes.diffusion.clip import ClipText
from nodes.diffusion.components import TextStyle
from nodes.diffusion.embeddings import mentions, read_embedding
from nodes.diffusion.networks import nbytes
from nodes.diffusion.prompt_weights import parse
from nodes.diffusion.tokenizer import Tokenizer

FORWARD = 32  # chunks: a longer text takes several forwards

log = logging.getLogger(__name__)

FindEmbedding = Callable[[str], Path | None]
"""From the name in `embedding:name` to its file."""


@dataclass(frozen=True, eq=False)
class Chunks:
    """Token ids [K,77]; where they are negative, -1 - id numbers one of the vectors [N,D]."""

    ids: Tensor
    vectors: Tensor | None


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A CLIP text encoder with its tokenizer; `base` is the one that it shares weights with, if any."""

    network: ClipText
    tokenizer: Tokenizer
    style: TextStyle
    identity: Hashable
    base: "TextEncoder | None" = None

    @property
    def nbytes(self) -> int:
        return nbytes(self.network, *([self.base.network] if self.base else []))

    def encode(
        self, text: str, stop_at_layer: int | None = None, find_embedding: FindEmbedding | None = None
    ) -> tuple[Tensor, Tensor]:
        """`encoding`, by itself."""
        return run(self.encoding(text, stop_at_layer, find_embedding))

    def encoding(
        self, text: str, stop_at_layer: int | None = None, find_embedding: FindEmbedding | None = None
    ) -> Steps[tuple[Tensor, Tensor]]:
        """A prompt to its states [1, 77 k, D] and its pooled vector [1, P], float32 on the CPU.

        `stop_at_layer` is "clip skip": -1 the last layer, -2 the one before; None
        is what the model was trained with.
        """
        vectors: list[Tensor] = []
        groups = list(self._groups(text, find_embedding, vectors))
        chunks = self._chunk(groups)
        weights = torch.tensor([[token.weight for token in c] for c in chunks])[..., None]
        weighted = bool((weights != 1).any())
        if weighted:
            chunks += self._chunk([])
        states, pooled = yield from self._asked(chunks, vectors, stop_at_layer)
        if weighted:
            empty, states = states[-1], states[:-1]
            states = torch.where(weights == 1, states, empty + weights * (states - empty))
        return states.flatten(0, 1)[None], pooled[:1]

    def _groups(
        self, text: str, find_embedding: FindEmbedding | None, vectors: list[Tensor]
    ) -> Iterator[list[Token]]:
        """The tokens of each segment and of each embedding, whose vectors are added to `vectors`."""
        for segment in parse(text):
            named = mentions(segment.text) if find_embedding else [(segment.text, None)]
            before = ""
            for words, name in named:
                yield [Token(i, segment.weight) for i in self.tokenizer.encode(before + words)]
                before = ""
                if name is None or find_embedding is None:
                    continue
                path = find_embedding(name)
                if path is None and name.endswith(","):
                    path, before = find_embedding(name[:-1]), ","
                found = self._embedding(name, path)
                yield [Token(-1 - len(vectors) - i, segment.weight) for i in range(len(found))]
                vectors += found

    def _embedding(self, name: str, path: Path | None) -> list[Tensor]:
        """The vectors of an embedding; none, with a warning, if it cannot be used: the text goes on."""
        if path is None:
            log.warning("embedding:%s is not there and is left out", name)
            return []
        vectors = read_embedding(path)
        if vectors.shape[1] != self.network.width:
            log.warning("embedding:%s was made for another kind of model and is left out", name)
            return []
        return list(vectors)

    def _chunk(self, groups: Sequence[Sequence[Token]]) -> list[Chunk]:
        around = self.tokenizer
        return chunk(
            groups, start=around.start, end=around.end, pad=around.pad, length=self.network.positions
        )

    def _asked(
        self, chunks: list[Chunk], vectors: list[Tensor], stop_at_layer: int | None
    ) -> Steps[tuple[Tensor, Tensor]]:
        """States [K,77,D] and pooled vectors [K,P] of each chunk."""
        layer = self._layer(stop_at_layer)
        key = Key((self.identity, self.network.device), self.network.positions, ("text", layer))
        states, pooled = [], []
        for at in range(0, len(chunks), FORWARD):
            ids = torch.tensor([[token.id for token in c] for c in chunks[at : at + FORWARD]])
            row = Chunks(ids, torch.stack(vectors) if vectors else None)
            [(wanted, at_end)] = yield [Ask(key, partial(self._forward, layer), row, len(ids))]
            states.append(wanted)
            pooled.append(at_end)
        return torch.cat(states), torch.cat(pooled)

    @torch.no_grad()
    def _forward(self, layer: int, rows: Sequence[Chunks]) -> list[tuple[Tensor, Tensor]]:
        """The states and pooled vectors of each row's chunks, by one forward."""
        device = self.network.device
        ids = torch.cat([row.ids for row in rows]).to(device)
        embedded = self.network.embed(ids.clamp(min=0))
        at = 0
        for row in rows:
            if row.vectors is not None:
                mine, of_row = embedded[at : at + len(row.ids)], row.ids.to(device)
                inserted = of_row < 0
                mine[inserted] = row.vectors.to(embedded)[-1 - of_row[inserted]]
            at += len(row.ids)
        wanted, last = self.network(embedded, layer)
        ends = (ids == self.tokenizer.end).int().argmax(1)
        at_end = self.network.text_projection(last[torch.arange(len(ids), device=device), ends])
        sizes = [len(row.ids) for row in rows]
        both = (torch.split(each.float().cpu(), sizes) for each in (wanted, at_end))
        return list(zip(*both, strict=True))

    def _layer(self, stop_at_layer: int | None) -> int:
        """Which of the layers that we have; one beyond either end means the last."""
        layer = (stop_at_layer or self.style.layer) + self.style.dropped_layers
        return layer if -self.network.depth <= layer < 0 else -1
