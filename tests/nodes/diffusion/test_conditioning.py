"""Arithmetic on conditionings."""

from dataclasses import replace

import torch

from nodes.diffusion.conditioning import Area, Cond, average, concat, zero_out
from tests.nodes.diffusion.toys import values


def cond(value: float, length: int = 3, pooled: float | None = None) -> Cond:
    return Cond(torch.full((1, length, 2), value), None if pooled is None else torch.full((1, 2), pooled))


def test_an_average_mixes_tokens_and_pooled() -> None:
    (mixed,) = average((cond(1, pooled=10),), (cond(5, pooled=20),), 0.25)
    assert values(mixed.tokens) == [4.0]
    assert mixed.pooled is not None
    assert values(mixed.pooled) == [17.5]


def test_an_average_fits_the_other_text_to_the_length_of_the_first() -> None:
    (shorter,) = average((cond(1, 2),), (cond(5, 4),), 0.5)
    assert shorter.tokens[0, :, 0].tolist() == [3.0, 3.0]
    (longer,) = average((cond(1, 4),), (cond(5, 2),), 0.5)
    assert longer.tokens[0, :, 0].tolist() == [3.0, 3.0, 0.5, 0.5]


def test_a_missing_pooled_vector_is_the_others() -> None:
    (mixed,) = average((cond(1),), (cond(5, pooled=20),), 0.25)
    assert mixed.pooled is not None
    assert values(mixed.pooled) == [20.0]
    (without,) = average((cond(1, pooled=10),), (cond(5),), 0.25)
    assert without.pooled is not None
    assert values(without.pooled) == [10.0]


def test_concat_appends_the_first_of_the_others_and_keeps_the_rest() -> None:
    first = replace(cond(1, 2, pooled=9), area=Area(0, 0, 8, 8), strength=0.5)
    joined = concat((first, cond(2, 1)), (cond(7, 3), cond(8, 3)))
    assert [c.tokens[0, :, 0].tolist() for c in joined] == [[1, 1, 7, 7, 7], [2, 7, 7, 7]]
    assert (joined[0].area, joined[0].strength, joined[0].pooled) == (first.area, 0.5, first.pooled)


def test_zeroed_conditionings_say_nothing_and_leave_the_original() -> None:
    given = cond(3, pooled=4)
    (zeroed,) = zero_out((given,))
    assert zeroed.pooled is not None
    assert not zeroed.tokens.any()
    assert not zeroed.pooled.any()
    assert given.tokens.any()


def test_nothing_to_mix_with_changes_nothing() -> None:
    given = (cond(1),)
    assert average(given, (), 0.5) == given
    assert concat(given, ()) == given
