"""Sub-graphs in files of ComfyUI's editor: both generations of promoted widgets, nesting, and group nodes."""

import time
from typing import Any

import pytest
from sheets import SHEET_TOYS, File, box, sheet, socket, subgraph, wire

from engine.errors import DocumentError
from engine.formats import lower
from engine.formats.document import Lowered
from engine.node import Node

SPECS = {each.spec.class_type: each.spec for each in SHEET_TOYS if isinstance(each, Node)}

TWICE = "aaaaaaaa-0000-0000-0000-000000000001"
OUTER = "bbbbbbbb-0000-0000-0000-000000000002"


def lowered(file: File) -> Lowered:
    return lower(file, SPECS)


def graph(file: File) -> dict[str, Any]:
    """The inputs of each node of the plain graph, of a file with which nothing is wrong."""
    found = lowered(file)
    assert not found.problems
    return {node: raw["inputs"] for node, raw in found.graph.items()}


def with_definitions(*nodes: File, links: list[Any], definitions: list[File], **more: Any) -> File:
    return sheet(*nodes, links=links, definitions={"subgraphs": definitions}, **more)


def twice(**more: Any) -> File:
    """A text, joined with itself and with what comes from outside."""
    return subgraph(
        TWICE,
        box(1, "Text", socket("value", link=1, widget=True), values=["inner"], title="Word"),
        box(2, "Join", socket("left", link=2), socket("right", link=3)),
        links=[wire(1, -10, 0, 1, 0), wire(2, 1, 0, 2, 0), wire(3, -10, 1, 2, 1), wire(4, 2, 0, -20, 0)],
        inputs=[("value", "STRING", [1]), ("right", "STRING", [3])],
        outputs=[("joined", "STRING", [4])],
        **more,
    )


SAVE = box(9, "Save", socket("text", link=90))
TO_SAVE = [90, 5, 0, 9, 0, "STRING"]


def test_inner_nodes_get_ids_of_both_and_links_go_over_the_border() -> None:
    instance = box(5, TWICE, socket("right", link=1), outputs=[{"name": "joined", "type": "STRING"}])
    file = with_definitions(
        box(1, "Text", values=["a"]), instance, SAVE,
        links=[[1, 1, 0, 5, 0, "STRING"], TO_SAVE], definitions=[twice()],
    )  # fmt: skip
    assert graph(file) == {
        "1": {"value": "a"},
        "9": {"text": ["5:2", 0]},
        "5:1": {"value": "inner"},
        "5:2": {"left": ["5:1", 0], "right": ["1", 0]},
    }
    assert lowered(file).titles == {"5:1": "Word"}


def test_of_the_first_generation_the_value_lies_inside() -> None:
    instance = box(
        5, TWICE, socket("value", link=None, widget=True), values=[],
        properties={"proxyWidgets": [["1", "value"], ["2", "$$canvas-image-preview"]]},
    )  # fmt: skip
    file = with_definitions(instance, links=[], definitions=[twice()])
    assert graph(file)["5:1"] == {"value": "inner"}


def test_of_the_first_generation_an_input_of_the_border_may_have_its_own() -> None:
    proxies = [["2", "right"], ["-1", "value"], ["2", "control_after_generate"]]
    for values in (["own"], [None, "own", "fixed"]):
        instance = box(5, TWICE, values=values, properties={"proxyWidgets": proxies})
        assert graph(with_definitions(instance, links=[], definitions=[twice()]))["5:1"] == {"value": "own"}


def test_of_the_second_generation_each_instance_has_its_own_values() -> None:
    file = with_definitions(
        box(5, TWICE, socket("value", widget=True), values=["one"]),
        box(6, TWICE, values=["two"]),  # not even a socket for it
        box(7, TWICE, values=[None]),
        links=[],
        definitions=[twice()],
    )
    found = graph(file)
    assert [found[f"{node}:1"]["value"] for node in (5, 6, 7)] == ["one", "two", "inner"]


