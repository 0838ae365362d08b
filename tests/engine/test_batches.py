"""How many rows of a call pay, from what calls have taken."""

import pytest

from engine.batches import Batches

KEY = "network"


def seen(batches: Batches, times: dict[int, float], calls: int = 3) -> None:
    """Calls of so many rows that took so long for each row."""
    for rows, per_row in times.items():
        for _ in range(calls):
            batches.note(KEY, rows, rows * per_row)


def test_the_first_call_takes_all_there_is() -> None:
    assert Batches().limit(KEY, 2) == 64
    assert Batches(most=8).limit(KEY, 2) == 8


def test_then_each_size_is_tried_from_the_smallest_upwards() -> None:
    batches = Batches()
    seen(batches, {64: 0.1}, calls=1)
    assert batches.limit(KEY, 2) == 2
    seen(batches, {2: 1.0}, calls=2)
    assert batches.limit(KEY, 2) == 4
    seen(batches, {4: 0.5}, calls=2)
    assert batches.limit(KEY, 2) == 8


def test_calls_that_are_over_at_once_take_all_there_is() -> None:
    batches = Batches()
    seen(batches, {2: 0.0001, 4: 0.0002})
    assert batches.limit(KEY, 2) == 64


def test_a_call_grows_while_a_row_becomes_cheaper() -> None:
    batches = Batches()
    seen(batches, {2: 7.0, 4: 4.4, 8: 3.5, 16: 3.2, 32: 3.15})
    assert batches.limit(KEY, 2) == 16


@pytest.mark.parametrize(("there", "limit"), [(0.94, 4), (0.96, 2), (1.3, 2)])
def test_a_doubling_must_save_a_twentieth(there: float, limit: int) -> None:
    batches = Batches()
    seen(batches, {2: 1.0, 4: there, 8: 2.0})
    assert batches.limit(KEY, 2) == limit


def test_who_asks_has_all_of_its_own_rows_whatever_they_cost() -> None:
    batches = Batches()
    seen(batches, {4: 1.0, 8: 2.0, 16: 3.0})
    assert batches.limit(KEY, 9) == 9


def test_the_first_call_of_a_size_does_not_count() -> None:
    batches = Batches()
    seen(batches, {2: 1.0})
    batches.note(KEY, 4, 400.0)  # kernels were chosen, memory was taken
    assert batches.limit(KEY, 2) == 4
    batches.note(KEY, 4, 2.0)
    batches.note(KEY, 8, 9.0)
    batches.note(KEY, 8, 9.0)
    assert batches.limit(KEY, 2) == 4


def test_one_slow_moment_changes_nothing() -> None:
    batches = Batches()
    seen(batches, {2: 1.0, 4: 0.5, 8: 0.6})
    batches.note(KEY, 4, 100.0)
    assert batches.limit(KEY, 2) == 4


def test_a_size_that_was_refused_is_tried_again_some_day() -> None:
    batches = Batches()
    seen(batches, {2: 1.0, 4: 2.0})
    assert batches.limit(KEY, 2) == 2
    seen(batches, {2: 1.0}, calls=200)
    assert batches.limit(KEY, 2) > 2


def test_what_was_too_large_for_the_device_is_not_tried_again() -> None:
    batches = Batches()
    batches.too_large(KEY, 32)
    assert batches.limit(KEY, 2) == 16
    batches.too_large(KEY, 10)
    assert batches.limit(KEY, 2) == 5
    assert batches.limit("another", 2) == 64


def test_keys_that_nobody_asks_any_more_are_forgotten() -> None:
    batches = Batches()
    for key in range(1000):
        batches.note(key, 1, 1.0)
    assert len(batches._speeds) < 300
