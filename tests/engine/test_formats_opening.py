"""Files of ComfyUI's editor as documents that people go on with: what they see stays, what it means too."""

import json
from pathlib import Path
from typing import Any

import pytest
from sheets import SHEET_TOYS, File, box, sheet, socket, subgraph, wire

from engine.formats import lower, opened, to_editor
from engine.node import Node

SPECS = {each.spec.class_type: each.spec for each in SHEET_TOYS if isinstance(each, Node)}
TWICE = "aaaaaaaa-0000-0000-0000-000000000001"
OUTER = "bbbbbbbb-0000-0000-0000-000000000002"
SHIPPED = sorted((Path(__file__).parents[2] / "workflows").glob("*.json"))


def document(file: File) -> dict[str, Any]:
    """A file as a document, which means what the file means."""
    found, _ = opened(file, SPECS)
    assert lower(found, SPECS).graph == lower(file, SPECS).graph
    return found


def twice(*, straight: bool = False) -> File:
    """A text, joined with itself and with what comes from outside; or led straight through."""
    out = wire(4, -10, 1, -20, 0) if straight else wire(4, 2, 0, -20, 0)
    return subgraph(
        TWICE,
        box(1, "Text", socket("value", link=1, widget=True), values=["inner"], pos=[11, 12]),
        box(2, "Join", socket("left", link=2), socket("right", link=3)),
        links=[wire(1, -10, 0, 1, 0), wire(2, 1, 0, 2, 0), wire(3, -10, 1, 2, 1), out],
        inputs=[("value", "STRING", [1]), ("right", "STRING", [3])],
        outputs=[("joined", "STRING", [4])],
        groups=[{"title": "Inside", "bounding": [0, 0, 5, 6]}],
    )


def with_instance(definition: File, **more: Any) -> File:
    return sheet(
        box(1, "Text", values=["a"]),
        box(5, TWICE, socket("right", link=1), outputs=[{"name": "joined", "type": "STRING"}], **more),
        box(9, "Save", socket("text", link=90)),
        links=[[1, 1, 0, 5, 0, "STRING"], [90, 5, 0, 9, 0, "STRING"]],
        definitions={"subgraphs": [definition]},
    )


def test_places_sizes_colours_modes_and_controls_stay() -> None:
    seed = box(
        3, "Sampler", socket("model", "THING", None), values=[5, "randomize", 20, 8.0, "euler", 1.0],
        pos={"0": 7, "1": 8.5}, size=[300, 200], color="#223", mode=4,
        flags={"collapsed": True, "pinned": False}, title="Mine",
    )  # fmt: skip
    found = document(sheet(seed, box(4, "Text", values=["x"], mode=2)))
    assert found["3"]["_meta"] == {
        "title": "Mine", "pos": [7, 8.5], "size": [300, 200], "mode": "bypass", "collapsed": True,
        "color": "#223", "control": {"seed": "randomize"},
    }  # fmt: skip
    assert found["3"]["inputs"]["seed"] == 5
    assert found["4"]["_meta"]["mode"] == "mute"


def test_groups_and_notes_stay_and_notes_are_no_nodes() -> None:
    file = sheet(
        box(1, "Text", values=["a"]),
        box(2, "MarkdownNote", values=["# Look"], pos=[1, 2], size=[30, 40]),
        groups=[{"title": "All", "bounding": [0, 0, 100, 50], "color": "#abc"}, {"bounding": "no"}],
    )
    found = document(file)
    assert set(found) == {"1", "_workflow"}
    assert found["_workflow"]["groups"] == [{"title": "All", "bounding": [0, 0, 100, 50], "color": "#abc"}]
    assert found["_workflow"]["notes"] == [{"text": "# Look", "pos": [1, 2], "size": [30, 40]}]


