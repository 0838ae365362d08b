"""Files for ComfyUI's editor: what is written is read again as what it was."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import SHEET_TOYS, File

from engine.errors import DocumentError
from engine.formats import lower, to_editor
from engine.formats.document import Lowered, Parameter, Result
from engine.node import Node

SPECS = {each.spec.class_type: each.spec for each in SHEET_TOYS if isinstance(each, Node)}
WORKFLOWS = sorted((Path(__file__).parents[2] / "workflows").glob("*.json"))


def call(class_type: str, meta: Any = None, **inputs: Any) -> File:
    return {"class_type": class_type, "inputs": inputs} | ({"_meta": meta} if meta else {})


SAMPLER = call("Sampler", model=["1", 0], seed=7, steps=["2", 0], cfg=2.0, name="heun", denoise=0.5)
GRAPH = {"1": call("Make", label="x"), "2": call("Number", value=9), "3": SAMPLER}


def written(document: File) -> File:
    """A file, as JSON keeps it."""
    file: File = json.loads(json.dumps(to_editor(document, SPECS)))
    return file


def again(document: File) -> Lowered:
    return lower(written(document), SPECS)


def test_nodes_links_and_widgets_are_written_as_the_editor_has_them() -> None:
    file = written(GRAPH)
    assert file["version"] == 0.4
    assert (file["last_node_id"], file["last_link_id"]) == (3, 2)
    assert file["links"] == [[1, 1, 0, 3, 0, "THING"], [2, 2, 0, 3, 1, "INT"]]
    make, number, node = file["nodes"]
    assert node["id"] == 3
    assert node["inputs"] == [
        {"name": "model", "type": "THING", "link": 1},
        {"name": "steps", "type": "INT", "link": 2, "widget": {"name": "steps"}},
    ]
    assert node["widgets_values"] == [7, "fixed", 20, 2.0, "heun", 0.5]
    assert number["outputs"] == [{"name": "INT", "type": "INT", "links": [2]}]
    assert make["pos"][0] < node["pos"][0]


def test_values_that_the_document_leaves_out_are_shown_and_stay_left_out() -> None:
    document = {"1": call("Make"), "3": call("Sampler", model=["1", 0], cfg=3.0)}
    file = written(document)
    assert file["nodes"][1]["widgets_values"] == [0, "fixed", 20, 3.0, "euler", 1.0]
    assert lower(file, SPECS).graph == lower(document, SPECS).graph


def test_without_the_names_the_arrays_say_the_same() -> None:
    file = written(GRAPH)
    for node in file["nodes"]:
        del node["widgets_values_named"]
    assert lower(file, SPECS).graph == GRAPH


def test_the_control_of_a_seed_and_the_button_for_uploads_have_their_entries() -> None:
    meta = {"control": {"seed": "increment"}}
    nodes = written({"1": call("Sampler", meta, seed=7), "2": call("Picture", image="a.png")})["nodes"]
    assert nodes[0]["widgets_values"][:2] == [7, "increment"]
    assert nodes[1]["widgets_values"] == ["a.png", "image", "red"]


def test_what_people_see_is_kept() -> None:
    meta = {"title": "Word", "pos": [10, 20], "size": [300, 90], "color": "#322", "collapsed": True}
    document = {
        "7": call("Text", meta, value="a"),
        "_workflow": {
            "version": 1,
            "id": "11111111-2222-3333-4444-555555555555",
            "title": "Words",
            "groups": [{"title": "All", "bounding": [0, 0, 500, 500], "color": "#abc"}],
            "notes": [{"text": "# Read me", "pos": [1, 2], "size": [3, 4]}],
            "inputs": {"word": {"at": ["7", "value"], "title": "A word"}},
            "viewport": {"pos": [5, 6], "zoom": 0.5},
        },
    }
    file = written(document)
    node, note = file["nodes"]
    assert (node["title"], node["pos"], node["size"]) == ("Word", [10, 20], [300, 90])
    assert (node["color"], node["flags"]) == ("#322", {"collapsed": True})
    assert (note["type"], note["id"], note["pos"], note["widgets_values"]) == (
        "MarkdownNote", 8, [1, 2], ["# Read me"],
    )  # fmt: skip
    assert file["groups"][0]["bounding"] == [0, 0, 500, 500]
    assert file["id"] == "11111111-2222-3333-4444-555555555555"
    assert file["extra"]["ds"] == {"scale": 0.5, "offset": [5, 6]}
    assert file["extra"]["linearData"] == {"inputs": [["7", "value"]], "outputs": []}
    assert again(document) == lower(document, SPECS)


def test_nodes_without_a_place_stand_below_those_that_have_one() -> None:
    document = {"1": call("Make", {"pos": [0, 0], "size": [200, 400]}), "2": call("Label", thing=["1", 0])}
    first, second = written(document)["nodes"]
    assert second["pos"][1] > first["pos"][1] + 400


@pytest.mark.parametrize("mode", ["mute", "bypass"])
def test_modes_stay_marks(mode: str) -> None:
    document = {
        "1": call("Make"),
        "2": call("Sampler", {"mode": mode}, model=["1", 0]),
        "3": call("Label", thing=["2", 0]),
    }
    assert written(document)["nodes"][1]["mode"] == {"mute": 2, "bypass": 4}[mode]
    assert again(document) == lower(document, SPECS)


def test_a_class_that_nobody_knows_is_written_with_what_is_known() -> None:
    document = {
        "a": call("Stranger", text="x", n=[1, 2], size={"__value__": [1, 2]}),
        "b": call("Other", thing=["a", 2], seed=1),
    }
    document["a"]["inputs"].pop("n")
    assert again(document) == lower(document, SPECS)
    first, second = written(document)["nodes"]
    assert first["id"] == "a"
    assert len(first["outputs"]) == 3
    assert second["inputs"][0] == {"name": "thing", "type": "*", "link": 1}


def test_an_input_that_its_class_does_not_have_stays_for_validation_to_name() -> None:
    document = {"1": call("Text", value="a", colour="red", other=["1", 0])}
    assert again(document) == lower(document, SPECS)


TWICE: File = {
    "title": "Twice",
    "graph": {
        "1": call("Text", value="inner"),
        "2": call("Join", left=["1", 0], right="!"),
        "3": call("Sampler", model=["9", 0], seed=4),
    },
    "inputs": {"word": {"type": "STRING", "to": [["1", "value"]]}, "thing": {"to": [["3", "model"]]}},
    "exposed": {"steps": ["3", "steps"]},
    "outputs": {"joined": ["2", 0], "thing": ["3", 0]},
}
NESTED: File = {
    "graph": {"1": call("subgraph:twice", steps=5), "2": call("Label", thing=["1", 1])},
    "inputs": {
        "text": {"to": [["1", "word"]]},
        "n": {"to": [["1", "steps"]]},
        "thing": {"to": [["1", "thing"]]},
    },
    "outputs": {"text": ["1", 0], "label": ["2", 0]},
}


def nested(**instance: Any) -> File:
    return {
        "1": call("Make"),
        "4": call("subgraph:outer", thing=["1", 0], **instance),
        "5": call("Join", left=["4", 0], right=["4", 1]),
        "_workflow": {
            "version": 1,
            "inputs": {"words": ["4", "text"]},
            "outputs": {"text": ["4", 0]},
            "subgraphs": {"twice": TWICE, "outer": NESTED},
        },
    }


@pytest.mark.parametrize("instance", [{}, {"text": "own"}, {"text": "own", "n": 3}], ids=str)
def test_sub_graphs_stay_sub_graphs(instance: File) -> None:
    document = nested(**instance)
    file = written(document)
    twice, outer = file["definitions"]["subgraphs"]
    assert {UUID(twice["id"]).version, UUID(outer["id"]).version} == {5}
    assert [each["type"] for each in file["nodes"]] == ["Make", outer["id"], "Join"]
    assert file["nodes"][1]["widgets_values"] == [instance.get("text", "inner"), instance.get("n", 5)]
    assert [each["type"] for each in outer["outputs"]] == ["STRING", "STRING"]
    found, expected = lower(file, SPECS), lower(document, SPECS)
    assert found.graph == expected.graph
    assert found.outputs == expected.outputs == {"text": Result("4:1:2", 0)}
    assert found.inputs == {"words": Parameter("4:1:1", "value")}  # the instance itself is gone
    assert not found.problems


def test_an_id_that_the_editor_can_keep_is_kept() -> None:
    name = "aaaaaaaa-0000-0000-0000-000000000001"
    document = {"4": call(f"subgraph:{name}"), "_workflow": {"subgraphs": {name: TWICE}}}
    assert written(document)["nodes"][0]["type"] == name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_our_workflows_come_back_as_they_were(path: Path) -> None:
    """Without their classes: all that is known then is what the file says."""
    document = json.loads(path.read_text(encoding="utf-8"))
    assert again(document) == lower(document, SPECS)


# Sound graphs of known and unknown classes, and then anything at all.

LITERALS = st.integers(-5, 5) | st.booleans() | st.text(max_size=3) | st.floats(allow_nan=False)
LINKS = st.tuples(st.sampled_from(["1", "2", "x"]), st.integers(0, 1)).map(list)
VALUES = LITERALS | LINKS | st.lists(LITERALS, max_size=2).map(lambda value: {"__value__": value})
SOUND = st.one_of(
    st.builds(lambda value: call("Text", value=value), st.text(max_size=3) | LINKS),
    st.builds(lambda **inputs: call("Join", **inputs), left=LINKS, right=st.text(max_size=3)),
    st.builds(
        lambda seed, cfg: call("Sampler", seed=seed, cfg=cfg, model=["1", 0]),
        st.integers(0, 9),
        st.floats(0, 9),
    ),
    st.builds(lambda inputs: call("Stranger", **inputs), st.dictionaries(st.sampled_from("abc"), VALUES)),
)


@settings(deadline=None, max_examples=150)
@given(graph=st.fixed_dictionaries({"1": SOUND, "2": SOUND, "x": SOUND}), loud=st.booleans())
def test_every_graph_comes_back_as_it_was(graph: File, loud: bool) -> None:
    document = {**graph, "2": {**graph["2"], "_meta": {"mode": "mute", "title": "t"}}} if loud else graph
    assert again(document) == lower(document, SPECS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
NODES = st.fixed_dictionaries(
    {"class_type": st.sampled_from(["Text", "Sampler", "Picture", "subgraph:a", "subgraph:b"]) | ANYTHING},
    optional={
        "inputs": st.dictionaries(st.sampled_from(["model", "seed", "x"]), LINKS | ANYTHING) | ANYTHING,
        "_meta": st.dictionaries(st.sampled_from(["title", "pos", "size", "mode", "control"]), ANYTHING)
        | ANYTHING,
    },
)
GRAPHS = st.dictionaries(st.sampled_from(["1", "2", "x"]), NODES | ANYTHING, max_size=3)
PLACES = st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["seed", "x"]) | st.integers(-1, 2)).map(list)
DEFINITIONS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.fixed_dictionaries(
        {},
        optional={
            "graph": GRAPHS | ANYTHING,
            "inputs": st.dictionaries(
                st.sampled_from("xy"), st.builds(lambda p: {"to": [p]}, PLACES) | ANYTHING
            ),
            "exposed": st.dictionaries(st.sampled_from("xy"), PLACES | ANYTHING) | ANYTHING,
            "outputs": st.dictionaries(st.sampled_from("xy"), PLACES | ANYTHING) | ANYTHING,
        },
    )
    | ANYTHING,
    max_size=2,
)
ABOUT = st.fixed_dictionaries(
    {},
    optional={
        "subgraphs": DEFINITIONS | ANYTHING,
        **dict.fromkeys(("inputs", "outputs", "groups", "notes", "viewport", "id", "title"), ANYTHING),
    },
)


@settings(deadline=None, max_examples=200)
@given(graph=GRAPHS, about=ABOUT | ANYTHING)
def test_whatever_a_document_holds_it_is_written_or_refused_with_words(graph: File, about: Any) -> None:
    with suppress(DocumentError):
        lower(to_editor({**graph, "_workflow": about}, SPECS), SPECS)
