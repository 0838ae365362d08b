"""What is computed again, and what is not."""

from typing import Any

from engine.testing import Bench

Graph = dict[str, dict[str, Any]]


def greeting(name: str = "world", **ids: str) -> Graph:
    """hello + name, with the node ids of your choice."""
    hello, who = ids.get("hello", "hello"), ids.get("who", "who")
    return {
        hello: {"class_type": "Text", "inputs": {"value": "hello "}},
        who: {"class_type": "Text", "inputs": {"value": name}},
        "join": {"class_type": "Join", "inputs": {"left": [hello, 0], "right": [who, 0]}},
    }


def test_a_second_run_computes_nothing(bench: Bench) -> None:
    assert bench.run(greeting(), "join").ran == {"hello", "who", "join"}
    log = bench.run(greeting(), "join")
    assert log.ran == set()
    assert log.outputs["join"] == ("hello world",)


def test_a_changed_input_reruns_its_dependents_and_nothing_else(bench: Bench) -> None:
    bench.run(greeting("world"), "join")
    log = bench.run(greeting("moon"), "join")
    assert log.ran == {"who", "join"}
    assert log.cached == {"hello"}
    assert log.outputs["join"] == ("hello moon",)


def test_node_ids_are_not_part_of_the_key(bench: Bench) -> None:
    bench.run(greeting(), "join")
    assert bench.run(greeting(hello="7", who="8"), "join").ran == set()


def test_a_lazy_input_that_nobody_awaits_is_never_computed(bench: Bench) -> None:
    branches = {"on_true": ["hello", 0], "on_false": ["who", 0]}
    graph = greeting() | {"switch": {"class_type": "Switch", "inputs": {"flag": True} | branches}}
    log = bench.run(graph, "switch")
    assert log.ran == {"switch", "hello"}
    assert log.outputs["switch"] == ("hello ",)