def test_reroutes_and_primitives_become_links_and_values() -> None:
    file = sheet(
        box(1, "Text", values=["a"]),
        box(2, "Reroute", socket("", "*", 1), outputs=["*"]),
        box(3, "PrimitiveNode", values=["b", "fixed"]),
        box(4, "Join", socket("left", link=2), socket("right", link=3, widget=True)),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 4, 0, "STRING"], [3, 3, 0, 4, 1, "STRING"]],
    )
    found = document(file)
    assert set(found) == {"1", "4", "_workflow"}
    assert found["4"]["inputs"] == {"left": ["1", 0], "right": "b"}


def test_sub_graphs_stay_sub_graphs() -> None:
    found = document(with_instance(twice()))
    assert found["5"]["class_type"] == f"subgraph:{TWICE}"
    assert found["5"]["inputs"] == {"right": ["1", 0]}
    assert found["9"]["inputs"] == {"text": ["5", 0]}
    inside = found["_workflow"]["subgraphs"][TWICE]
    assert inside["inputs"]["value"] == {"type": "STRING", "to": [["1", "value"]]}
    assert inside["outputs"] == {"joined": ["2", 0]}
    assert inside["graph"]["1"]["_meta"]["pos"] == [11, 12]
    assert inside["groups"] == [{"title": "Inside", "bounding": [0, 0, 5, 6]}]


def test_a_sub_graph_in_a_sub_graph_is_read_once() -> None:
    outer = subgraph(
        OUTER,
        box(
            1, TWICE, socket("right", link=1), outputs=[{"name": "joined", "type": "STRING"}], values=["deep"]
        ),
        links=[wire(1, -10, 0, 1, 0), wire(2, 1, 0, -20, 0)],
        inputs=[("text", "STRING", [1])],
        outputs=[("out", "STRING", [2])],
    )
    file = sheet(
        box(1, "Text", values=["a"]),
        *(box(n, OUTER, socket("text", link=n), outputs=[{"name": "out", "type": "STRING"}]) for n in (5, 6)),
        box(9, "Join", socket("left", link=90), socket("right", link=91)),
        links=[*([n, 1, 0, n, 0, "STRING"] for n in (5, 6)), [90, 5, 0, 9, 0, ""], [91, 6, 0, 9, 1, ""]],
        definitions={"subgraphs": [outer, twice()]},
    )
    assert set(document(file)["_workflow"]["subgraphs"]) == {OUTER, TWICE}


def test_an_instance_that_is_off_stays_off() -> None:
    assert document(with_instance(twice(), mode=2))["5"]["_meta"]["mode"] == "mute"


def test_what_a_document_cannot_say_is_given_as_a_plain_graph_with_places() -> None:
    found = document(with_instance(twice(straight=True), pos=[50, 60]))
    assert not any(raw.get("class_type", "").startswith("subgraph:") for raw in found.values())
    assert found["5:1"]["_meta"]["pos"] == [50, 60]
    assert found["9"]["inputs"] == {"text": ["1", 0]}


def test_a_named_input_inside_is_shown_on_the_instance() -> None:
    file = with_instance(twice()) | {"extra": {"linearData": {"inputs": [[1, "value"]], "outputs": [9]}}}
    about = document(file)["_workflow"]
    assert about["inputs"]["value"] == ["1", "value"]
    file["extra"] = {"_workflow": {"version": 1, "title": "T", "inputs": {"word": ["5:1", "value"]}}}
    about = document(file)["_workflow"]
    assert (about["title"], about["inputs"]["word"]) == ("T", ["5", "value"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_our_workflows_come_back_with_their_places(path: Path) -> None:
    ours = json.loads(path.read_bytes())
    found, _ = opened(to_editor(ours, {}), {})
    for node, raw in ours.items():
        if node != "_workflow":
            assert found[node]["_meta"]["pos"] == raw["_meta"]["pos"]
            assert found[node]["_meta"]["title"] == raw["_meta"]["title"]
    assert found["_workflow"]["title"] == ours["_workflow"]["title"]


def test_a_graph_of_the_api_is_given_as_it_is() -> None:
    graph = {"1": {"class_type": "Text", "inputs": {"value": "a"}}}
    assert opened({"prompt": graph}, SPECS) == (graph, [])
