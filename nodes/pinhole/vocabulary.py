"""The tokenizer: CLIP's byte-level BPE with a vocabulary of the grammar's own words.

Each word of the grammar becomes one token through as many merges as it needs; anything else falls back to
pieces and bytes, so every text can be tokenized.
"""

from pathlib import Path
from random import Random
from typing import Any

from transformers import CLIPTokenizer

from nodes.pinhole.captions import caption, decorated
from nodes.pinhole.pictures import example_scene

_END_OF_WORD = "</w>"


def grammar_words(captions: int = 20000) -> list[str]:
    """The words that captions use often: all but the junk and the typing errors, which are rare each."""
    rng, counts = Random(1), dict[str, int]()
    for index in range(captions):
        for word in decorated(caption(example_scene("words", index), rng), rng).lower().split():
            for part in (word.strip(",.!"), ","):
                counts[part] = counts.get(part, 0) + 1
    return sorted(
        word for word, count in counts.items() if count >= captions // 2000 and word.isascii() and word
    )


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, which CLIP uses too."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [*map(chr, printable), *(chr(256 + k) for k in range(len(others)))]


def merges_for(words: list[str]) -> list[tuple[str, str]]:
    """Merges, in order, that make every word a single token: always the next two pieces of the next word."""
    pieces = {word: [*word[:-1], word[-1] + _END_OF_WORD] for word in words}
    merges = []
    for word in words:
        while len(pieces[word]) > 1:
            left, right = pieces[word][:2]
            merges.append((left, right))
            for parts in pieces.values():
                k = 0
                while k < len(parts) - 1:
                    if (parts[k], parts[k + 1]) == (left, right):
                        parts[k : k + 2] = [left + right]
                    k += 1
    return merges


def make_tokenizer() -> CLIPTokenizer:
    alphabet, merges = byte_alphabet(), merges_for(grammar_words())
    tokens = [*alphabet, *(letter + _END_OF_WORD for letter in alphabet)]
    tokens += dict.fromkeys(left + right for left, right in merges)
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)  # type: ignore[arg-type]


def write_tokenizer(folder: Path) -> None:
    make_tokenizer().save_pretrained(folder)


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer, made and written first if there is none."""
    if not folder.exists():
        write_tokenizer(folder)
    return CLIPTokenizer.from_pretrained(folder)
