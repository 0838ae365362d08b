"""Lists of values: a node is called for each, and results are strung together."""

from typing import Any, NamedTuple

import pytest
from toys import call

from engine.node import Blocked, Expansion, Lazy, node
from engine.testing import Bench


class Both(NamedTuple):
    one: int
    many: list[int]


@node("Spread", category="test")
def spread(*, n: int) -> Both:
    """One value, and a list."""
    return Both(n, list(range(n)))


@node("Pair", category="test")
def pair(*, first: list[int], second: int) -> str:
    """A whole list and single values."""
    return f"{first}{second}"


@node("Odd", category="test")
def odd(*, a: int) -> int | Expansion | Blocked:
    """A value, an expansion or a block, by turns."""
    if a % 3 == 0:
        return a
    return Blocked() if a % 3 == 1 else Expansion({"x": call("Add", a=a, b=100)}, [["x", 0]])


@node("Halves", category="test")
def halves(*, a: int) -> list[int] | Expansion:
    """A list out of an expansion."""
    return Expansion({"r": call("Range", stop=a)}, [["r", 0]]) if a else Expansion({}, [[7, 8, 9]])


class Point(NamedTuple):
    x: int
    y: int


@node("Where", category="test")
async def where(*, flag: bool, on_true: Lazy[Any]) -> Any:
    """Gives a value that happens to be a named tuple."""
    return Point(1, 2) if flag else await on_true


@pytest.fixture(autouse=True)
def _more(bench: Bench) -> None:
    bench.engine.registry.add(spread, pair, odd, halves, where, namespace="test")


@pytest.mark.parametrize("add", ["Add", "SlowAdd", "ThreadAdd"])
def test_a_node_is_called_for_each_value_and_shorter_lists_repeat_their_last(bench: Bench, add: str) -> None:
    graph = {
        "three": call("Range", stop=3),
        "two": call("Range", stop=2),
        "sum": call(add, a=["three", 0], b=["two", 0]),
        "one": call(add, a=["three", 0], b=10),
    }
    assert bench.run(graph, "sum", "one").outputs == {"sum": ([0, 2, 3],), "one": ([10, 11, 12],)}


@pytest.mark.parametrize("add", ["Add", "SlowAdd", "ThreadAdd"])
def test_empty_lists_make_no_calls_and_an_empty_result(bench: Bench, add: str) -> None:
    graph = {
        "none": call("Range", stop=0),
        "sum": call(add, a=["none", 0]),
        "all": call("Sum", values=["sum", 0]),
    }
    assert bench.run(graph, "sum", "all").outputs == {"sum": ([],), "all": (0,)}


def test_an_empty_list_beside_a_full_one_is_a_failure_that_names_it(bench: Bench) -> None:
    graph = {
        "none": call("Range", stop=0),
        "two": call("Range", stop=2),
        "sum": call("Add", a=["none", 0], b=["two", 0]),
    }
    assert "input a got an empty list" in bench.run(graph, "sum").failed["sum"]


def test_a_node_that_takes_lists_is_called_once_with_all(bench: Bench) -> None:
    graph = {"five": call("Range", stop=5), "sum": call("Sum", values=["five", 0])}
    assert bench.run(graph, "sum").outputs["sum"] == (10,)
    assert bench.run({"sum": call("Sum", values={"__value__": [1, 2]})}, "sum").outputs["sum"] == (3,)
    assert bench.run({"sum": call("Sum", values=4)}, "sum").outputs["sum"] == (4,)


def test_a_list_input_beside_a_mapped_one_gets_the_whole_list_each_time(bench: Bench) -> None:
    graph = {
        "two": call("Range", stop=2),
        "three": call("Range", stop=3),
        "pair": call("Pair", first=["two", 0], second=["three", 0]),
    }
    assert bench.run(graph, "pair").outputs["pair"] == (["[0, 1]0", "[0, 1]1", "[0, 1]2"],)


def test_list_outputs_of_mapped_calls_are_strung_together(bench: Bench) -> None:
    graph = {"n": call("Range", stop=4), "s": call("Spread", n=["n", 0])}
    assert bench.run(graph, "s").outputs["s"] == ([0, 1, 2, 3], [0, 0, 1, 0, 1, 2])


def test_a_list_input_is_the_nodes_own_copy(bench: Bench) -> None:
    @node("Spoil", category="test")
    def spoil(*, values: list[int] = [1, 2]) -> int:  # noqa: B006  # a signature is a schema here
        length = len(values)
        values.clear()
        return length

    bench.engine.registry.add(spoil, namespace="test")
    graph = {
        "r": call("Range", stop=3),
        "spoil": call("Spoil", values=["r", 0]),
        "sum": call("Sum", values=["r", 0]),
    }
    assert bench.run(graph, "spoil", "sum").outputs["sum"] == (3,)
    for _ in range(2):
        assert bench.run({"1": call("Spoil")}, "1", mode="off").outputs["1"] == (2,)


def test_a_mapped_node_may_give_values_blocks_and_expansions_by_turns(bench: Bench) -> None:
    graph = {"n": call("Range", stop=6), "odd": call("Odd", a=["n", 0])}
    [values] = bench.run(graph, "odd").outputs["odd"]
    assert [each if isinstance(each, int) else "blocked" for each in values] == [
        0, "blocked", 102, 3, "blocked", 105,
    ]  # fmt: skip


def test_an_expansion_may_give_a_list(bench: Bench) -> None:
    graph = {"n": call("Range", stop=3), "h": call("Halves", a=["n", 0])}
    assert bench.run(graph, "h").outputs["h"] == ([7, 8, 9, 0, 0, 1],)


def test_one_value_that_is_a_named_tuple_is_one_value(bench: Bench) -> None:
    graph = {"p": call("Where", flag=True, on_true=0), "g": call("Gate", value=["p", 0], is_open=True)}
    assert bench.run(graph, "g").outputs["g"] == (Point(1, 2),)


# Blocks.


def test_consumers_of_a_block_do_not_run_and_the_run_completes(bench: Bench) -> None:
    graph = {
        "gate": call("Gate", value="x", is_open=False),
        "save": call("Save", text=["gate", 0]),
        "other": call("Save", text="y"),
    }
    log = bench.run(graph)
    assert log.result.status == "completed"
    assert [path.read_text() for path in (bench.home / "output").iterdir()] == ["y"]


def test_a_blocked_value_in_a_list_blocks_its_own_call_alone(bench: Bench) -> None:
    graph = {
        "n": call("Range", stop=3),
        "odd": call("Odd", a=["n", 0]),
        "add": call("Add", a=["odd", 0], b=1),
    }
    [values] = bench.run(graph, "add").outputs["add"]
    assert values[0] == 1
    assert isinstance(values[1], Blocked)
    assert values[2] == 103


def test_a_blocked_value_blocks_a_node_that_takes_the_whole_list(bench: Bench) -> None:
    graph = {
        "n": call("Range", stop=3),
        "odd": call("Odd", a=["n", 0]),
        "sum": call("Sum", values=["odd", 0]),
    }
    [value] = bench.run(graph, "sum").outputs["sum"]
    assert isinstance(value, Blocked)


def test_a_block_is_no_value_to_be_measured(bench: Bench) -> None:
    graph = {
        "thing": call("Make"),
        "gate": call("Gate", value=["thing", 0], is_open=False),
        "label": call("Label", thing=["gate", 0]),
    }
    log = bench.run(graph, "label")
    assert log.failed == {}
