"""CLIP's tokenizer: text to ids by byte-pair encoding (arXiv 1508.07909).

CLIP's vocabulary follows from its merges, which are kept in the order in which
they were learned: the 256 bytes come first, then the same at the end of a word,
then one token for each merge, then the start and the end of a text. A model in
diffusers' layout brings a vocabulary of its own.
"""

import json
import lzma
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, pre_tokenizers

from nodes.diffusion.errors import ModelError

MERGES = Path(__file__).parent / "families" / "clip_merges.txt.xz"
START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"

Merge = tuple[str, str]

CJK = (  # written without spaces: each character is a word
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
FIRST_CJK = "\u3400"


@dataclass(frozen=True)
class Tokenizer:
    """Words to ids, and the ids that stand around them."""

    backend: tokenizers.Tokenizer
    start: int
    end: int
    pad: int

    def encode(self, text: str) -> list[int]:
        """The ids of a text of any length, without start, end and padding."""
        ids: list[int] = self.backend.encode(clean(text), add_special_tokens=False).ids
        return ids


def clean(text: str) -> str:
    """Lower case, single spaces, no control characters; Chinese characters stand apart."""
    letters: list[str] = []
    for letter in text:
        category = unicodedata.category(letter)
        if letter in "\t\n\r" or category == "Zs":
            letters.append(" ")
        elif category[0] == "C" or letter == "\ufffd":
            continue
        elif letter >= FIRST_CJK and any(low <= ord(letter) <= high for low, high in CJK):
            letters.append(f" {letter} ")
        else:
            letters.append(letter)
    words = unicodedata.normalize("NFC", "".join(letters)).split()
    return " ".join(word.lower() for word in words)


@cache
def clip_tokenizer() -> tokenizers.Tokenizer:
    """The vocabulary of every published Stable Diffusion."""
    merges = _merges(lzma.decompress(MERGES.read_bytes()).decode())
    letters = list(byte_letters())
    tokens = [*letters, *(letter + WORD_END for letter in letters), *map("".join, merges), START, END]
    return _assemble({token: i for i, token in enumerate(tokens)}, merges)


def builtin(pad: int | None = None) -> Tokenizer:
    """CLIP's own tokenizer; families differ in what they pad with."""
    backend = clip_tokenizer()
    end = backend.get_vocab_size() - 1
    return Tokenizer(backend, end - 1, end, end if pad is None else pad)


def from_folder(folder: Path, pad: int | None = None) -> Tokenizer:
    """The tokenizer of a model in diffusers' layout: tokenizer.json, or vocab.json and merges.txt."""
    try:
        said = _said(folder)
        if (folder / "tokenizer.json").is_file():
            backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            merges = _merges((folder / "merges.txt").read_text("utf-8"))
            backend = _assemble(json.loads((folder / "vocab.json").read_text("utf-8")), merges)
        backend.no_truncation()
        backend.no_padding()
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelError(folder, f"holds no CLIP tokenizer ({error})") from error
    start = backend.token_to_id(said.get("bos_token", START))
    end = backend.token_to_id(said.get("eos_token", END))
    if start is None or end is None:
        raise ModelError(folder, f"holds a tokenizer without {START} and {END}, so it is not CLIP's")
    if pad is None:
        pad = backend.token_to_id(said.get("pad_token", END))
    return Tokenizer(backend, start, end, end if pad is None else pad)


def byte_letters() -> Iterator[str]:
    """A visible character for each byte, in the order of CLIP's vocabulary."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    yield from map(chr, visible)
    yield from (chr(256 + i) for i in range(256 - len(visible)))


def _merges(text: str) -> list[Merge]:
    """Two tokens per line; some files have their version in the first."""
    pairs = (line.split(" ") for line in text.split("\n") if line and not line.startswith("#version"))
    return [(first, second) for first, second in pairs]


def _assemble(vocabulary: dict[str, int], merges: list[Merge]) -> tokenizers.Tokenizer:
    model = models.BPE(
        vocab=vocabulary,
        merges=merges,
        end_of_word_suffix=WORD_END,
        continuing_subword_prefix="",
        unk_token=END,
    )
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.add_special_tokens([START, END])
    return backend


def _said(folder: Path) -> dict[str, str]:
    """The special tokens that the folder names."""
    said: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            said |= json.loads((folder / name).read_text("utf-8"))
    contents = {
        key: value.get("content") if isinstance(value, dict) else value for key, value in said.items()
    }
    return {key: value for key, value in contents.items() if isinstance(value, str)}