def test_only_inputs_that_feed_widgets_have_a_value() -> None:
    definition = subgraph(
        TWICE,
        box(1, "Sampler", socket("model", "THING", 1), socket("cfg", "FLOAT", 2, widget=True),
            socket("steps", "INT", 3, widget=True), values=[5, "randomize", 20, 8.0, "euler", 1.0]),
        links=[wire(1, -10, 1, 1, 0), wire(2, -10, 0, 1, 1), wire(3, -10, 2, 1, 2)],
        inputs=[("cfg", "FLOAT", [2]), ("model", "THING", [1]), ("steps", "INT", [3])],
    )  # fmt: skip
    instance = box(5, TWICE, socket("model", "THING"), values=[2.5, 9])
    found = graph(with_definitions(instance, links=[], definitions=[definition]))["5:1"]
    assert (found["cfg"], found["steps"], found["seed"]) == (2.5, 9, 5)


def test_values_of_an_instance_are_preferred_by_name() -> None:
    instance = box(5, TWICE, values=["one"], widgets_values_named={"value": "named"})
    assert graph(with_definitions(instance, links=[], definitions=[twice()]))["5:1"] == {"value": "named"}


def test_a_link_into_an_instance_is_over_its_value() -> None:
    file = with_definitions(
        box(1, "Text", values=["a"]),
        box(5, TWICE, socket("value", link=1, widget=True), values=["own"]),
        links=[[1, 1, 0, 5, 0, "STRING"]],
        definitions=[twice()],
    )
    assert graph(file)["5:1"] == {"value": ["1", 0]}


def test_a_primitive_outside_gives_its_value_inside() -> None:
    file = with_definitions(
        box(1, "PrimitiveNode", values=["a"]),
        box(5, TWICE, socket("value", link=1, widget=True), values=["own"]),
        links=[[1, 1, 0, 5, 0, "STRING"]],
        definitions=[twice()],
    )
    assert graph(file)["5:1"] == {"value": "a"}


def test_sub_graphs_nest_and_each_level_may_have_a_value() -> None:
    outer = subgraph(
        OUTER,
        box(3, TWICE, socket("value", link=1, widget=True), socket("right", link=2), values=["middle"]),
        links=[wire(1, -10, 0, 3, 0), wire(2, -10, 1, 3, 1), wire(3, 3, 0, -20, 1), wire(4, -10, 1, -20, 0)],
        inputs=[("word", "STRING", [1]), ("end", "STRING", [2])],
        outputs=[("end", "STRING", [4]), ("all", "STRING", [3])],
    )
    both = [{"name": "end", "type": "STRING"}, {"name": "all", "type": "STRING"}]
    join = box(9, "Join", socket("left", link=90), socket("right", link=91))
    for definitions in ([outer, twice()], [outer | {"definitions": {"subgraphs": [twice()]}}]):
        file = with_definitions(
            box(1, "Text", values=["a"]),
            box(5, OUTER, socket("end", link=1), values=["top"], outputs=both),
            box(6, OUTER, socket("end", link=2), outputs=both),
            join,
            links=[
                [1, 1, 0, 5, 0, "*"], [2, 1, 0, 6, 0, "*"], [90, 5, 0, 9, 0, "*"], [91, 5, 1, 9, 1, "*"],
            ],
            definitions=definitions,
        )  # fmt: skip
        found = graph(file)
        assert set(found) == {"1", "9", "5:3:1", "5:3:2", "6:3:1", "6:3:2"}
        assert found["9"] == {"left": ["1", 0], "right": ["5:3:2", 0]}
        assert found["5:3:1"] == {"value": "top"}
        assert found["6:3:1"] == {"value": "middle"}
        assert found["5:3:2"]["right"] == ["1", 0]


