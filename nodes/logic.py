"""Logic nodes: constants, and choosing which of two things is computed at all."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from engine.node import Growing, Lazy, Multiline, Omittable, Seeded, UserError, node

Named = Annotated[str, Omittable()]

#: Integers that JSON carries through every client unharmed.
SAFE_INTEGER = 2**53 - 1


@node("PrimitiveInt", category="utils/primitive", display_name="Int")
def primitive_int(*, value: Annotated[int, Field(ge=-SAFE_INTEGER, le=SAFE_INTEGER), Seeded()]) -> int:
    """A whole number."""
    return value


@node("PrimitiveFloat", category="utils/primitive", display_name="Float")
def primitive_float(*, value: float) -> float:
    """A number."""
    return value


@node("PrimitiveString", category="utils/primitive", display_name="String")
def primitive_string(*, value: str) -> str:
    """A line of text."""
    return value


@node("PrimitiveStringMultiline", category="utils/primitive", display_name="String (Multiline)")
def primitive_string_multiline(*, value: Annotated[str, Multiline()]) -> str:
    """Text over several lines."""
    return value


@node("PrimitiveBoolean", category="utils/primitive", display_name="Boolean")
def primitive_boolean(*, value: bool) -> bool:
    """Yes or no."""
    return value


class Chosen(NamedTuple):
    output: Any


@node("ComfySwitchNode", category="logic", display_name="Switch")
async def switch_node(*, on_false: Lazy[Any], on_true: Lazy[Any], switch: bool) -> Chosen:
    """Pass one of two inputs on; the other is not computed."""
    return Chosen(await (on_true if switch else on_false))


class Numbers(NamedTuple):
    FLOAT: float
    INT: int


class Worked(NamedTuple):
    FLOAT: float
    INT: int
    BOOL: bool


class Option(NamedTuple):
    STRING: str
    INDEX: int


@node("ComfyMathExpression", category="logic", display_name="Math Expression")
def comfy_math_expression(
    *,
    expression: Annotated[
        str, Field(description="Such as `max(a, b) // 8 * 8`; `a > b` gives yes or no.")
    ] = "a",
    values: Annotated[Mapping[str, float | int | bool], Growing("abcdefghijklmnopqrstuvwxyz")],
) -> Worked:
    """Work out an expression: as a number, as a whole number (cut), and whether it is not 0."""
    from nodes.expressions import evaluate

    value = evaluate(expression, values)
    if not math.isfinite(value):
        raise UserError(f"expression: {expression.strip()[:60]!r} gives {value}, which is no number")
    return Worked(float(value), int(value), bool(value))


@node("ComfyNumberConvert", category="logic", display_name="Convert to Number")
def comfy_number_convert(*, value: float | str | bool) -> Numbers:
    """A number of whatever it is, whole ones cut."""
    try:
        number = float(value)
    except ValueError:
        raise UserError(f"value: {str(value)[:60]!r} is no number") from None
    if not math.isfinite(number):
        raise UserError(f"value: {value} is no finite number")
    return Numbers(number, value if isinstance(value, int) else int(number))


@node("CustomCombo", category="logic", display_name="Custom Combo")
def custom_combo(
    *,
    choice: str,
    index: Annotated[int, Field(ge=0, le=1000)] = 0,
    option1: Named = "",
    option2: Named = "",
    option3: Named = "",
    option4: Named = "",
    option5: Named = "",
    option6: Named = "",
    option7: Named = "",
    option8: Named = "",
    option9: Named = "",
    option10: Named = "",
    option11: Named = "",
    option12: Named = "",
    option13: Named = "",
    option14: Named = "",
    option15: Named = "",
) -> Option:
    """One of a few texts that people wrote, and which one it is, from 0."""
    options = [
        option1, option2, option3, option4, option5, option6, option7, option8, option9, option10, option11,
        option12, option13, option14, option15,
    ]  # fmt: skip
    return Option(choice, options.index(choice) if choice and choice in options else index)


@node("TextLines", category="utils/list", display_name="Text Lines")
def text_lines(*, text: Annotated[str, Multiline()] = "") -> list[str]:
    """The lines of a text as a list: what follows runs once for each.  Empty lines are left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError("text: there is no line in it; write at least one")
    return lines
