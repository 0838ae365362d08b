"""A node may be replaced by a sub-graph, as deep as it likes."""

from typing import Any

import pytest
from toys import call

from engine.events import NodesExpanded
from engine.node import Context, Expansion, node
from engine.spec import NodeSpec
from engine.testing import Bench


@pytest.mark.parametrize("body", ["Add", "SlowAdd", "ThreadAdd"])
def test_a_sub_graph_takes_the_place_of_its_node(bench: Bench, body: str) -> None:
    graph = {"r": call("Repeat", n=3, body=body), "1": call("Add", a=["r", 0], b=10)}
    log = bench.run(graph, "1")
    assert log.outputs["1"] == (13,)
    [expanded] = [event for event in log.events if isinstance(event, NodesExpanded)]
    assert expanded.node == "r"
    assert set(expanded.nodes) <= log.ran


def test_an_expansion_into_itself_five_hundred_times(bench: Bench) -> None:
    log = bench.run({"c": call("Count", n=500)}, "c")
    assert log.outputs["c"] == (500,)
    assert bench.run({"c": call("Count", n=500)}, "c").ran == set()


def test_a_recursion_finds_what_a_shorter_one_has_left(bench: Bench) -> None:
    bench.run({"c": call("Count", n=20)}, "c")
    assert len(bench.run({"c": call("Count", n=21)}, "c").ran) < 10


def test_nodes_inside_are_cached_for_whoever_makes_the_same_call(bench: Bench) -> None:
    bench.run({"r": call("Repeat", n=3, body="SlowAdd")}, "r")
    log = bench.run({"r": call("Repeat", n=5, body="SlowAdd")}, "r")
    assert len(log.ran) == 3  # the node itself, and what is new


def test_an_expansion_may_link_to_what_its_node_is_linked_to(bench: Bench) -> None:
    graph = {"n": call("SlowAdd", a=21), "t": call("Twice", a=["n", 0])}
    log = bench.run(graph, "t")
    assert log.outputs["t"] == (42,)
    assert len([event for event in log.started if event.node == "n"]) == 1


def returning(**expansions: Expansion) -> list[NodeSpec]:
    """Nodes that return these."""

    def make(name: str, expansion: Expansion) -> NodeSpec:
        @node(name, category="test")
        def expand(*, a: int = 0) -> int | Expansion:
            del a
            return expansion

        return expand.spec

    return [make(name, expansion) for name, expansion in expansions.items()]


