"""From what JSON says to what a node is given.

The ecosystem's clients are loose with types: `"12"` or `1.7` arrive where an INT belongs.  What can be
understood is coerced, and said; what cannot is refused, with the reason.  NaN and infinity are never
values.  After coercion equal inputs are equal: 8 and 8.0 are one FLOAT.
"""

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Final

from engine.spec import Input


class Refused(Exception):  # noqa: N818  # a verdict, caught by validation
    """Why a value cannot be taken: the ecosystem's code, a message, and a hint."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def coerce(given: Input, value: Any, choices: Sequence[str] | None = None) -> tuple[Any, str]:
    """The value a node gets for what a graph says, and a warning (empty when nothing was changed).

    Raises:
        Refused: the value cannot be taken.
    """
    if choices is not None:
        return _choose(given, value, choices)
    if value is None and given.optional:
        return None, ""
    convert = _CONVERT.get(given.socket.wire)
    if convert is None:
        return value, ""
    converted, warning = convert(given, value)
    if given.ge is not None and converted < given.ge:
        said = f"{brief(converted)} is smaller than the minimum {_plain(given.ge)}"
        raise Refused("value_smaller_than_min", said)
    if given.le is not None and converted > given.le:
        said = f"{brief(converted)} is bigger than the maximum {_plain(given.le)}"
        raise Refused("value_bigger_than_max", said)
    return converted, warning


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint naming the nearest known words, or nothing."""
    lowered = {each.lower(): each for each in known if isinstance(each, str)}
    found = get_close_matches(str(word).lower()[:100], list(lowered)[:5000], n=1, cutoff=0.6)
    return f"did you mean {lowered[found[0]]!r}?" if found else ""


def brief(value: object, limit: int = 60) -> str:
    """A value in a message: never pages of it."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply; an integer of too many digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[:limit] + "…"


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def _wrong(value: Any, expected: str) -> Refused:
    return Refused("invalid_input_type", f"{brief(value)} is not {expected}")


def _integer(_given: Input, value: Any) -> tuple[int, str]:
    if type(value) is int:
        return value, ""
    if isinstance(value, bool):
        return int(value), f"{value} was taken as {int(value)}"
    if isinstance(value, str):
        try:
            return int(value), f"the text {value!r} was taken as a number"
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                raise _wrong(value, "an integer") from None
            whole, _ = _integer(_given, value)
            return whole, f"the text {value!r} was taken as {whole}"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _wrong(value, "an integer")
        whole = int(value)
        return whole, "" if whole == value else f"{value} was cut to {whole}"
    raise _wrong(value, "an integer")


def _number(_given: Input, value: Any) -> tuple[float, str]:
    if type(value) is float and math.isfinite(value):
        return value, ""
    if isinstance(value, bool):
        return float(value), f"{value} was taken as {float(value)}"
    if isinstance(value, int | float | str):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise _wrong(value, "a number") from None
        if not math.isfinite(number):
            raise _wrong(value, "a finite number")
        return number, f"the text {value!r} was taken as a number" if isinstance(value, str) else ""
    raise _wrong(value, "a number")


def _text(_given: Input, value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        return value, ""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value), f"{value} was taken as text"
    raise _wrong(value, "a text")


_WORDS: Final = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False}


def _truth(_given: Input, value: Any) -> tuple[bool, str]:
    if isinstance(value, bool):
        return value, ""
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return bool(value), f"{value} was taken as {str(bool(value)).lower()}"
    if isinstance(value, str) and (truth := (_WORDS | {"0": False}).get(value.strip().lower())) is not None:
        return truth, f"the text {value!r} was taken as {str(truth).lower()}"
    raise _wrong(value, "true or false")


_CONVERT: Final[dict[str, Callable[[Input, Any], tuple[Any, str]]]] = {
    "INT": _integer,
    "FLOAT": _number,
    "STRING": _text,
    "BOOLEAN": _truth,
    "COMBO": _text,
}


def _choose(given: Input, value: Any, choices: Sequence[Any]) -> tuple[Any, str]:
    """A combo's value: one of its choices, with either kind of path separator."""
    if value in choices:  # the choice itself: 2.0 stands for 2
        return choices[choices.index(value)], ""
    if not isinstance(value, str | int | float):
        raise Refused("invalid_input_type", f"{brief(value)} is not one of the choices of {given.name}")
    texts = {str(each): each for each in choices}
    text = brief(value, 4300) if not isinstance(value, str) else value
    if text in texts:
        return texts[text], f"{value!r} was taken as {texts[text]!r}"
    text = text.replace("\\", "/")
    if text in texts:
        return texts[text], f"{value!r} was taken as {texts[text]!r}"
    if not choices:
        raise Refused("value_not_in_list", f"{brief(value)} is not there: there is nothing to choose from")
    same_file = [each for each in texts if each.rsplit("/", 1)[-1] == text.rsplit("/", 1)[-1]]
    listed = ", ".join(texts) if len(texts) <= 20 else f"{len(texts)} choices"
    hint = f"did you mean {same_file[0]!r}?" if same_file else nearest(text, list(texts))
    raise Refused("value_not_in_list", f"{brief(value)} is not in the list ({listed})", hint)
