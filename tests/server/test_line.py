"""Who goes next."""

import time

from hypothesis import given
from hypothesis import strategies as st

from server.line import Line
from server.store.jobs import Job, State


def job(seq: int, number: float = 0.0, priority: int = 0, deaths: int = 0) -> Job:
    return Job(seq, f"job {seq}", State.PENDING, priority, number, 0, deaths, "", "", "use", time.time())


def line(*jobs: Job) -> Line:
    made = Line()
    for each in jobs:
        made.put(each)
    return made


def seqs(made: Line) -> list[int]:
    return list(made.seqs())


def drained(made: Line) -> list[int]:
    """The jobs in the order in which they would begin."""
    order = []
    while (first := made.first()) is not None:
        order.append(first.seq)
        made.remove(first.id)
    return order


def test_smaller_numbers_go_first_then_who_came_first() -> None:
    assert drained(line(job(3, 1), job(2, 2), job(1, 2), job(4, -1))) == [4, 3, 1, 2]


def test_higher_priorities_go_before_smaller_numbers_and_suspects_last() -> None:
    assert drained(line(job(1, 1), job(2, 5, priority=1), job(3, 0, priority=9, deaths=2))) == [2, 1, 3]


def test_a_job_knows_how_many_go_before_it() -> None:
    made = line(job(1, 1), job(2, 2), job(3, 0, deaths=2), job(4, 9, priority=1))
    assert [made.position(f"job {seq}") for seq in (4, 1, 2, 3)] == [0, 1, 2, 3]
    made.remove("job 1")
    assert [made.position(f"job {seq}") for seq in (4, 1, 2, 3)] == [0, None, 1, 2]


def test_an_empty_line_has_nobody() -> None:
    made = Line()
    assert made.first() is None
    assert len(made) == 0
    made.remove("nobody")
    assert made.get("nobody") is None


def test_a_job_that_is_put_again_has_its_new_place_alone() -> None:
    made = line(job(1, 1), job(2, 2))
    made.put(job(1, 3))
    assert len(made) == 2
    assert drained(made) == [2, 1]


def test_a_job_that_left_and_came_back_goes_once() -> None:
    made = line(job(1, 1), job(2, 2))
    made.remove("job 1")
    assert "job 1" not in made
    made.put(job(1, 1))
    assert "job 1" in made
    assert drained(made) == [1, 2]


def test_a_job_that_moves_about_stands_in_one_place() -> None:
    made = line(*(job(seq, seq) for seq in range(100)))
    for number in range(10_000):
        made.put(job(number % 100, -number))
    assert drained(made) == [each % 100 for each in range(9999, 9899, -1)]


def test_between_two_numbers_there_is_one() -> None:
    made = line(job(1, 1), job(2, 2), job(3, 3))
    one, two, three = made.in_order()
    assert made.room(three, 0, after=[one], before=[two]) == [(0, 1.5, 3)]
    assert made.room(three, 0, after=[], before=[one, two]) == [(0, 0.0, 3)]
    assert made.room(one, 0, after=[two, three], before=[]) == [(0, 4.0, 1)]
    assert made.room(one, 7, after=[two, three], before=[]) == [(7, 1.0, 1)]


def test_where_no_number_lies_between_all_are_counted_anew() -> None:
    made = line(job(1, 1), job(2, 1), job(3, 9))
    one, two, three = made.in_order()
    assert made.room(three, 0, after=[one], before=[two]) == [(0, 0.0, 1), (0, 1.0, 3), (0, 2.0, 2)]


finite = st.floats(allow_nan=False, allow_infinity=False)
jobs = st.lists(
    st.builds(
        job,
        st.integers(0, 30),
        finite | st.integers(-3, 3).map(float),
        st.integers(-1, 1),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(jobs, st.lists(st.integers(0, 30), max_size=10))
def test_the_line_is_a_sorted_list(put: list[Job], removed: list[int]) -> None:
    made = line(*put)
    for seq in removed:
        made.remove(f"job {seq}")
    left = {each.seq: each for each in put if each.seq not in removed}
    expected = [each.seq for each in sorted(left.values(), key=lambda each: each.place)]
    assert len(made) == len(expected)
    assert seqs(made) == expected
    assert drained(made) == expected


@given(st.lists(finite | st.sampled_from([0.0, 1.0, 2.0**60]), min_size=1, max_size=12), st.data())
def test_a_job_gets_to_any_place(numbers: list[float], data: st.DataObject) -> None:
    made = line(*(job(seq, number) for seq, number in enumerate(numbers)))
    moving = data.draw(st.sampled_from(made.in_order()))
    others = [each for each in made.in_order() if each.seq != moving.seq]
    index = data.draw(st.integers(0, len(others)))
    rooms = made.room(moving, 0, after=others[:index], before=others[index:])
    for priority, number, seq in rooms:
        made.put(job(seq, number, priority))
    expected = [each.seq for each in others]
    expected.insert(index, moving.seq)
    assert seqs(made) == expected