WRONG = {
    "class": (Expansion({"x": call("Nowhere")}, [["x", 0]]), "no node class 'Nowhere'"),
    "input": (Expansion({"x": call("Add")}, [["x", 0]]), "a value of type INT is missing"),
    "shape": (Expansion({"x": "text"}, [1]), "a node must be an object"),  # type: ignore[dict-item]
    "inputs": (Expansion({"x": {"class_type": "Add", "inputs": 5}}, [1]), "inputs must be an object"),
    "cycle": (Expansion({"x": call("Add", a=["x", 0])}, [["x", 0]]), "the links form a cycle"),
    "self": (Expansion({"x": call("Add", a=["1", 0])}, [["x", 0]]), "there is no node '1'"),
    "below": (Expansion({"x": call("Add", a=["after", 0])}, [["x", 0]]), "there is no node 'after'"),
    "many": (Expansion({"x": call("Number")}, [["x", 0], 5]), "it gave 2 outputs, not 1"),
    "none": (Expansion({"x": call("Number")}, []), "it gave 0 outputs, not 1"),
    "range": (Expansion({"x": call("Number")}, [["x", 1]]), "its output ['x', 1] leads nowhere"),
    "minus": (Expansion({"x": call("Number")}, [["x", -1]]), "its output ['x', -1] leads nowhere"),
    "truth": (Expansion({"x": call("Number")}, [["x", True]]), "leads nowhere"),
    "lost": (Expansion({"x": call("Number")}, [["y", 0]]), "its output ['y', 0] leads nowhere"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("error")
def test_an_unsound_expansion_fails_its_node_alone(bench: Bench, name: str) -> None:
    expansion, message = WRONG[name]
    bench.engine.registry.add(*returning(Wrong=expansion), namespace="test")
    graph = {"1": call("Wrong"), "after": call("Add", a=["1", 0]), "good": call("SlowAdd", a=1)}
    log = bench.run(graph, "after", "good")
    assert set(log.failed) == {"1"}
    assert message in log.failed["1"]
    assert log.outputs == {"good": (1,)}


@pytest.mark.parametrize(("graph", "outputs"), [(5, []), ({1: {}}, []), ({}, None), ({}, "x")])
def test_what_is_no_expansion_cannot_be_made(graph: Any, outputs: Any) -> None:
    with pytest.raises(TypeError):
        Expansion(graph, outputs)


def test_an_expansion_may_give_plain_values_and_no_nodes(bench: Bench) -> None:
    bench.engine.registry.add(*returning(Plain=Expansion({}, [7])), namespace="test")
    assert bench.run({"1": call("Plain")}, "1").outputs["1"] == (7,)


def test_a_failure_inside_is_told_of_the_node_inside(bench: Bench) -> None:
    inner = {"x": call("Fail"), "y": call("Join", left=["x", 0], right="")}
    bench.engine.registry.add(*returning(Inner=Expansion(inner, [["y", 0]])), namespace="test")
    log = bench.run({"1": call("Inner"), "2": call("Add", a=["1", 0])}, "2")
    assert set(log.failed) == {"1.0.x"}
    assert log.result.status == "failed"


def test_output_nodes_inside_run_once_for_their_own_sake(bench: Bench) -> None:
    inner = {"x": call("Text", value="inside"), "save": call("Save", text=["x", 0])}
    bench.engine.registry.add(*returning(Inner=Expansion(inner, [7])), namespace="test")
    for mode in ("use", "off"):
        log = bench.run({"1": call("Inner")}, "1", mode=mode)
        assert log.outputs["1"] == (7,)
        assert "1.0.save" in log.ran
    assert sorted(path.name for path in (bench.home / "output").iterdir()) == [
        "text_00001_.txt",
        "text_00002_.txt",
    ]


def test_an_output_that_is_given_twice_is_computed_once_also_without_a_cache(bench: Bench) -> None:
    @node("Same", category="test")
    def same() -> list[int] | Expansion:
        return Expansion({"x": call("SlowAdd", a=1)}, [["x", 0]])

    @node("Divided", category="test")
    def divided(*, a: int) -> Any | Expansion:
        return Expansion({"x": call("SlowAdd", a=a), "y": call("Add", a=["x", 0], b=["x", 0])}, [["y", 0]])

    bench.engine.registry.add(same, divided, namespace="test")
    log = bench.run({"1": call("Divided", a=4)}, "1", mode="off")
    assert log.outputs["1"] == (8,)
    assert len(log.started) == 3


def test_what_a_node_shows_before_it_expands_is_kept(bench: Bench) -> None:
    @node("Showing", category="test")
    def showing(ctx: Context) -> int | Expansion:
        ctx.show("text", ["hello"])
        return Expansion({"x": call("SlowAdd", a=1)}, [["x", 0]])

    bench.engine.registry.add(showing, namespace="test")
    assert bench.run({"1": call("Showing")}, "1").result.shown == {"1": {"text": ["hello"]}}
    assert bench.run({"1": call("Showing")}, "1").result.shown == {"1": {"text": ["hello"]}}


def test_what_hangs_on_a_call_that_is_never_cached_is_not_cached(bench: Bench) -> None:
    inner = Expansion({"x": call("Roll", a=1)}, [["x", 0]])
    bench.engine.registry.add(*returning(Rolling=inner), namespace="test")
    graph = {"1": call("Rolling"), "2": call("Add", a=["1", 0])}
    assert bench.run(graph, "2").ran == {"1", "1.0.x", "2"}
    assert bench.run(graph, "2").ran == {"1", "1.0.x", "2"}
    assert len(bench.engine.parts.memory) == 0


def test_lazy_inputs_and_expansions_work_inside_each_other(bench: Bench) -> None:
    graph = {
        "deep": call("Count", n=3),
        "no": call("Fail"),
        "s": call("Switch", flag=True, on_true=["deep", 0], on_false=["no", 0]),
    }
    log = bench.run(graph, "s")
    assert log.outputs["s"] == (3,)
    assert log.failed == {}