def test_getters_find_setters_of_the_levels_around_them() -> None:
    definition = subgraph(
        TWICE,
        box(1, "GetNode", values=["word"]),
        box(2, "Save", socket("text", link=1)),
        links=[wire(1, 1, 0, 2, 0)],
    )
    setter = box(2, "SetNode", socket("STRING", link=1), values=["word"])
    file = with_definitions(
        box(1, "Text", values=["a"]), setter, box(5, TWICE),
        links=[[1, 1, 0, 2, 0, "*"]], definitions=[definition],
    )  # fmt: skip
    assert graph(file)["5:2"] == {"text": ["1", 0]}


def test_a_muted_instance_takes_everything_inside_with_it() -> None:
    file = with_definitions(box(5, TWICE, mode=2), SAVE, links=[TO_SAVE], definitions=[twice()])
    assert graph(file) == {"9": {}}


def test_a_bypassed_instance_is_bridged_and_nothing_inside_runs() -> None:
    instance = box(5, TWICE, socket("right", link=1), mode=4)
    file = with_definitions(
        box(1, "Text", values=["a"]), instance, SAVE,
        links=[[1, 1, 0, 5, 0, "*"], TO_SAVE], definitions=[twice()],
    )  # fmt: skip
    assert graph(file) == {"1": {"value": "a"}, "9": {"text": ["1", 0]}}


def test_inner_nodes_may_be_muted_and_bypassed() -> None:
    definition = twice()
    definition["nodes"][0]["mode"] = 2
    definition["nodes"][1]["mode"] = 4
    file = with_definitions(box(5, TWICE), SAVE, links=[TO_SAVE], definitions=[definition])
    assert graph(file) == {"9": {}}


def test_definitions_that_hold_each_other_are_refused_by_their_names() -> None:
    one = subgraph(TWICE, box(1, OUTER), box(2, "Text"), links=[])
    two = subgraph(OUTER, box(1, TWICE), links=[])
    found = lowered(with_definitions(box(5, TWICE), links=[], definitions=[one, two]))
    assert set(found.graph) == {"5:2"}
    [problem] = found.problems
    assert problem.code == "dependency_cycle"
    assert "named aaaa -> named bbbb -> named aaaa" in problem.message


def test_a_definition_that_is_not_there_is_told() -> None:
    found = lowered(sheet(box(5, TWICE), box(6, "workflow>Lost"), SAVE, links=[TO_SAVE]))
    assert {each.node for each in found.problems} == {"5", "6"}
    assert {each.code for each in found.problems} == {"missing_node_type"}
    assert found.graph == {"9": {"class_type": "Save", "inputs": {}}}


