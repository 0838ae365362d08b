"""Text nodes, and arithmetic that people write."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from nodes.expressions import evaluate
from nodes.logic import comfy_math_expression, comfy_number_convert, custom_combo
from nodes.strings import (
    case_converter,
    json_extract_string,
    regex_extract,
    regex_match,
    regex_replace,
    string_compare,
    string_concatenate,
    string_contains,
    string_format,
    string_length,
    string_replace,
    string_substring,
    string_trim,
)


def test_texts_are_joined_cut_and_measured() -> None:
    assert string_concatenate(string_a="a", string_b="b", delimiter=", ") == "a, b"
    assert string_substring(string="abcdef", start=1, end=-1) == "bcde"
    assert string_substring(string="abc", start=2, end=99) == "c"
    assert string_length(string="äöü").length == 3
    assert string_replace(string="a-b-c", find="-", replace="") == "abc"


def test_letters_change() -> None:
    said = [case_converter(string="one TWO", mode=mode) for mode in ("UPPERCASE", "lowercase", "Capitalize")]
    assert said == ["ONE TWO", "one two", "One two"]
    assert case_converter(string="one TWO", mode="Title Case") == "One Two"
    trimmed = [string_trim(string="  a ", mode=mode) for mode in ("Both", "Left", "Right")]
    assert trimmed == ["a", "a ", "  a"]


def test_texts_are_compared() -> None:
    assert string_contains(string="A cat", substring="CAT", case_sensitive=False).contains
    assert not string_contains(string="A cat", substring="CAT").contains
    assert string_compare(string_a="A cat", string_b="a c", mode="Starts With", case_sensitive=False)
    assert string_compare(string_a="A cat", string_b="cat", mode="Ends With")
    assert not string_compare(string_a="A cat", string_b="a cat", mode="Equal")


def test_expressions_are_found_and_replaced() -> None:
    assert regex_match(string="a\nB2", regex_pattern="^b\\d", multiline=True).matches
    assert not regex_match(string="B2", regex_pattern="b", case_insensitive=False).matches
    text = "x=1, y=22"
    for mode, group, expected in [
        ("First Match", 1, "x=1"), ("All Matches", 1, "x=1\ny=22"), ("First Group", 2, "1"),
        ("All Groups", 2, "1\n22"), ("All Groups", 1, "x\ny"),
    ]:  # fmt: skip
        found = regex_extract(string=text, regex_pattern=r"(\w)=(\d+)", mode=mode, group_index=group)  # type: ignore[arg-type]
        assert found == expected
    assert regex_extract(string=text, regex_pattern="z", mode="First Match") == ""
    assert regex_replace(string=text, regex_pattern=r"(\w)=", replace=r"\1:", count=1) == "x:1, y=22"


def test_expressions_that_are_none_are_told() -> None:
    with pytest.raises(UserError, match="regex_pattern: is no regular expression"):
        regex_match(string="a", regex_pattern="(")
    with pytest.raises(UserError, match="group_index: is 2, and the expression has 1 group"):
        regex_extract(string="a", regex_pattern="(a)", mode="First Group", group_index=2)
    with pytest.raises(UserError, match="replace: "):
        regex_replace(string="a", regex_pattern="a", replace=r"\9")


def test_values_are_put_into_a_text() -> None:
    values = {"a": 3, "b": "x", "c": 0.12345}
    assert string_format(f_string="{a} {b}, {c:.2f} {{a}} { a }", values=values) == "3 x, 0.12 {a} 3"
    assert string_format(f_string='{"json": 1}', values={}) == '{"json": 1}'
    for text, said in [
        ("{d}", "nothing is linked to values.d"),
        ("{a:999}", "more than 100"),
        ("{a:q}", "{a:q}"),
    ]:
        with pytest.raises(UserError, match=said):
            string_format(f_string=text, values=values)
    assert string_format(f_string="{a.__class__}", values=values) == "{a.__class__}"


def test_a_key_of_a_json_text_is_read() -> None:
    text = '{"a": "x", "n": 2.5, "o": {"p": [1]}}'
    assert [json_extract_string(json_string=text, key=key) for key in ("a", "n", "o", "z")] == [
        "x", "2.5", '{"p": [1]}', "",
    ]  # fmt: skip
    assert json_extract_string(json_string="[1]", key="a") == ""
    assert json_extract_string(json_string="{", key="a") == ""
    assert json_extract_string(json_string="[" * 100_000, key="a") == ""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a * b + 1", 16),
        ("(a // 2) * 2", 4),
        ("a & ~1", 4),
        ("a & -8", 0),
        ("-a ** 2", -25),
        ("a / 2", 2.5),
        ("max(5, round(a * 24)) + (5 - (max(5, round(a * 24)) % 17)) % 17", 124),
        ("a % b if b > 4 else 0", 0),
        ("(a % 4 == 1) and ((b - 1) % 4 == 0)", False),
        ("a > b", True),
        ("1 < b < a", True),
        ("not a", False),
        ("ceil(1.5 * log2(max(a, b))) + 2", 6),
        ("floor (a * b + 1)", 16),
        ("sqrt(16) + pi - pi", 4),
        ("2 ** 10", 1024),
        ("1 << 3 | 1", 9),
        ("a or 1 / 0", 5),
        ("clamp(a, 0, 3)", 3),
        ("1e3", 1000),
        ("5 ^ 1", 4),
    ],
)
def test_arithmetic_is_worked_out(expression: str, expected: float) -> None:
    assert evaluate(expression, {"a": 5, "b": 3}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "cannot be read"),
        ("a +", "cannot be read"),
        ("1 / 0", "divides by zero"),
        ("c", "c has no value; there is a"),
        ("__import__('os')", "there is no function __import__"),
        ("a.real", "is no arithmetic"),
        ("'x' * 9", "is no arithmetic"),
        ("[1]", "is no arithmetic"),
        ("2 ** 99999", "more than 256 bits"),
        ("9 ** 9 ** 9 ** 9", "more than 256 bits"),
        ("1 << 9999", "cannot shift"),
        ("1.5 & 1", "no whole number"),
        ("(-1) ** 0.5", "root of a negative"),
        ("sqrt(-1)", "math domain"),
        ("exp(9999)", "math range"),
        ("(lambda: 1)()", "is no arithmetic"),
        ("min()", "expected"),
        ("1" * 3000, "longer than"),
        ("(" * 500 + ")" * 500, "cannot be read"),
        ("a @ a", "is no arithmetic"),
    ],
)
def test_what_is_no_arithmetic_is_told(expression: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        evaluate(expression, {"a": 5})


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="ab0123456789.+-*/%()<>=&|^~ ", max_size=40))
def test_any_text_gives_a_number_or_a_reason(expression: str) -> None:
    with suppress(UserError):
        assert isinstance(evaluate(expression, {"a": 2, "b": 0.5}), int | float)


def test_an_expression_gives_every_kind_of_number() -> None:
    worked = comfy_math_expression(expression="a / 2", values={"a": 5})
    assert worked == (2.5, 2, True)
    assert comfy_math_expression(expression="1e308 * 1", values={}).BOOL
    with pytest.raises(UserError, match="no number"):
        comfy_math_expression(expression="1e308 * 10", values={})


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2.7", (2.7, 2)), (True, (1.0, 1)), (-1.5, (-1.5, -1)), (2**60, (2.0**60, 2**60))],
)
def test_anything_countable_becomes_a_number(value: Any, expected: tuple[float, int]) -> None:
    assert comfy_number_convert(value=value) == expected


@pytest.mark.parametrize("value", ["x", "", "nan", math.inf])
def test_what_is_no_number_is_told(value: Any) -> None:
    with pytest.raises(UserError, match="value: "):
        comfy_number_convert(value=value)


def test_one_of_a_few_texts_is_chosen() -> None:
    assert custom_combo(choice="b", index=0, option1="a", option2="b") == ("b", 1)
    assert custom_combo(choice="z", index=4) == ("z", 4)
