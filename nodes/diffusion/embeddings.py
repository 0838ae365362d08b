"""Textual inversion (arXiv 2208.01618): words that were trained, as vectors in place of tokens."""

import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import read_header

MENTION = re.compile(r"(?:^|(?<=[ \n]))embedding:(\S+)")
KEYS = ("clip_l", "emb_params")  # where the vectors lie, if not in the only tensor
MOST_VECTORS = 10_000


def mentions(text: str) -> Iterator[tuple[str, str | None]]:
    """A text cut at each `embedding:name`: what stands before it, and the name (None after the last)."""
    end = 0
    for mention in MENTION.finditer(text):
        yield text[end : mention.start()], mention[1]
        end = mention.end()
    yield text[end:], None


def read_embedding(path: Path) -> Tensor:
    """The vectors [N,D] of a textual inversion, float32."""
    header = read_header(path)
    key = next((key for key in (*KEYS, *header) if key in header), "")
    shape = header[key].shape
    if len(shape) not in {1, 2} or (len(shape) == 2 and shape[0] > MOST_VECTORS):
        raise ModelError(path, f"is no textual inversion: {key!r} has the shape {list(shape)}")
    with safe_open(path, framework="pt") as file:
        vectors: Tensor = file.get_tensor(key)
    return vectors.float().reshape(-1, shape[-1])
