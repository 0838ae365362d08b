"""Prompts of any length in pieces of 77 tokens, which is all that CLIP can read.

The text's segments (and inserted embeddings) are groups of tokens. A short group
is never cut: it moves to the next chunk as a whole. Chunks are encoded
independently and laid end to end.
"""

from collections.abc import Sequence
from typing import NamedTuple

LONG_GROUP = 8  # tokens; a group of as many may be cut where a chunk ends


class Token(NamedTuple):
    id: int
    """Of the vocabulary; -1-k stands for the k-th inserted vector."""
    weight: float


Chunk = list[Token]


def chunk(
    groups: Sequence[Sequence[Token]], *, start: int, end: int, pad: int, length: int = 77
) -> list[Chunk]:
    """Chunks of exactly `length` tokens: start, at most `length - 2` of the text, end, padding."""
    first, last, padding = Token(start, 1.0), Token(end, 1.0), Token(pad, 1.0)
    chunks: list[Chunk] = [[first]]
    for group in groups:
        rest = list(group)
        while rest:
            room = length - 1 - len(chunks[-1])
            if len(rest) > room and len(rest) < min(LONG_GROUP, length - 1):
                chunks.append([first])
            else:
                chunks[-1] += rest[:room]
                rest = rest[room:]
                if rest:
                    chunks.append([first])
    return [[*c, last, *[padding] * (length - 1 - len(c))] for c in chunks]
