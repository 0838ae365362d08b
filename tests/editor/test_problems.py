"""What is wrong is said where it is, before anything runs; and nothing is lost for being wrong."""

import json
from typing import Any

import pytest
from editing import WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CHECKPOINT, SAMPLER, PICTURE = "4", "3", "9"


def test_a_wrong_value_is_told_on_its_widget_before_running_and_mended_with_one_click(graph: Editor) -> None:
    document = graph.document()
    document[SAMPLER]["inputs"]["sampler_name"] = "eulr"
    document["_workflow"] |= {"title": "Wrong sampler", "id": "wrong-sampler"}
    graph.open_workflow(document)
    widget = graph.node(SAMPLER).locator("[data-input=sampler_name]")
    expect(widget.get_by_role("alert")).to_contain_text("eulr", timeout=WAIT)
    expect(graph.plan).to_have_text("1 problem")
    widget.get_by_role("button", name="Use euler", exact=True).click()
    expect(widget.get_by_role("alert")).to_have_count(0, timeout=WAIT)
    expect(graph.field(SAMPLER, "sampler_name")).to_have_value("euler")
    graph.leave_fields()
    graph.press("Control+z")
    expect(widget.get_by_role("alert")).to_be_visible(timeout=WAIT)


def test_a_missing_link_is_told_on_its_socket_and_in_the_list_of_problems(graph: Editor) -> None:
    new = graph.add("preview image")
    expect(graph.node(new).get_by_text("needs a link")).to_be_visible(timeout=WAIT)
    problems = graph.panel("Problems")
    expect(problems.get_by_role("heading", name="Preview Image")).to_be_visible()
    problems.get_by_role("button", name="Show Preview Image").click()
    expect(graph.node(new)).to_have_attribute("data-selected", "true")


def test_run_with_a_problem_says_what_to_mend(graph: Editor) -> None:
    graph.add("preview image")
    expect(graph.plan).to_have_text("1 problem", timeout=WAIT)
    graph.run()
    expect(graph.page.locator(".toast")).to_be_visible(timeout=WAIT)


STRANGE: dict[str, Any] = {
    "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "2": {
        "class_type": "FrobnicateLatent",
        "inputs": {
            "samples": ["1", 0],
            "strength": 0.25,
            "seed": 18446744073709551615,
            "note": {"deep": [1, None]},
        },
        "_meta": {"title": "Frobnicate", "their_own": True},
    },
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 3]}},
    "_workflow": {"version": 1, "title": "Strange", "id": "strange", "pack_data": {"kept": 1}},
}


def test_a_node_that_is_not_installed_is_kept_visible_and_saved_without_loss(graph: Editor) -> None:
    graph.open_workflow(STRANGE, "strange.json")
    expect(graph.toast("Not installed here: FrobnicateLatent")).to_be_visible(timeout=WAIT)
    placeholder = graph.node(2)
    expect(placeholder).to_contain_text("FrobnicateLatent is not installed")
    expect(placeholder.get_by_label("Input samples", exact=True)).to_be_visible()
    graph.select(1)
    graph.press("ArrowRight")
    saved = graph.document()
    assert saved["2"]["inputs"] == STRANGE["2"]["inputs"]
    assert saved["2"]["_meta"]["title"] == "Frobnicate"
    assert saved["2"]["_meta"]["their_own"] is True
    assert saved["3"]["inputs"]["images"] == ["2", 3]
    assert saved["_workflow"]["pack_data"] == {"kept": 1}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "broken.json",
            b'{"1": {"class_type": ',
            "broken.json is neither JSON nor a picture with a workflow",
        ),
        ("list.json", b"[1, 2, 3]", "list.json"),
        ("text.txt", b"\xff\xfe\x00\x01", "text.txt is neither JSON nor a picture with a workflow"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00", "cut.png"),
        ("number.json", json.dumps({"1": {"class_type": 7}}).encode(), "number.json"),
    ],
)
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(
    graph: Editor, name: str, content: bytes, said: str
) -> None:
    before = graph.content()
    graph.drop(name, content)
    message = graph.page.locator(".toast.error").first
    expect(message).to_contain_text(said, timeout=WAIT)
    expect(message).not_to_contain_text("undefined")
    assert graph.content() == before


def test_an_unknown_checkpoint_is_told_with_what_there_is(graph: Editor) -> None:
    document = graph.document()
    document[CHECKPOINT]["inputs"]["ckpt_name"] = "somebody_elses.safetensors"
    document["_workflow"] |= {"title": "Their model", "id": "their-model"}
    graph.open_workflow(document)
    widget = graph.node(CHECKPOINT).locator("[data-input=ckpt_name]")
    expect(widget.get_by_role("alert")).to_contain_text("somebody_elses.safetensors", timeout=WAIT)
    widget.get_by_role("button", name="Use pinhole", exact=True).click()
    expect(widget.get_by_role("alert")).to_have_count(0, timeout=WAIT)