def identity(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


def test_few_definitions_that_stand_for_too_many_nodes_are_refused_at_once() -> None:
    definitions = [
        subgraph(identity(n), box(1, identity(n + 1)), box(2, identity(n + 1)), links=[]) for n in range(60)
    ]
    started = time.perf_counter()
    with pytest.raises(DocumentError, match="more than 100000 nodes"):
        lowered(with_definitions(box(1, identity(0)), links=[], definitions=[*definitions]))
    assert time.perf_counter() - started < 5


def test_definitions_that_nest_too_deeply_are_refused() -> None:
    definitions = [subgraph(identity(n), box(1, identity(n + 1)), links=[]) for n in range(500)]
    with pytest.raises(DocumentError, match="nested more than 100 deep"):
        lowered(with_definitions(box(1, identity(0)), links=[], definitions=definitions))


# Group nodes, as sub-graphs were before.


def group_file(kind: str = "workflow>Pair", **instance: Any) -> File:
    """A text and a seed in a group whose output both a join inside and the outside take."""
    inner = [
        box(None, "Text", values=["inner"], index=0),
        box(None, "Sampler", socket("model", "THING"), values=[5, "fixed", 20, 8.0, "euler", 1.0], index=1,
            outputs=["THING"]),
        box(None, "Join", socket("left", link=None), socket("right", link=None), index=2),
    ]  # fmt: skip
    definition = {
        "nodes": inner,
        "links": [[None, 0, 1, 0, 12, "THING"], [0, 0, 2, 0, 3, "STRING"]],
        "external": [[0, 0, "STRING"]],
        "config": {"2": {"input": {"right": {"name": "ending"}}}},
    }
    slots = instance.pop(
        "slots",
        [socket("model", "THING", 1), socket("ending", link=2), socket("value", link=None, widget=True)],
    )
    outputs = [{"name": name, "type": "*"} for name in ("STRING", "THING", "Join STRING")]
    return sheet(
        box(1, "Make", values=["a"], outputs=["THING"]),
        box(2, "Text", values=["end"]),
        box(5, kind, *slots, outputs=outputs, **instance),
        box(9, "Join", socket("left", link=3), socket("right", link=4)),
        links=[[1, 1, 0, 5, 0, "*"], [2, 2, 0, 5, 1, "*"], [3, 5, 0, 9, 0, "*"], [4, 5, 2, 9, 1, "*"]],
        extra={"groupNodes": {"Pair": definition}},
    )


@pytest.mark.parametrize("kind", ["workflow>Pair", "workflow/Pair"])
def test_a_group_node_is_the_nodes_of_its_group(kind: str) -> None:
    found = graph(group_file(kind, values=["own", 7, "randomize", 9, 2.0, "heun", 0.5]))
    assert found == {
        "1": {"label": "a"},
        "2": {"value": "end"},
        "9": {"left": ["5:0", 0], "right": ["5:2", 0]},
        "5:0": {"value": "own"},
        "5:1": {
            "seed": 7, "steps": 9, "cfg": 2.0, "name": "heun", "denoise": 0.5, "model": ["1", 0],
        },
        "5:2": {"left": ["5:0", 0], "right": ["2", 0]},
    }  # fmt: skip


def test_a_group_node_without_values_has_those_of_its_group() -> None:
    assert graph(group_file())["5:1"]["seed"] == 5


def test_values_that_do_not_fit_the_group_are_told_and_the_groups_taken() -> None:
    found = lowered(group_file(values=["own", 7]))
    assert found.graph["5:0"]["inputs"] == {"value": "inner"}
    [problem] = found.problems
    assert (problem.node, problem.severity) == ("5", "warning")


def test_a_widget_of_a_group_node_may_be_an_input_under_its_nodes_name() -> None:
    slots = [
        socket("model", "THING", 1),
        socket("Join right", link=2),
        socket("Sampler steps", "INT", 8, widget=True),
    ]
    file = group_file(slots=slots)
    file["nodes"].append(box(3, "Number", values=[4], outputs=["INT"]))
    file["links"].append([8, 3, 0, 5, 2, "INT"])
    found = graph(file)
    assert found["5:1"]["steps"] == ["3", 0]
    assert found["5:2"]["right"] == ["2", 0]


def test_an_output_that_a_group_hides_has_no_place_on_its_instances() -> None:
    file = group_file()
    file["extra"]["groupNodes"]["Pair"]["config"]["1"] = {"output": {"0": {"visible": False}}}
    file["links"][3] = [4, 5, 1, 9, 1, "*"]
    assert graph(file)["9"] == {"left": ["5:0", 0], "right": ["5:2", 0]}


def test_outputs_of_an_instance_go_by_their_names() -> None:
    definition = twice()
    definition["outputs"].append({"id": "w", "name": "word", "type": "STRING"})
    definition["links"].append(wire(5, 1, 0, -20, 1))
    instance = box(
        5, TWICE, outputs=[{"name": "word", "type": "STRING"}, {"name": "joined", "type": "STRING"}]
    )
    file = with_definitions(instance, SAVE, links=[TO_SAVE], definitions=[definition])
    assert graph(file)["9"] == {"text": ["5:1", 0]}


def test_an_id_that_is_taken_by_an_inner_node_is_told() -> None:
    file = with_definitions(box("5:1", "Text"), box(5, TWICE), links=[], definitions=[twice()])
    [problem] = lowered(file).problems
    assert (problem.code, problem.node) == ("invalid_node", "5:1")


def test_a_muted_group_node_goes_with_its_nodes() -> None:
    assert set(graph(group_file(mode=2))) == {"1", "2", "9"}
