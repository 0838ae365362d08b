"""Documents of every form: which one they are in, what wraps them, and that none of them breaks anything."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import SHEET_TOYS, File, box, sheet, socket, subgraph, wire

from engine.errors import DocumentError
from engine.files import Files
from engine.formats import lower, to_api
from engine.formats.document import Parameter, Result
from engine.node import Node
from engine.registry import Registry
from engine.validation import validate

REGISTRY = Registry()
REGISTRY.add(*(each for each in SHEET_TOYS if isinstance(each, Node)), namespace="test")
SPECS = REGISTRY.specs
NO_FILES = Files(Path("nowhere"))

PLAIN = {"1": {"class_type": "Text", "inputs": {"value": "a"}}}
EDITOR = sheet(box(1, "Text", values=["a"]))
OURS = {"1": {**PLAIN["1"], "_meta": {"title": "Word"}}, "_workflow": {"version": 1}}


@pytest.mark.parametrize("inner", [PLAIN, EDITOR, OURS], ids=["plain", "editor", "ours"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: {"prompt": inner, "client_id": "x", "extra_data": {}},
        lambda inner: {"prompt": inner, "workflow": {"nodes": []}},
        lambda inner: {"extra_data": {"extra_pnginfo": {"workflow": inner}}},
        lambda inner: {"prompt": None, "extra_data": {"extra_pnginfo": {"workflow": inner}}},
        lambda inner: {"workflow": inner},
    ],
    ids=["bare", "request", "request with both", "only in extra_pnginfo", "empty prompt", "only a workflow"],
)
def test_a_workflow_is_found_in_whatever_wraps_it(inner: File, wrap: Any) -> None:
    assert lower(wrap(inner), SPECS).graph == PLAIN


def test_nodes_may_be_called_as_wrappers_are() -> None:
    graph = dict.fromkeys(("prompt", "workflow", "nodes", "links"), PLAIN["1"])
    assert lower(graph, SPECS).graph == graph


# App mode.


def app(inputs: list[Any], outputs: list[Any], *nodes: File, **more: Any) -> File:
    return sheet(*nodes, extra={"linearData": {"inputs": inputs, "outputs": outputs}}, **more)


def test_the_inputs_and_outputs_of_app_mode_are_named_ones() -> None:
    nodes = [box(1, "Text", values=["a"]), box(2, "Text", values=["b"]), box(3, "Save", outputs=[])]
    found = lower(app([["1", "value"], [2, "value"]], ["3", 3, "gone"], *nodes), SPECS)
    assert found.inputs == {"value": Parameter("1", "value"), "value_2": Parameter("2", "value")}
    assert found.outputs == {"Save": Result("3"), "Save_2": Result("3")}


def test_app_mode_may_name_what_lies_in_a_sub_graph() -> None:
    name = "aaaaaaaa-0000-0000-0000-000000000001"
    definition = subgraph(
        name,
        box(1, "Text", socket("value", link=1, widget=True), values=["inner"]),
        box(2, "Save", socket("text", link=2), outputs=[]),
        links=[wire(1, -10, 0, 1, 0), wire(2, 1, 0, 2, 0)],
        inputs=[("word", "STRING", [1])],
    )
    for called in (["5", "word"], [f"{name}:1:value", "value"], ["5:1", "value"]):
        file = app([called], ["5:2"], box(5, name), definitions={"subgraphs": [definition]})
        found = lower(file, SPECS)
        assert list(found.inputs.values()) == [Parameter("5:1", "value")]
        assert found.outputs == {"Save": Result("5:2")}
        assert not found.problems


def test_what_app_mode_names_and_is_not_there_is_told() -> None:
    [problem] = lower(app([["8", "text"], "junk", [1]], [], box(1, "Text")), SPECS).problems
    assert problem.severity == "warning"
    assert "(text of node '8') is not there" in problem.message


# The API form.


def test_the_api_form_has_titles_and_every_widget() -> None:
    document = {
        "1": {"class_type": "Sampler", "inputs": {"seed": 3, "model": ["2", 0]}, "_meta": {"title": "Draw"}},
        "2": {"class_type": "Make", "inputs": {"label": "x"}},
        "3": {"class_type": "Stranger", "inputs": {"y": 1}},
    }
    assert to_api(lower(document, SPECS), SPECS) == {
        "1": {
            "class_type": "Sampler",
            "inputs": {
                "seed": 3, "model": ["2", 0], "steps": 20, "cfg": 8.0, "name": "euler", "denoise": 1.0,
            },
            "_meta": {"title": "Draw"},
        },
        "2": {"class_type": "Make", "inputs": {"label": "x"}, "_meta": {"title": "Make"}},
        "3": {"class_type": "Stranger", "inputs": {"y": 1}, "_meta": {"title": "Stranger"}},
    }  # fmt: skip


def test_five_thousand_nodes_are_read_in_well_under_a_second() -> None:
    nodes = [box(0, "Text", values=["a"])]
    nodes += [
        box(i, "Sampler", socket("model", "THING", i), values=[i, "fixed", 9, 1.5, "heun", 1.0])
        for i in range(1, 5_000)
    ]
    file = sheet(*nodes, links=[[i, i - 1, 0, i, 0, "THING"] for i in range(1, 5_000)])
    started = time.perf_counter()
    assert len(lower(file, SPECS).graph) == 5_000
    assert time.perf_counter() - started < 0.9


# Whatever a file holds.

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
NAMES = ["aaaaaaaa-0000-0000-0000-00000000000" + digit for digit in "12"]
IDS = st.sampled_from([1, 2, 3, "2", -10, -20]) | ANYTHING
TYPES = ["Text", "Join", "Sampler", "Picture", "Reroute", "PrimitiveNode", "SetNode", "GetNode", "Note"]
WIRES = st.sampled_from(["STRING", "*", "THING", "INT,FLOAT", 0, -1]) | ANYTHING


def loose(**fields: Any) -> st.SearchStrategy[Any]:
    """An object with some of these fields, each of which may be anything; or something else."""
    return (
        st.fixed_dictionaries({}, optional={name: each | ANYTHING for name, each in fields.items()})
        | ANYTHING
    )


SOCKETS = loose(
    name=st.sampled_from(["left", "value", "model", "seed", ""]),
    type=WIRES,
    link=st.integers(1, 5),
    links=st.lists(st.integers(1, 5), max_size=2),
    widget=st.just({"name": "value"}),
)
VALUES = st.lists(st.sampled_from([1, "fixed", "a", 2.5, True, None, "word"]) | ANYTHING, max_size=7)
NODES = loose(
    id=IDS,
    type=st.sampled_from([*TYPES, *NAMES, "workflow>Group"]),
    mode=st.sampled_from([0, 2, 4]),
    inputs=st.lists(SOCKETS, max_size=3),
    outputs=st.lists(SOCKETS, max_size=3),
    widgets_values=VALUES | st.dictionaries(st.sampled_from(["value", "seed"]), ANYTHING),
    widgets_values_named=st.dictionaries(st.sampled_from(["value", "seed", "x"]), ANYTHING),
    properties=loose(proxyWidgets=st.just([["-1", "value"]])),
    title=st.text(max_size=3),
)
SMALL = st.integers(0, 3)
LINKS = (
    st.tuples(st.integers(1, 5), IDS, SMALL, IDS, SMALL, WIRES).map(list)
    | loose(id=st.integers(1, 5), origin_id=IDS, origin_slot=SMALL, target_id=IDS, target_slot=SMALL)
    | ANYTHING
)
LEVEL: dict[str, Any] = {"nodes": st.lists(NODES, max_size=5), "links": st.lists(LINKS, max_size=6)}
SUBGRAPHS = loose(
    id=st.sampled_from(NAMES),
    inputs=st.lists(SOCKETS, max_size=2),
    outputs=st.lists(SOCKETS | loose(linkIds=st.lists(st.integers(1, 5))), max_size=2),
    **LEVEL,
)
GROUP = loose(
    nodes=st.lists(NODES, max_size=3),
    links=st.lists(st.lists(SMALL | st.none(), min_size=4, max_size=5), max_size=3),
    external=st.lists(st.lists(SMALL, max_size=3), max_size=2),
    config=ANYTHING,
)
FILES = st.fixed_dictionaries(
    {"nodes": LEVEL["nodes"], "links": LEVEL["links"] | ANYTHING},
    optional={
        "definitions": loose(subgraphs=st.lists(SUBGRAPHS, max_size=3)),
        "extra": loose(
            groupNodes=st.fixed_dictionaries({"Group": GROUP}),
            linearData=loose(
                inputs=st.lists(st.tuples(IDS, st.just("value")).map(list) | ANYTHING, max_size=2),
                outputs=st.lists(IDS, max_size=2),
            ),
            _workflow=loose(
                inputs=st.dictionaries(st.text(max_size=2), ANYTHING),
                outputs=st.dictionaries(st.text(max_size=2), st.tuples(IDS, SMALL).map(list) | ANYTHING),
                version=st.just(1),
            ),
        ),
    },
)


@settings(deadline=None, max_examples=300)
@given(file=FILES)
def test_whatever_a_file_holds_it_is_read_or_refused_with_words(file: File) -> None:
    try:
        found = lower(file, SPECS)
    except DocumentError:
        return
    validate(found.graph, REGISTRY, NO_FILES, titles=found.titles)
    for raw in found.graph.values():
        for value in raw["inputs"].values():
            assert not isinstance(value, list) or value[0] in found.graph
