"""Links in files of ComfyUI's editor: what leads them on, what ends them, and what bypassing does to them."""

from typing import Any

import pytest
from sheets import SHEET_TOYS, File, box, sheet, socket

from engine.formats import lower
from engine.formats.document import Lowered
from engine.node import Node

SPECS = {each.spec.class_type: each.spec for each in SHEET_TOYS if isinstance(each, Node)}


def lowered(file: File) -> Lowered:
    return lower(file, SPECS)


def graph(file: File) -> dict[str, Any]:
    """The plain graph, of a file with which nothing is wrong."""
    found = lowered(file)
    assert not found.problems
    return found.graph


def text(identity: Any = 1, value: str = "a", **more: Any) -> File:
    return box(identity, "Text", values=[value], **more)


def test_links_of_both_schemas_are_links() -> None:
    nodes = [text(), box(2, "Save", socket("text", link=7))]
    expected = {
        "1": {"class_type": "Text", "inputs": {"value": "a"}},
        "2": {"class_type": "Save", "inputs": {"text": ["1", 0]}},
    }
    assert graph(sheet(*nodes, links=[[7, 1, 0, 2, 0, "STRING"]])) == expected
    as_object = {
        "id": 7,
        "origin_id": 1,
        "origin_slot": 0,
        "target_id": 2,
        "target_slot": 0,
        "type": "STRING",
    }
    file = sheet(
        *nodes, links=[as_object], version=1, state={"lastNodeId": 2}, reroutes=[{"id": 1, "linkIds": [7]}]
    )
    assert graph(file) == expected


def test_native_reroutes_and_groups_are_only_looks() -> None:
    file = sheet(
        text(),
        box(2, "Save", socket("text", link=7)),
        links=[[7, 1, 0, 2, 0, "STRING"]],
        groups=[{"title": "All", "bounding": [0, 0, 1, 1]}],
        floatingLinks=[{"id": 9}],
        extra={"reroutes": [{"id": 1, "pos": [0, 0]}], "linkExtensions": [{"id": 7, "parentId": 1}]},
    )
    assert graph(file)["2"]["inputs"] == {"text": ["1", 0]}


def test_titles_are_kept_where_people_gave_them() -> None:
    assert lowered(sheet(text(title="Greeting"), text(2))).titles == {"1": "Greeting"}


@pytest.mark.parametrize("kind", ["Reroute", "Reroute (rgthree)", "SetNode"])
def test_reroutes_in_a_row_lead_to_what_feeds_the_first(kind: str) -> None:
    file = sheet(
        text(),
        box(2, kind, socket("", "*", 1), outputs=["*"]),
        box(3, kind, socket("", "*", 2), outputs=["*"], mode=2),  # what has no work to do cannot be muted
        box(4, "Join", socket("left", link=3), socket("right", link=4)),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"], [3, 3, 0, 4, 0, "*"], [4, 2, 0, 4, 1, "*"]],
    )
    found = graph(file)
    assert set(found) == {"1", "4"}
    assert found["4"]["inputs"] == {"left": ["1", 0], "right": ["1", 0]}


def test_a_reroute_without_a_source_is_no_link() -> None:
    file = sheet(
        box(2, "Reroute", socket("", "*"), outputs=["*"]),
        box(4, "Number", socket("value", "INT", 3, widget=True), values=[7]),
        links=[[3, 2, 0, 4, 0, "*"]],
    )
    assert graph(file) == {"4": {"class_type": "Number", "inputs": {"value": 7}}}


def test_a_primitive_gives_its_value_to_every_input_that_it_feeds() -> None:
    file = sheet(
        box(1, "PrimitiveNode", outputs=["INT"], values=[31, "fixed"]),
        box(2, "Add", socket("a", "INT", 1, widget=True), socket("b", "INT", 2, widget=True), values=[1, 2]),
        box(3, "Reroute", socket("", "*", 3), outputs=["*"]),
        box(4, "Number", socket("value", "INT", 4, widget=True), values=[5]),
        links=[[1, 1, 0, 2, 0, "INT"], [2, 1, 0, 2, 1, "INT"], [3, 1, 0, 3, 0, "*"], [4, 3, 0, 4, 0, "INT"]],
    )
    assert graph(file) == {
        "2": {"class_type": "Add", "inputs": {"a": 31, "b": 31}},
        "4": {"class_type": "Number", "inputs": {"value": 31}},
    }


