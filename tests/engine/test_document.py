"""Workflow documents made plain graphs: sub-graphs, mute, bypass, named inputs and outputs."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DocumentError, UserError
from engine.formats import lower
from engine.formats.document import Lowered, Result, with_inputs
from engine.testing import Bench

Graph = dict[str, Any]


def node(class_type: str, mode: str = "", **inputs: Any) -> Graph:
    meta = {"_meta": {"mode": mode}} if mode else {}
    return {"class_type": class_type, "inputs": inputs, **meta}


def lowered(bench: Bench, document: Graph) -> Lowered:
    return lower(document, bench.engine.registry.specs)


def test_what_is_for_people_is_dropped_and_what_they_call_things_is_kept(bench: Bench) -> None:
    document = {
        "1": {"class_type": "Text", "inputs": {"value": "a"}, "_meta": {"title": "Greeting", "pos": [1, 2]}},
        "_workflow": {"version": 1, "title": "Hello", "notes": [{"text": "hi"}]},
    }
    found = lowered(bench, document)
    assert found.graph == {"1": {"class_type": "Text", "inputs": {"value": "a"}}}
    assert found.titles == {"1": "Greeting"}
    assert found.title == "Hello"
    assert not found.problems


def test_a_plain_graph_is_its_own_lowering(bench: Bench) -> None:
    graph = {"1": node("Text", value="a"), "2": node("Join", left=["1", 0], right=["1", 0])}
    assert lowered(bench, graph).graph == graph


def test_the_body_of_a_request_is_taken_for_the_graph_in_it(bench: Bench) -> None:
    graph = {"1": node("Text", value="a")}
    assert lowered(bench, {"prompt": graph, "client_id": "x"}).graph == graph


def test_a_muted_node_goes_and_takes_its_links_with_it(bench: Bench) -> None:
    document = {"1": node("Text", "mute", value="a"), "2": node("Join", left=["1", 0], right="b")}
    assert lowered(bench, document).graph == {"2": node("Join", right="b")}


def test_a_bypassed_node_is_bridged_by_an_input_of_the_same_type(bench: Bench) -> None:
    document = {
        "1": node("Text", value="a"),
        "2": node("Number", value=1),
        "3": node("Join", "bypass", left=["1", 0], right="x"),
        "4": node("Save", text=["3", 0]),
    }
    assert lowered(bench, document).graph["4"]["inputs"] == {"text": ["1", 0]}


def test_bypassing_never_bridges_to_another_type(bench: Bench) -> None:
    document = {
        "1": node("Number", value=7),
        "2": node("Divide", "bypass", a=["1", 0], b=2),
        "3": node("Save", text=["2", 1]),
    }
    assert lowered(bench, document).graph["3"]["inputs"] == {}


def test_bypassed_nodes_in_a_row_are_bridged_to_the_first_that_is_not(bench: Bench) -> None:
    document: Graph = {"0": node("Text", value="a")}
    document |= {str(i): node("Join", "bypass", left=[str(i - 1), 0]) for i in range(1, 3_000)}
    document["end"] = node("Save", text=["2999", 0])
    assert lowered(bench, document).graph["end"]["inputs"] == {"text": ["0", 0]}


def test_a_cycle_of_bypassed_nodes_is_left_for_validation_to_name(bench: Bench) -> None:
    document = {
        "1": node("Join", "bypass", left=["2", 0]),
        "2": node("Join", "bypass", left=["1", 0]),
        "3": node("Save", text=["1", 0]),
    }
    found = lowered(bench, document)
    assert bench.engine.validate(found.graph).errors


TWICE: Graph = {
    "title": "Twice",
    "graph": {
        "in": node("Text", value="inner"),
        "join": node("Join", left=["in", 0], right=["in", 0]),
    },
    "inputs": {"text": {"type": "STRING", "to": [["in", "value"]]}},
    "outputs": {"doubled": ["join", 0]},
}


def with_subgraphs(definitions: Graph, **nodes: Graph) -> Graph:
    return {**nodes, "_workflow": {"version": 1, "subgraphs": definitions}}


def test_a_sub_graph_is_put_in_place_of_its_instance(bench: Bench) -> None:
    document = with_subgraphs(
        {"twice": TWICE}, a=node("subgraph:twice", text="x"), end=node("Save", text=["a", 0])
    )
    found = lowered(bench, document)
    assert found.graph == {
        "end": node("Save", text=["a:join", 0]),
        "a:in": node("Text", value="x"),
        "a:join": node("Join", left=["a:in", 0], right=["a:in", 0]),
    }


def test_an_instance_that_says_nothing_has_the_inner_value(bench: Bench) -> None:
    document = with_subgraphs({"twice": TWICE}, a=node("subgraph:twice"))
    assert lowered(bench, document).graph["a:in"]["inputs"] == {"value": "inner"}


def test_two_instances_are_two_copies(bench: Bench) -> None:
    document = with_subgraphs(
        {"twice": TWICE},
        a=node("subgraph:twice", text="x"),
        b=node("subgraph:twice", text="y"),
        j=node("Join", left=["a", 0], right=["b", 0]),
    )
    graph = lowered(bench, document).graph
    assert bench.run(graph, "j").outputs["j"] == ("xxyy",)


def test_sub_graphs_nest_and_links_go_through_them(bench: Bench) -> None:
    outer = {
        "graph": {"two": node("subgraph:twice"), "four": node("Join", left=["two", 0], right=["two", 0])},
        "inputs": {"text": {"type": "STRING", "to": [["two", "text"]]}},
        "outputs": {"out": ["four", 0], "half": ["two", 0]},
    }
    document = with_subgraphs(
        {"twice": TWICE, "quad": outer},
        t=node("Text", value="z"),
        q=node("subgraph:quad", text=["t", 0]),
        j=node("Join", left=["q", 0], right=["q", 1]),
    )
    graph = lowered(bench, document).graph
    assert set(graph) == {"t", "j", "q:four", "q:two:in", "q:two:join"}
    assert bench.run(graph, "j").outputs["j"] == ("zzzzzz",)


def test_a_muted_instance_takes_everything_inside_with_it(bench: Bench) -> None:
    document = with_subgraphs(
        {"twice": TWICE}, a=node("subgraph:twice", "mute"), end=node("Save", text=["a", 0])
    )
    assert lowered(bench, document).graph == {"end": node("Save")}


def test_a_bypassed_instance_is_bridged_by_its_named_input(bench: Bench) -> None:
    document = with_subgraphs(
        {"twice": TWICE},
        t=node("Text", value="z"),
        a=node("subgraph:twice", "bypass", text=["t", 0]),
        end=node("Save", text=["a", 0]),
    )
    assert lowered(bench, document).graph["end"]["inputs"] == {"text": ["t", 0]}


def test_definitions_that_contain_each_other_are_a_problem(bench: Bench) -> None:
    definitions = {
        "a": {"graph": {"1": node("subgraph:b")}, "outputs": {}},
        "b": {"graph": {"1": node("subgraph:a")}, "outputs": {}},
    }
    [problem] = lowered(bench, with_subgraphs(definitions, x=node("subgraph:a"))).problems
    assert problem.code == "dependency_cycle"
    assert "a -> b -> a" in problem.message


def test_an_unknown_definition_and_an_unknown_input_are_problems_with_a_hint(bench: Bench) -> None:
    document = with_subgraphs({"twice": TWICE}, a=node("subgraph:twise"), b=node("subgraph:twice", texd="x"))
    first, second = sorted(lowered(bench, document).problems, key=lambda problem: problem.node)
    assert (first.node, first.hint) == ("a", "did you mean 'twice'?")
    assert (second.node, second.input, second.hint) == ("b", "texd", "did you mean 'text'?")


def test_named_inputs_and_outputs_are_read(bench: Bench) -> None:
    document = {
        "1": node("Text", value="a"),
        "2": node("Save", text=["1", 0]),
        "_workflow": {
            "inputs": {"text": {"at": ["1", "value"], "title": "Text", "help": "Anything.", "order": 2}},
            "outputs": {"file": "2", "text": ["1", 0]},
        },
    }
    found = lowered(bench, document)
    assert found.inputs["text"] == ("1", "value", "Text", "Anything.", 2)
    assert found.outputs == {"file": Result("2"), "text": Result("1", 0)}


def test_a_named_output_of_an_instance_is_that_of_the_inner_node(bench: Bench) -> None:
    document = with_subgraphs({"twice": TWICE}, a=node("subgraph:twice", text="x"))
    document["_workflow"]["outputs"] = {"text": ["a", 0]}
    assert lowered(bench, document).outputs == {"text": Result("a:join", 0)}


def test_values_are_put_in_by_name_or_by_place(bench: Bench) -> None:
    document = {
        "1": node("Number", value=1),
        "2": node("Text", value="a"),
        "_workflow": {"inputs": {"n": ["1", "value"]}},
    }
    specs = bench.engine.registry.specs
    changed = with_inputs(document, {"n": "5", "2.value": "5"}, specs)
    assert changed["1"]["inputs"] == {"value": 5}  # a number, as the input takes one
    assert changed["2"]["inputs"] == {"value": "5"}
    assert document["1"]["inputs"] == {"value": 1}


@pytest.mark.parametrize(
    ("name", "said"),
    [("nn", "did you mean 'n'"), ("9.value", "no input"), ("1.valu", "did you mean 'value'")],
)
def test_a_name_that_is_no_input_is_said(bench: Bench, name: str, said: str) -> None:
    document = {"1": node("Number", value=1), "_workflow": {"inputs": {"n": ["1", "value"]}}}
    with pytest.raises(UserError, match=said):
        with_inputs(document, {name: 1}, bench.engine.registry.specs)


def test_a_newer_version_is_refused(bench: Bench) -> None:
    with pytest.raises(DocumentError, match="version 2"):
        lowered(bench, {"_workflow": {"version": 2}})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
LINKS = st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(-1, 2)).map(list)
NODES = st.fixed_dictionaries(
    {"class_type": st.sampled_from(["Text", "Join", "subgraph:a", "subgraph:b"]) | ANYTHING},
    optional={
        "inputs": st.dictionaries(st.sampled_from(["left", "text", "x"]), LINKS | ANYTHING, max_size=3)
        | ANYTHING,
        "_meta": st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["mute", "bypass"]) | ANYTHING}),
    },
)
GRAPHS = st.dictionaries(st.sampled_from(["1", "2", "3"]), NODES | ANYTHING, max_size=3)
DEFINITIONS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.fixed_dictionaries(
        {},
        optional={"graph": GRAPHS | ANYTHING, "inputs": ANYTHING, "outputs": ANYTHING, "exposed": ANYTHING},
    )
    | ANYTHING,
    max_size=2,
)
ABOUT = st.fixed_dictionaries(
    {}, optional={"inputs": ANYTHING, "outputs": ANYTHING, "subgraphs": DEFINITIONS | ANYTHING}
)


@settings(deadline=None, max_examples=150)
@given(graph=GRAPHS, about=ABOUT | ANYTHING)
def test_whatever_a_document_holds_lowering_and_checking_it_never_break(graph: Graph, about: Any) -> None:
    bench = SHARED
    found = lower({**graph, "_workflow": about}, bench.engine.registry.specs)
    bench.engine.validate(found.graph)


@pytest.fixture(autouse=True)
def _share(bench: Bench) -> None:
    global SHARED  # noqa: PLW0603  # hypothesis calls the test many times within one fixture
    SHARED = bench


SHARED: Bench
