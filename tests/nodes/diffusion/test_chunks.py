"""How a long prompt is laid into chunks of 77 tokens."""

from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.diffusion.chunks import Token, chunk

START, END, PAD = 1000, 1001, 1002


def laid(*lengths: int) -> list[list[int]]:
    """Chunks of groups of such lengths; group i consists of the id i."""
    groups = [[Token(i, 1.0)] * length for i, length in enumerate(lengths)]
    return [[token.id for token in c] for c in chunk(groups, start=START, end=END, pad=PAD)]


def test_an_empty_text_is_one_chunk_of_padding() -> None:
    assert laid() == laid(0) == [[START, END, *[PAD] * 75]]


def test_seventy_five_tokens_fill_a_chunk() -> None:
    assert laid(75) == [[START, *[0] * 75, END]]


def test_a_short_group_moves_to_the_next_chunk_as_a_whole() -> None:
    assert laid(70, 7) == [
        [START, *[0] * 70, END, *[PAD] * 5],
        [START, *[1] * 7, END, *[PAD] * 68],
    ]


def test_a_group_of_eight_is_cut_where_the_chunk_ends() -> None:
    assert laid(70, 8) == [
        [START, *[0] * 70, *[1] * 5, END],
        [START, *[1] * 3, END, *[PAD] * 72],
    ]


def test_a_long_group_runs_through_several_chunks() -> None:
    chunks = laid(231)
    assert [c.count(0) for c in chunks] == [75, 75, 75, 6]


def test_weights_stay_with_their_tokens_and_the_rest_weighs_one() -> None:
    (only,) = chunk([[Token(5, 1.4)], [Token(6, 0.5)]], start=START, end=END, pad=PAD)
    assert [token.weight for token in only] == [1.0, 1.4, 0.5, *[1.0] * 74]


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), max_size=12), st.sampled_from([4, 9, 77]))
def test_every_token_comes_through_in_order(lengths: list[int], length: int) -> None:
    groups = [[Token(i, 1.0)] * n for i, n in enumerate(lengths)]
    chunks = chunk(groups, start=START, end=END, pad=PAD, length=length)
    assert {len(c) for c in chunks} == {length}
    assert all(c[0].id == START and [t.id for t in c].count(END) == 1 for c in chunks)
    ids = [token.id for token in chain.from_iterable(chunks) if token.id < START]
    assert ids == [i for i, n in enumerate(lengths) for _ in range(n)]
