"""Text nodes: joining, cutting, searching."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from engine.node import Growing, Multiline, Omittable, UserError, node

Text = Annotated[str, Multiline()]
Pattern = Annotated[str, Multiline(), Field(description="A regular expression, as Python has them.")]
Flag = Annotated[bool, Omittable()]
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Length(NamedTuple):
    length: int


class Contains(NamedTuple):
    contains: bool


class Matches(NamedTuple):
    matches: bool


@node("StringConcatenate", category="utils/string", display_name="Concatenate")
def string_concatenate(*, string_a: Text, string_b: Text, delimiter: str = "") -> str:
    """Two texts, with a third between them."""
    return f"{string_a}{delimiter}{string_b}"


@node("StringSubstring", category="utils/string", display_name="Substring")
def string_substring(*, string: Text, start: int, end: int) -> str:
    """The characters from one place to another; places below 0 count from the end."""
    return string[start:end]


@node("StringLength", category="utils/string", display_name="Length")
def string_length(*, string: Text) -> Length:
    """How many characters a text has."""
    return Length(len(string))


@node("CaseConverter", category="utils/string", display_name="Case Converter")
def case_converter(
    *, string: Text, mode: Literal["UPPERCASE", "lowercase", "Capitalize", "Title Case"]
) -> str:
    """A text in capitals or without."""
    changed = {
        "UPPERCASE": str.upper, "lowercase": str.lower, "Capitalize": str.capitalize, "Title Case": str.title,
    }  # fmt: skip
    return changed[mode](string)


@node("StringTrim", category="utils/string", display_name="Trim")
def string_trim(*, string: Text, mode: Literal["Both", "Left", "Right"]) -> str:
    """A text without the space at its ends."""
    return {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}[mode](string)


@node("StringReplace", category="utils/string", display_name="Replace")
def string_replace(*, string: Text, find: Text, replace: Text) -> str:
    """A text with something else wherever a part of it stood."""
    return string.replace(find, replace)


@node("StringContains", category="utils/string", display_name="Contains")
def string_contains(*, string: Text, substring: Text, case_sensitive: bool = True) -> Contains:
    """Whether a text holds another."""
    if not case_sensitive:
        string, substring = string.casefold(), substring.casefold()
    return Contains(substring in string)


@node("StringCompare", category="utils/string", display_name="Compare")
def string_compare(
    *,
    string_a: Text,
    string_b: Text,
    mode: Literal["Starts With", "Ends With", "Equal"],
    case_sensitive: bool = True,
) -> bool:
    """Whether a text begins with another, ends with it, or is it."""
    if not case_sensitive:
        string_a, string_b = string_a.casefold(), string_b.casefold()
    if mode == "Equal":
        return string_a == string_b
    return string_a.startswith(string_b) if mode == "Starts With" else string_a.endswith(string_b)


@node("RegexMatch", category="utils/string", display_name="Regex Match", lane="cpu")
def regex_match(
    *,
    string: Text,
    regex_pattern: Pattern,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
) -> Matches:
    """Whether a regular expression is found in a text."""
    expression = compiled(
        regex_pattern, case_insensitive=case_insensitive, multiline=multiline, dotall=dotall
    )
    return Matches(expression.search(string) is not None)


@node("RegexExtract", category="utils/string", display_name="Regex Extract", lane="cpu")
def regex_extract(
    *,
    string: Text,
    regex_pattern: Pattern,
    mode: Literal["First Match", "All Matches", "First Group", "All Groups"],
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    group_index: Annotated[int, Field(ge=0, le=100)] = 1,
) -> str:
    """What a regular expression finds in a text; several finds are lines, none is an empty text."""
    expression = compiled(
        regex_pattern, case_insensitive=case_insensitive, multiline=multiline, dotall=dotall
    )
    group = group_index if mode.endswith("Groups") or mode == "First Group" else 0
    if group > expression.groups:
        count = expression.groups
        raise UserError(f"group_index: is {group}, and the expression has {count} group{'s' * (count != 1)}")
    found = [each.group(group) or "" for each in expression.finditer(string)]
    return "\n".join(found[:1] if mode.startswith("First") else found)


@node("RegexReplace", category="utils/string", display_name="Regex Replace", lane="cpu")
def regex_replace(
    *,
    string: Text,
    regex_pattern: Pattern,
    replace: Text,
    case_insensitive: Flag = True,
    multiline: Flag = False,
    dotall: Flag = False,
    count: Annotated[int, Field(ge=0, le=100, description="0 replaces all."), Omittable()] = 0,
) -> str:
    r"""A text with something else wherever a regular expression is found; `\1` is its first group."""
    expression = compiled(
        regex_pattern, case_insensitive=case_insensitive, multiline=multiline, dotall=dotall
    )
    try:
        return expression.sub(replace, string, count=count)
    except (re.error, IndexError) as error:
        raise UserError(f"replace: {error}; write a backslash twice") from error


def compiled(pattern: str, *, case_insensitive: bool, multiline: bool, dotall: bool) -> re.Pattern[str]:
    flags = {re.IGNORECASE: case_insensitive, re.MULTILINE: multiline, re.DOTALL: dotall}
    try:
        return re.compile(pattern, sum(flag for flag, on in flags.items() if on))
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(f"regex_pattern: is no regular expression: {error}") from error


@node("StringFormat", category="utils/string", display_name="Format")
def string_format(
    *,
    f_string: Annotated[
        str, Multiline(), Field(description="`{a}` is the value of a; `{a:.2f}` is rounded.")
    ],
    values: Annotated[Mapping[str, Any], Growing(LETTERS)],
) -> str:
    """A text with values in it."""
    return PLACE.sub(lambda found: _filled(found, values), f_string)


#: `{{` and `}}` are brackets; `{a}` and `{a:>8}` are places of values.
PLACE: Final = re.compile(r"\{\{|\}\}|\{\s*([a-z])\s*(?::([^{}]{0,40}))?\}")


def _filled(found: re.Match[str], values: Mapping[str, Any]) -> str:
    if found[1] is None:
        return found[0][0]
    if found[1] not in values:
        raise UserError(f"f_string: names {{{found[1]}}}, and nothing is linked to values.{found[1]}")
    value = values[found[1]]
    spec = found[2] or ""
    if any(int(number) > 100 for number in re.findall(r"\d+", spec)):
        raise UserError(f"f_string: {{{found[1]}:{spec}}} asks for more than 100 characters")
    try:
        return format(value, spec) if isinstance(value, int | float | str) else str(value)
    except ValueError as error:
        raise UserError(f"f_string: {found[0]}: {error}") from error


@node("JsonExtractString", category="utils/string", display_name="JSON Extract String")
def json_extract_string(*, json_string: Text, key: str) -> str:
    """What a JSON object says under a key; an empty text if it has none, or is no object."""
    try:
        content = json.loads(json_string)
    except (ValueError, RecursionError):
        return ""
    value = content.get(key) if isinstance(content, dict) else None
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
