"""Values of widgets in files of ComfyUI's editor: which input each belongs to."""

from typing import Any

import pytest
from sheets import SHEET_TOYS, box, sheet, socket

from engine.formats import lower
from engine.node import Node

SPECS = {each.spec.class_type: each.spec for each in SHEET_TOYS if isinstance(each, Node)}

ALL = {"seed": 5, "steps": 9, "cfg": 2.5, "name": "heun", "denoise": 0.5}


def inputs(class_type: str, *sockets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a lone node of a file becomes, without a complaint."""
    found = lower(sheet(box(1, class_type, *sockets, **more)), SPECS)
    assert not found.problems
    values: dict[str, Any] = found.graph["1"]["inputs"]
    return values


def complaints(class_type: str, *sockets: dict[str, Any], **more: Any) -> list[str]:
    return [each.message for each in lower(sheet(box(1, class_type, *sockets, **more)), SPECS).problems]


@pytest.mark.parametrize("control", ["fixed", "increment", "decrement", "randomize"])
def test_the_control_of_a_seed_is_the_editors_own(control: str) -> None:
    assert inputs("Sampler", values=[5, control, 9, 2.5, "heun", 0.5]) == ALL


def test_an_array_without_controls_is_read_too() -> None:
    assert inputs("Sampler", values=[5, 9, 2.5, "heun", 0.5]) == ALL


def test_what_a_short_array_lacks_is_left_to_the_schema() -> None:
    assert inputs("Sampler", values=[5, "fixed", 9]) == {"seed": 5, "steps": 9}
    assert inputs("Sampler") == {}
    assert inputs("Loader", values=["b"]) == {"file": "b", "kind": "sd"}  # a combo shows its first choice


def test_values_behind_the_last_widget_are_what_scripts_added() -> None:
    assert inputs("Text", values=["a", "shown", {"x": 1}, None]) == {"value": "a"}


def test_a_value_that_does_not_fit_is_skipped_when_the_next_one_does() -> None:
    assert inputs("Number", values=["randomize", 7]) == {"value": 7}
    assert inputs("Sampler", values=[5, "fixed", "gone", 9, 2.5, "heun", 0.5]) == ALL


def test_a_value_that_fits_nowhere_is_kept_for_validation_to_name() -> None:
    assert inputs("Sampler", values=[5, "fixed", "many", "x", "heun", 0.5])["steps"] == "many"


def test_a_number_that_was_written_as_a_text_keeps_its_place() -> None:
    assert inputs("Sampler", values=["5", "fixed", "9", 2.5, "heun", 0.5]) == ALL | {
        "seed": "5",
        "steps": "9",
    }


def test_the_button_for_uploads_is_the_editors_own() -> None:
    assert inputs("Picture", values=["a.png", "image", "alpha"]) == {"image": "a.png", "channel": "alpha"}
    assert inputs("Picture", values=["a.png", "alpha", "image"]) == {"image": "a.png", "channel": "alpha"}
    assert inputs("Picture", values=["a.png", {}, "alpha"]) == {"image": "a.png", "channel": "alpha"}


def test_a_widget_that_is_an_input_now_still_has_its_place() -> None:
    steps = socket("steps", "INT", 1, widget=True)
    nodes = [box(1, "Sampler", steps, values=[5, "fixed", 9, 2.5, "heun", 0.5]), box(2, "Number", values=[3])]
    graph = lower(sheet(*nodes, links=[[1, 2, 0, 1, 0, "INT"]]), SPECS).graph
    assert graph["1"]["inputs"] == ALL | {"steps": ["2", 0]}


def test_an_input_that_never_was_a_widget_has_no_place() -> None:
    nodes = [
        box(1, "Sampler", socket("steps", "INT", 1), values=[5, 2.5, "heun", 0.5]),
        box(2, "Number", values=[3]),
    ]
    graph = lower(sheet(*nodes, links=[[1, 2, 0, 1, 0, "INT"]]), SPECS).graph
    assert graph["1"]["inputs"] == ALL | {"steps": ["2", 0]}


def test_widgets_that_came_later_stand_behind_the_others() -> None:
    assert inputs("Loader", values=["b", "flux", "cpu"]) == {"file": "b", "kind": "flux", "device": "cpu"}


def test_an_object_of_values_is_taken_by_name() -> None:
    preview = {"hidden": False, "params": {}}
    assert inputs("Sampler", values={**ALL, "videopreview": preview}) == ALL


def test_named_values_are_preferred_to_the_array() -> None:
    named = {**ALL, "control_after_generate": "randomize", "upload": "image", "$$canvas-image-preview": ""}
    assert inputs("Sampler", values=["scrambled"], widgets_values_named=named) == ALL


def test_named_values_that_are_no_object_are_passed_over() -> None:
    assert inputs("Text", values=["a"], widgets_values_named=["b"]) == {"value": "a"}


def test_what_an_array_says_against_the_named_values_is_told() -> None:
    assert complaints("Text", values=["b"], widgets_values_named={"value": "a"}) == [
        "says 'a' for 'value', and 'b' too; the first is taken"
    ]


def test_a_named_value_without_an_input_is_told() -> None:
    [said] = complaints("Text", widgets_values_named={"value": "a", "colour": "red"})
    assert said == "has no input 'colour' here; its value 'red' is left out"


def test_a_named_value_with_a_socket_is_one_of_an_input_for_validation_to_name() -> None:
    colour = socket("colour", widget=True)
    assert inputs("Text", colour, widgets_values_named={"colour": "red"}) == {"colour": "red"}


def test_dotted_names_are_names() -> None:
    named = {"format": "mp4", "format.codec": "h264"}
    assert inputs("SaveFilm", widgets_values_named=named) == named


def test_a_list_is_wrapped_for_a_bare_one_would_be_a_link() -> None:
    assert inputs("Text", values=[["a", 0]]) == {"value": {"__value__": ["a", 0]}}


def test_nothing_in_the_place_of_a_value_is_no_value() -> None:
    assert inputs("Sampler", values=[5, "fixed", None, 2.5]) == {"seed": 5, "cfg": 2.5}


def test_texts_stay_as_they_are() -> None:
    text = "a {red|blue} cat /* or dog */ // soon"
    assert inputs("Prompt", values=[text, False]) == {"text": text, "flag": False}
    assert inputs("Save", values=["%Sampler.seed%/%date:yyyy%"]) == {"text": "%Sampler.seed%/%date:yyyy%"}


def test_the_values_of_an_unknown_class_are_named_by_its_sockets() -> None:
    sockets = [
        socket("model", "MODEL"),
        socket("seed", "INT", widget=True),
        socket("mode", "COMBO", widget=True),
        socket("ratio", "FLOAT", widget=True),
    ]
    values = [5, "randomize", "fast", 0.5]
    assert inputs("Stranger", *sockets, values=values) == {"seed": 5, "mode": "fast", "ratio": 0.5}


def test_an_unknown_class_without_sockets_keeps_what_is_known_and_says_what_is_not() -> None:
    found = lower(sheet(box(1, "Stranger", socket("text", widget=True), values=["a", 5, True])), SPECS)
    assert found.graph == {"1": {"class_type": "Stranger", "inputs": {}}}
    [problem] = found.problems
    assert problem.severity == "warning"
    assert problem.node == "1"
    assert problem.message == "its class is not known here, so its 3 widget values cannot be named"
