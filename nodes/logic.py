"""Logic nodes: constants, and choosing which of two things is computed at all."""

from typing import Annotated, Any, NamedTuple

from pydantic import Field

from engine.node import Lazy, Multiline, Seeded, UserError, node

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


@node("TextLines", category="utils/list", display_name="Text Lines")
def text_lines(*, text: Annotated[str, Multiline()] = "") -> list[str]:
    """The lines of a text as a list: what follows runs once for each.  Empty lines are left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError("text: there is no line in it; write at least one")
    return lines