def test_a_primitive_of_a_list_gives_a_wrapped_one() -> None:
    file = sheet(
        box(1, "PrimitiveNode", widgets_values_named={"value": [1, 2]}),
        box(2, "Text", socket("value", link=1, widget=True)),
        links=[[1, 1, 0, 2, 0, "STRING"]],
    )
    assert graph(file)["2"]["inputs"] == {"value": {"__value__": [1, 2]}}


def test_notes_and_buttons_of_the_editor_go() -> None:
    names = ["Note", "MarkdownNote", "Label (rgthree)", "Fast Groups Bypasser (rgthree)"]
    assert set(graph(sheet(text(), *(box(9 + i, name, values=["x"]) for i, name in enumerate(names))))) == {
        "1"
    }


def test_virtual_nodes_of_unknown_packs_stay_for_validation_to_name() -> None:
    assert graph(sheet(box(1, "Anything Everywhere", socket("x", "*"), outputs=[])))["1"]["class_type"] == (
        "Anything Everywhere"
    )


@pytest.mark.parametrize(("setter", "getter"), [("SetNode", "GetNode"), ("easy setNode", "easy getNode")])
def test_a_getter_is_fed_by_the_setter_of_its_name(setter: str, getter: str) -> None:
    file = sheet(
        text(1, "a"),
        text(2, "b"),
        box(3, setter, socket("STRING", link=1), values=["first"], outputs=["*"]),
        box(4, setter, socket("STRING", link=2), values=["second"], outputs=["*"]),
        box(5, getter, values=["second"], outputs=["STRING"]),
        box(6, getter, values=["first"], outputs=["STRING"]),
        box(7, "Join", socket("left", link=3), socket("right", link=4)),
        links=[[1, 1, 0, 3, 0, "*"], [2, 2, 0, 4, 0, "*"], [3, 5, 0, 7, 0, "*"], [4, 6, 0, 7, 1, "*"]],
    )
    found = graph(file)
    assert set(found) == {"1", "2", "7"}
    assert found["7"]["inputs"] == {"left": ["2", 0], "right": ["1", 0]}


def test_a_getter_without_a_setter_is_an_error_that_names_it() -> None:
    file = sheet(
        box(5, "GetNode", values=["lost"]),
        box(7, "Save", socket("text", link=3)),
        links=[[3, 5, 0, 7, 0, "*"]],
    )
    [problem] = lowered(file).problems
    assert (problem.severity, problem.node) == ("error", "5")
    assert "no Set node of the name 'lost'" in problem.message


def test_a_muted_node_goes_with_the_inputs_that_it_fed() -> None:
    file = sheet(
        text(mode=2),
        box(2, "Text", socket("value", link=1, widget=True), values=["own"]),
        links=[[1, 1, 0, 2, 0, "STRING"]],
    )
    assert graph(file) == {"2": {"class_type": "Text", "inputs": {}}}


def test_modes_of_long_ago_are_on() -> None:
    assert set(graph(sheet(text(1, mode=1), text(2, mode=3), text(3, mode="never")))) == {"1", "2", "3"}


def bypassed(*sockets: File, output: str, wanted: str, slot: int = 0) -> Any:
    """What feeds an input of type `wanted` behind a bypassed node; sources are "1", "2", ... by socket."""
    nodes = [box(i, "Source", outputs=[each["type"]]) for i, each in enumerate(sockets, 1)]
    fed = [each | {"link": None if each["link"] is None else i} for i, each in enumerate(sockets, 1)]
    outputs = [*(["AUDIO"] * slot), output]
    file = sheet(
        *nodes,
        box(50, "Middle", *fed, outputs=outputs, mode=4),
        box(60, "Sink", socket("x", wanted, 99)),
        links=[[i, i, 0, 50, i - 1, "*"] for i in range(1, len(nodes) + 1)] + [[99, 50, slot, 60, 0, "*"]],
    )
    return graph(file)["60"]["inputs"].get("x", "cut")


def test_a_bypassed_output_is_taken_over_by_the_input_in_the_same_place_if_it_fits() -> None:
    sockets = [socket("a", "IMAGE", 1), socket("b", "IMAGE", 1)]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE", slot=1) == ["2", 0]


def test_else_by_the_first_of_the_wanted_type() -> None:
    sockets = [socket("a", "MODEL", 1), socket("b", "LATENT,IMAGE", 1), socket("c", "IMAGE", 1)]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE") == ["3", 0]


def test_else_by_the_first_that_fits_both() -> None:
    sockets = [socket("a", "MODEL", 1), socket("b", "LATENT,IMAGE", 1)]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE") == ["2", 0]


