"""Workflows as files: saved, opened, exported, dropped, compared; and two pages on one of them."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PROMPT, SAMPLER, PICTURE = "6", "3", "9"


def _save_as(editor: Editor, name: str) -> None:
    editor.press("Control+Shift+s")
    dialog = editor.dialog("Save as")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0, timeout=WAIT)
    expect(editor.toast(f"Saved as {name}.")).to_be_visible(timeout=WAIT)


def _is_saved(editor: Editor) -> None:
    tab = editor.page.locator(".tabs").get_by_role("tab", selected=True)
    expect(tab.get_by_role("img", name="not saved")).to_have_count(0, timeout=WAIT)


def test_a_saved_workflow_is_listed_and_opens_in_another_browser(graph: Editor) -> None:
    graph.set(SAMPLER, "steps", "17")
    _save_as(graph, "seventeen")
    _is_saved(graph)
    graph.page.get_by_role("button", name="Close seventeen").click()
    graph.page.get_by_role("button", name="Files", exact=True).click()
    graph.page.get_by_role("region", name="Files").get_by_role("button", name="seventeen", exact=True).click()
    expect(graph.field(SAMPLER, "steps")).to_have_value("17", timeout=WAIT)
    _is_saved(graph)


def test_save_needs_no_name_the_second_time(graph: Editor) -> None:
    _save_as(graph, "twice")
    graph.set(SAMPLER, "steps", "18")
    graph.press("Control+s")
    expect(graph.page.locator(".toast", has_text="Saved as twice.")).to_have_count(2, timeout=WAIT)
    _is_saved(graph)
    kept = graph.page.request.get(f"{graph.url}/v1/workflows/twice").json()
    assert kept[SAMPLER]["inputs"]["steps"] == 18


def test_a_name_that_is_taken_is_asked_about(graph: Editor) -> None:
    _save_as(graph, "taken")
    graph.begin()
    graph.add("preview image")
    graph.press("Control+Shift+s")
    dialog = graph.dialog("Save as")
    dialog.get_by_label("Name").fill("taken")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "There is a workflow of this name already", timeout=WAIT
    )
    dialog.get_by_role("button", name="Cancel").click()
    assert PICTURE in graph.page.request.get(f"{graph.url}/v1/workflows/taken").json()


def test_two_pages_on_one_workflow_never_overwrite_each_other_unseen(
    graph: Editor, open_editor: Callable[..., Editor]
) -> None:
    _save_as(graph, "shared")
    other = open_editor("/?workflow=shared")
    expect(other.tab("shared")).to_be_visible(timeout=WAIT)
    expect(other.field(SAMPLER, "steps")).to_be_visible(timeout=WAIT)
    other.set(SAMPLER, "steps", "31")
    other.press("Control+s")
    expect(other.toast("Saved as shared.")).to_be_visible(timeout=WAIT)
    expect(graph.toast("shared was saved in another page of this browser.")).to_be_visible(timeout=WAIT)
    graph.set(SAMPLER, "steps", "32")
    graph.press("Control+s")
    conflict = graph.dialog("Somebody else saved")
    expect(conflict).to_be_visible(timeout=WAIT)
    kept = graph.page.request.get(f"{graph.url}/v1/workflows/shared").json()
    assert kept[SAMPLER]["inputs"]["steps"] == 31
    conflict.get_by_role("button", name="Open both").click()
    expect(graph.tab("shared (mine)")).to_be_visible(timeout=WAIT)
    expect(graph.field(SAMPLER, "steps")).to_have_value("31", timeout=WAIT)
    graph.tab("shared (mine)").click()
    expect(graph.field(SAMPLER, "steps")).to_have_value("32", timeout=WAIT)


def test_a_conflict_can_be_won(graph: Editor) -> None:
    _save_as(graph, "fought over")
    place = f"{graph.url}/v1/workflows/fought%20over"
    theirs = graph.page.request.get(place).json()
    theirs[SAMPLER]["inputs"]["steps"] = 41
    assert graph.page.request.put(place, data=theirs).ok
    graph.set(SAMPLER, "steps", "42")
    graph.press("Control+s")
    graph.dialog("Somebody else saved").get_by_role("button", name="Keep mine").click()
    _is_saved(graph)
    assert graph.page.request.get(place).json()[SAMPLER]["inputs"]["steps"] == 42


def _exported(editor: Editor, command: str, folder: Path) -> Path:
    with editor.page.expect_download() as download:
        editor.command(command)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_export_for_the_api_runs_there(graph: Editor, tmp_path: Path) -> None:
    path = _exported(graph, "Export for ComfyUI's API", tmp_path)
    assert path.suffix == ".json"
    prompt = json.loads(path.read_text())
    assert prompt[SAMPLER]["class_type"] == "KSampler"
    assert all(set(node) <= {"class_type", "inputs", "_meta"} for node in prompt.values())
    answer = graph.page.request.post(f"{graph.url}/prompt", data={"prompt": prompt})
    assert answer.ok, answer.text()


def test_the_export_as_a_script_is_python(graph: Editor, tmp_path: Path) -> None:
    path = _exported(graph, "Export as a Python script", tmp_path)
    assert path.suffix == ".py"
    assert "a red circle" in ast.unparse(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    "command",
    ["Download the workflow", "Export as a picture with the workflow", "Export for ComfyUI's editor"],
)
def test_what_is_exported_opens_as_it_was(graph: Editor, tmp_path: Path, command: str) -> None:
    graph.set(PROMPT, "text", "a star, exported")
    before = {
        key: (each["class_type"], each["inputs"])
        for key, each in graph.content().items()
        if key != "_workflow"
    }
    path = _exported(graph, command, tmp_path)
    graph.begin()
    graph.add("preview image")
    graph.drop(path.name, path.read_bytes(), "image/png" if path.suffix == ".png" else "application/json")
    expect(graph.field(PROMPT, "text")).to_have_value("a star, exported", timeout=WAIT)
    after = {
        key: (each["class_type"], each["inputs"])
        for key, each in graph.content().items()
        if key != "_workflow"
    }
    assert after == before


def test_a_picture_that_a_run_wrote_brings_its_workflow_back(graph: Editor) -> None:
    graph.set(PROMPT, "text", "a square that remembers")
    graph.set(SAMPLER, "steps", "3")
    graph.run()
    graph.expect_picture(PICTURE)
    address = graph.picture(PICTURE).get_attribute("src")
    assert address
    content = graph.page.request.get(address).body()
    graph.begin()
    graph.drop("written.png", content, "image/png")
    expect(graph.field(PROMPT, "text")).to_have_value("a square that remembers", timeout=WAIT)
    expect(graph.field(SAMPLER, "steps")).to_have_value("3")


def test_a_closed_tab_that_was_not_saved_comes_back(graph: Editor) -> None:
    graph.set(SAMPLER, "steps", "23")
    graph.page.get_by_role("button", name="Close Text to image").click()
    graph.toast("Closed Text to image").get_by_role("button", name="Reopen").click()
    expect(graph.field(SAMPLER, "steps")).to_have_value("23", timeout=WAIT)


def test_two_workflows_are_compared_on_the_nodes_and_in_a_list(graph: Editor) -> None:
    _save_as(graph, "compared")
    graph.set(SAMPLER, "steps", "33")
    graph.select("7")
    graph.leave_fields()
    graph.press("Delete")
    new = graph.add("preview image")
    graph.command("Compare with the saved version")
    difference = graph.page.get_by_role("complementary", name="Difference")
    expect(difference).to_be_visible(timeout=WAIT)
    expect(difference.get_by_role("listitem").filter(has_text="Sampler")).to_contain_text("steps")
    expect(difference).to_contain_text("33")
    expect(difference.get_by_role("listitem").filter(has_text="Negative prompt")).to_contain_text("removed")
    expect(graph.node(new)).to_have_attribute("data-diff", "added")
    expect(graph.node(SAMPLER)).to_have_attribute("data-diff", "changed")
    difference.get_by_role("button", name="End the comparison").click()
    expect(difference).to_have_count(0)


def test_a_template_opens_as_a_copy(graph: Editor) -> None:
    graph.page.get_by_role("button", name="Templates", exact=True).click()
    graph.page.get_by_role("region", name="Templates").get_by_role("button").filter(
        has_text="Image to image"
    ).click()
    expect(graph.tab("Image to image")).to_be_visible(timeout=WAIT)
    graph.run()
    expect(graph.page.locator("img.result:not(.preview)").first).to_be_visible(timeout=RUN)
