"""What brackets do to the weight of words."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.diffusion.prompt_weights import Segment, parse


def weights(prompt: str) -> list[tuple[str, float]]:
    return [(segment.text, round(segment.weight, 6)) for segment in parse(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", []),
        ("()", []),
        ("a cat", [("a cat", 1)]),
        ("((a))", [("a", 1.21)]),
        ("(a:1.3)", [("a", 1.3)]),
        ("(a (b:1.5) c:0.8)", [("a ", 0.8), ("b", 1.5), (" c", 0.8)]),
        ("((a):2)", [("a", 2.2)]),
        ("(a:1.2:1.3)", [("a:1.2", 1.3)]),
        ("(a:x)", [("a:x", 1.1)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("(a: 1.3 )", [("a", 1.3)]),
        ("(a:-1)", [("a", -1)]),
        ("(a:nan) (b:inf)", [("a:nan", 1.1), (" ", 1), ("b:inf", 1.1)]),
        ("x:2", [("x:2", 1)]),
        ("(astronaut:1.4) riding a [horse]", [("astronaut", 1.4), (" riding a [horse]", 1)]),
        (r"\(a\) (b\))", [("(a) ", 1), ("b)", 1.1)]),
        (r"\\(a)", [("\\(a)", 1)]),
        ("a\\", [("a\\", 1)]),
    ],
)
def test_round_brackets_weigh_and_colons_set(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert weights(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("(a", [("(a", 1)]),
        ("a (b", [("a ", 1), ("(b", 1)]),
        (")(a)", [(")(a)", 1)]),
        (")(a) (b) ((c)", [(")(a) (b) (", 1), ("c", 1.1)]),
        ("(a))(b)", [("a", 1.1), (")(b)", 1)]),
        ("(a (b)", [("a ", 1.1), ("(b", 1.1)]),
    ],
)
def test_brackets_without_a_partner_are_letters(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert weights(prompt) == expected


@settings(deadline=None)
@given(st.text(st.sampled_from("ab ():.5\\"), max_size=30))
def test_no_letter_of_the_text_is_lost_or_moved(prompt: str) -> None:
    letters = [letter for segment in parse(prompt) for letter in segment.text if letter in "ab"]
    assert letters == [letter for letter in prompt if letter in "ab"]


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="()\\")))
def test_text_without_brackets_is_one_segment(text: str) -> None:
    assert parse(text) == ([Segment(text, 1.0)] if text else [])


@settings(deadline=None)
@given(st.text(st.sampled_from("ab ():1.\\"), max_size=30))
def test_an_escaped_prompt_means_itself(text: str) -> None:
    text = text.replace("\\", "")
    escaped = text.replace("(", r"\(").replace(")", r"\)")
    assert parse(escaped) == ([Segment(text, 1.0)] if text else [])


@settings(deadline=None)
@given(st.text(st.sampled_from("a():1.5 "), max_size=20), st.floats(0.1, 3))
def test_a_weight_set_on_the_whole_applies_to_plain_text(text: str, number: float) -> None:
    plain = text.replace("(", "").replace(")", "")
    assert parse(f"({plain}:{number})") == ([Segment(plain, number)] if plain else parse(f"(:{number})"))


def nested(prompt: str, weight: float = 1.0) -> list[Segment]:
    """The rule as it is told, level by level, by brute force."""
    pieces, depth, current = [], 0, ""
    for letter in prompt:
        if letter == "(" and depth == 0:
            pieces.append(current)
            current = ""
        depth += {"(": 1, ")": -1}.get(letter, 0)
        current += letter
        if letter == ")" and depth == 0:
            pieces.append(current)
            current = ""
    found: list[Segment] = []
    for piece in [*pieces, current]:
        if len(piece) > 1 and piece[0] == "(" and piece[-1] == ")":
            inside, colon, number = piece[1:-1].rpartition(":")
            try:
                if not inside:
                    raise ValueError
                found += nested(inside, float(number))
            except ValueError:
                found += nested(inside + colon + number, weight * 1.1)
        elif piece:
            found.append(Segment(piece, weight))
    return found


@settings(deadline=None)
@given(st.text(st.sampled_from("ab():1.5 "), max_size=25))
def test_the_quick_way_equals_the_rule(prompt: str) -> None:
    assert parse(prompt) == nested(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["(", ")", "()", ")(", "(:", "(a:1)", "\\("],
)
def test_a_hostile_prompt_takes_no_time(prompt: str) -> None:
    start = time.process_time()
    parse(prompt * 10_000)
    parse("(" * 10_000 + prompt * 1000 + ":1)" * 10_000)
    assert time.process_time() - start < 2
