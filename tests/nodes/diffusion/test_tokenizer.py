"""Text to CLIP's ids."""

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from nodes.diffusion import tokenizer
from nodes.diffusion.errors import ModelError

PINHOLE = Path(__file__).parents[3] / "nodes" / "pinhole" / "weights" / "tokenizer"


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLIP's vocabulary in the two files that diffusers folders carry."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokens = tokenizer.clip_tokenizer().get_vocab()
    (folder / "vocab.json").write_text(json.dumps(tokens))
    merges = lzma.decompress(tokenizer.MERGES.read_bytes()).decode()
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges)
    return folder


def test_the_vocabulary_is_that_of_clip() -> None:
    clip = tokenizer.builtin()
    assert (clip.start, clip.end, clip.pad) == (49406, 49407, 49407)
    assert clip.encode("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert tokenizer.builtin(pad=0).pad == 0
    assert clip.backend.token_to_id("!") == 0


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("A  Photo\nof\tA CAT ", "a photo of a cat"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("a\u200db\x00c\ufffd", "abc"),
        ("\u4f60\u597d", "\u4f60 \u597d"),
        ("\ud800x", "x"),
    ],
)
def test_text_is_cleaned_before_it_is_split(text: str, cleaned: str) -> None:
    assert tokenizer.clean(text) == cleaned
    assert tokenizer.builtin().encode(text) == tokenizer.builtin().encode(cleaned)


def test_numbers_are_split_into_digits_and_contractions_stand_alone() -> None:
    clip = tokenizer.builtin()
    assert clip.encode("1234") == [i for digit in "1234" for i in clip.encode(digit)]
    assert clip.encode("it's") == [*clip.encode("it"), *clip.encode("'s")]


def test_the_end_token_may_be_written_out() -> None:
    assert tokenizer.builtin().encode("a <|endoftext|> b") == [320, 49407, 321]


def test_ids_equal_those_of_transformers(vocabulary: Path) -> None:
    theirs = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"))
    clip = tokenizer.builtin()

    @settings(deadline=None)
    @given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40))
    def check(text: str) -> None:
        cleaned = tokenizer.clean(text)
        assert clip.encode(text) == theirs(cleaned, add_special_tokens=False).input_ids

    check()


def test_a_folder_with_vocab_and_merges_gives_the_same(vocabulary: Path) -> None:
    own = tokenizer.from_folder(vocabulary)
    text = "An astronaut, riding a (horse) in 2024!"
    assert own.encode(text) == tokenizer.builtin().encode(text)
    assert (own.start, own.end, own.pad) == (49406, 49407, 49407)


def test_a_folder_says_what_to_pad_with(vocabulary: Path, tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((vocabulary / name).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "!"}}))
    assert tokenizer.from_folder(tmp_path).pad == 0


def test_pinhole_has_its_own_vocabulary() -> None:
    own = tokenizer.from_folder(PINHOLE)
    assert (own.start, own.end, own.pad) == (807, 808, 808)
    assert own.end not in own.encode("a red circle on a blue background")


@pytest.mark.parametrize(
    "content", [None, "{}", "no json", '{"model": {"type": "BPE", "vocab": {}, "merges": []}}']
)
def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match="tokenizer"):
        tokenizer.from_folder(tmp_path)
