r"""Prompt weights: `a (red:1.3) ((sunset))` as pieces of text, each with its weight.

Round brackets weigh, and only they: a bracketed part multiplies the weight it
stands in by 1.1, unless its text ends in `:number`, which *sets* the weight.
`\(` and `\)` are letters, and so is a bracket that is never closed; but what
begins and ends with a bracket counts as bracketed even if these two are no pair.

A prompt is cut level by level, from the outside in. Levels wait on a stack, and
each bracket's partner is found beforehand, so a level steps over what is nested
in it: the work grows with the length of the text, however deep its brackets are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

EMPHASIS = 1.1
LONGEST_NUMBER = 64  # characters; what is longer is text


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the prompt that is tokenised by itself. Its spaces are kept."""

    text: str
    weight: float


class Bracket(NamedTuple):
    at: int
    opens: bool
    partner: int  # index of the bracket that closes this one; past the last if none does


class Stretch(NamedTuple):
    """A part of the prompt, as a range of its text and the same range of its brackets."""

    start: int
    end: int
    first: int
    last: int


def parse(prompt: str) -> list[Segment]:
    """The segments of a prompt, in order; none is empty."""
    text, brackets = _read(prompt)
    colons = _last_colons(text)
    segments: list[Segment] = []
    levels: list[tuple[Stretch, float, bool]] = [(Stretch(0, len(text), 0, len(brackets)), 1.0, False)]
    while levels:
        stretch, weight, literal = levels.pop()
        if literal:
            segments.append(Segment(text[stretch.start : stretch.end], weight))
            continue
        for piece in reversed(list(_pieces(stretch, brackets))):
            if _is_bracketed(piece, brackets):
                levels.append((*_inside(piece, weight, text, colons), False))
            else:
                levels.append((piece, weight, True))
    return segments


def _read(prompt: str) -> tuple[str, list[Bracket]]:
    r"""The text without the backslashes of `\(` and `\)`, and the brackets that weigh."""
    letters: list[str] = []
    places: list[tuple[int, bool]] = []
    escaped = False
    for letter in prompt:
        if letter in "()":
            if escaped:
                letters.pop()
            else:
                places.append((len(letters), letter == "("))
        escaped = letter == "\\"
        letters.append(letter)
    partners = [len(places)] * len(places)
    waiting: list[int] = []
    for i, (_, opens) in enumerate(places):
        if opens:
            waiting.append(i)
        elif waiting:
            partners[waiting.pop()] = i
    brackets = [Bracket(at, opens, partner) for (at, opens), partner in zip(places, partners, strict=True)]
    return "".join(letters), brackets


def _last_colons(text: str) -> list[int]:
    """For every place the last colon before it, or -1."""
    colons = [-1]
    for i, letter in enumerate(text):
        colons.append(i if letter == ":" else colons[-1])
    return colons


def _pieces(level: Stretch, brackets: list[Bracket]) -> Iterator[Stretch]:
    """Cut one level into what is bracketed in it and what stands between."""
    start, first = level.start, level.first
    depth = 0  # below zero after a stray `)`: the next `(` only makes up for it
    i = first
    while i < level.last:
        at, opens, partner = brackets[i]
        if opens and depth == 0:
            if start < at:
                yield Stretch(start, at, first, i)
            if partner >= level.last:  # not closed in here
                yield Stretch(at, level.end, i, level.last)
                return
            start, first = brackets[partner].at + 1, partner + 1
            yield Stretch(at, start, i, first)
            i = first
        else:
            depth += 1 if opens else -1
            i += 1
    if start < level.end:
        yield Stretch(start, level.end, first, level.last)


def _is_bracketed(piece: Stretch, brackets: list[Bracket]) -> bool:
    """Whether a piece begins with `(` and ends with `)`."""
    if piece.last - piece.first < 2:
        return False
    left, right = brackets[piece.first], brackets[piece.last - 1]
    return (left.at, left.opens, right.at, right.opens) == (piece.start, True, piece.end - 1, False)


def _inside(piece: Stretch, weight: float, text: str, colons: list[int]) -> tuple[Stretch, float]:
    """What a bracketed piece encloses, and with which weight."""
    start, end = piece.start + 1, piece.end - 1
    inner = Stretch(start, end, piece.first + 1, piece.last - 1)
    colon = colons[end]
    if start < colon and end - colon <= LONGEST_NUMBER:
        try:
            number = float(text[colon + 1 : end])
        except ValueError:
            number = float("nan")
        if isfinite(number):
            return inner._replace(end=colon), number
    return inner, weight * EMPHASIS