def test_else_by_none() -> None:
    assert bypassed(socket("a", "MODEL", 1), output="IMAGE", wanted="IMAGE") == "cut"


def test_where_anything_is_wanted_the_place_alone_counts() -> None:
    sockets = [socket("a", "MODEL", 1), socket("b", "CLIP", 1)]
    assert bypassed(*sockets, output="IMAGE", wanted="*", slot=1) == ["2", 0]
    assert bypassed(*sockets, output="IMAGE", wanted="*", slot=5) == ["1", 0]


def test_an_input_that_takes_over_without_a_link_feeds_nothing() -> None:
    sockets = [socket("a", "IMAGE"), socket("b", "IMAGE", 1)]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE") == "cut"


def test_bypassed_nodes_in_a_row_and_muted_ones_behind_them() -> None:
    middle = [box(i, "Join", socket("left", link=i - 1), mode=4) for i in (2, 3)]
    end = box(4, "Text", socket("value", link=3, widget=True), values=["own"])
    links = [[i, i, 0, i + 1, 0, "STRING"] for i in (1, 2, 3)]
    assert graph(sheet(text(), *middle, end, links=links))["4"]["inputs"] == {"value": ["1", 0]}
    assert graph(sheet(text(mode=2), *middle, end, links=links))["4"]["inputs"] == {}


@pytest.mark.parametrize(("kind", "mode"), [("Reroute", 0), ("Join", 4)])
def test_nodes_that_lead_round_in_a_circle_are_told_once(kind: str, mode: int) -> None:
    file = sheet(
        box(1, kind, socket("left", link=2), mode=mode),
        box(2, kind, socket("left", link=1), mode=mode),
        box(3, "Join", socket("left", link=3), socket("right", link=4)),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"], [3, 1, 0, 3, 0, "*"], [4, 2, 0, 3, 1, "*"]],
    )
    found = lowered(file)
    assert found.graph == {"3": {"class_type": "Join", "inputs": {}}}
    [problem] = found.problems
    assert (problem.code, problem.severity) == ("dependency_cycle", "error")


def test_links_that_come_from_nowhere_are_left_out_and_told() -> None:
    file = sheet(
        box(2, "Join", socket("left", link=1), socket("right", link=5)),
        links=[[1, 44, 0, 2, 0, "STRING"], "nonsense", [1, 2]],
    )
    found = lowered(file)
    assert found.graph["2"]["inputs"] == {}
    assert [each.severity for each in found.problems] == ["warning"] * 4
    said = " | ".join(each.message for each in found.problems)
    assert "link 1 is malformed: 'nonsense'" in said
    assert "a link comes from node 44, which is not there" in said
    assert "there is no link 5" in said
    assert {each.path for each in found.problems} == {(), ("2", "inputs", "left"), ("2", "inputs", "right")}


def test_nodes_that_are_none_are_told_and_the_others_read() -> None:
    file = sheet(text("7"), text(8.0), text(None), text(True), text(10**5000), text("_workflow"), text(7))
    found = lowered(file | {"nodes": [*file["nodes"], "Text", None, {}]})
    assert set(found.graph) == {"7", "8"}
    assert len(found.problems) == 8
    assert {each.code for each in found.problems} == {"invalid_node"}


def test_a_node_without_a_type_stays_for_validation_to_name() -> None:
    assert graph(sheet({"id": 1}))["1"] == {"class_type": None, "inputs": {}}


def test_old_shapes_are_read() -> None:
    slots = [{"name": "value", "type": 0, "link": 1}, "junk", None]
    node = box(2, "Text", pos={"0": 1, "1": 2}) | {"inputs": slots, "outputs": None, "mode": None}
    file = sheet(text(), node, links=[["1", "1", "0", 2, 0]])
    assert graph(file)["2"]["inputs"] == {"value": ["1", 0]}


def test_ten_thousand_reroutes_in_a_row_are_followed_once() -> None:
    count = 10_000
    nodes = [text(0)]
    nodes += [box(i, "Reroute", socket("", "*", i - 1), outputs=["*"]) for i in range(1, count)]
    nodes += [box(count + i, "Save", socket("text", link=count + i)) for i in range(1_000)]
    links: list[Any] = [[i, i, 0, i + 1, 0, "*"] for i in range(count - 1)]
    links += [[count + i, count - 1, 0, count + i, 0, "*"] for i in range(1_000)]
    found = graph(sheet(*nodes, links=links))
    assert len(found) == 1_001
    assert all(raw["inputs"] == {"text": ["0", 0]} for raw in found.values() if raw["class_type"] == "Save")
