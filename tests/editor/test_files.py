"""Nothing that somebody makes is lost: saving, conflicts, reloads, files in every form."""

import io
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from editing import WAIT, Editor
from PIL import Image
from playwright.sync_api import expect
from processes import ServerProcess

pytestmark = pytest.mark.browser

SHIPPED = Path(__file__).parents[2] / "workflows"


def ask(server: ServerProcess, method: str, path: str, body: Any = None) -> Any:
    """A request of another client."""
    request = urllib.request.Request(  # noqa: S310  # our own server
        f"{server.url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        content = reply.read()
        return json.loads(content) if content else None


def save_as(editor: Editor, name: str) -> None:
    editor.leave_fields()
    editor.press("Control+Shift+S")
    editor.dialog("Save as").get_by_label("Name").fill(name)
    editor.press("Enter")
    expect(editor.toast(f"Saved as {name}")).to_be_visible(timeout=WAIT)


def export(editor: Editor, title: str) -> bytes:
    with editor.page.expect_download() as download:
        editor.command(title)
    return Path(download.value.path()).read_bytes()


def unsaved(editor: Editor, title: str) -> Any:
    return editor.tab(title).get_by_label("not saved")


def test_a_saved_workflow_is_on_the_server_and_its_tab_says_when_it_is_not(
    graph: Editor, server: ServerProcess
) -> None:
    save_as(graph, "Saved one")
    assert ask(server, "GET", "/v1/workflows/Saved%20one")["3"]["class_type"] == "KSampler"
    expect(unsaved(graph, "Saved one")).to_have_count(0)
    graph.set(3, "steps", "7")
    expect(unsaved(graph, "Saved one")).to_be_visible()
    graph.leave_fields()
    graph.press("Control+s")
    expect(unsaved(graph, "Saved one")).to_have_count(0)
    assert ask(server, "GET", "/v1/workflows/Saved%20one")["3"]["inputs"]["steps"] == 7


def test_an_edit_outlives_a_reload_and_can_still_be_undone(graph: Editor) -> None:
    graph.set(3, "steps", "9")
    graph.page.reload()
    expect(graph.field(3, "steps")).to_have_value("9", timeout=WAIT)
    graph.leave_fields()
    graph.press("Control+z")
    expect(graph.field(3, "steps")).to_have_value("20")


def test_who_saves_second_is_asked_and_can_have_both(graph: Editor, server: ServerProcess) -> None:
    save_as(graph, "Contested")
    theirs = ask(server, "GET", "/v1/workflows/Contested")
    theirs["3"]["inputs"]["steps"] = 11
    ask(server, "PUT", "/v1/workflows/Contested", theirs)
    graph.set(3, "steps", "12")
    graph.leave_fields()
    graph.press("Control+s")
    graph.page.get_by_role("button", name="Open both").click()
    expect(graph.field(3, "steps")).to_have_value("11", timeout=WAIT)
    graph.tab("Contested (mine)").click()
    expect(graph.field(3, "steps")).to_have_value("12")
    assert ask(server, "GET", "/v1/workflows/Contested")["3"]["inputs"]["steps"] == 11


def test_a_tab_that_was_closed_comes_back_with_its_work(graph: Editor) -> None:
    graph.set(3, "steps", "13")
    graph.tab("Text to image").click(button="middle")
    expect(graph.nodes).to_have_count(0)
    graph.leave_fields()
    graph.press("Alt+Shift+T")
    expect(graph.field(3, "steps")).to_have_value("13")


def test_two_pages_do_not_overwrite_each_other(
    open_editor: Callable[..., Editor], server: ServerProcess
) -> None:
    document = json.loads((SHIPPED / "text_to_image.json").read_bytes())
    ask(server, "PUT", "/v1/workflows/Shared", document)
    one, other = open_editor("/?workflow=Shared"), open_editor("/?workflow=Shared")
    expect(one.toast("open in another page")).to_be_visible(timeout=WAIT)
    one.set(3, "steps", "5")
    other.set(3, "steps", "6")
    other.page.wait_for_timeout(600)
    one.page.reload()
    expect(one.field(3, "steps")).to_have_value("5", timeout=WAIT)


def test_a_file_of_comfyuis_editor_keeps_its_groups_and_places(graph: Editor, server: ServerProcess) -> None:
    ours = json.loads((SHIPPED / "hires_fix.json").read_bytes())
    file = ask(server, "POST", "/v1/convert", {"workflow": ours, "form": "editor"})["workflow"]
    file["groups"] = [{"title": "Both passes", "bounding": [0, 0, 800, 600]}]
    graph.drop("theirs.json", json.dumps(file).encode(), "application/json")
    content = graph.wait_for(lambda each: each["10"]["class_type"] == "LatentUpscaleBy")
    assert content["10"]["_meta"]["pos"] == ours["10"]["_meta"]["pos"]
    assert content["_workflow"]["groups"][0]["title"] == "Both passes"


def test_what_is_no_workflow_is_told_and_nothing_changes(graph: Editor) -> None:
    before = graph.content()
    graph.drop("notes.json", b'{"a": 1}', "application/json")
    expect(graph.toast("notes.json is no workflow")).to_be_visible()
    newer = json.dumps({"_workflow": {"version": 9}}).encode()
    graph.drop("newer.json", newer, "application/json")
    expect(graph.toast("version 9")).to_be_visible()
    assert graph.content() == before


def test_a_class_that_is_not_installed_goes_through_without_loss(graph: Editor) -> None:
    strange = {"class_type": "NobodyHasIt", "inputs": {"seed": 2**64 - 1, "list": {"__value__": [1]}}}
    graph.open_file("strange.json", json.dumps({"1": strange}).encode())
    expect(graph.node(1)).to_contain_text("not installed", timeout=WAIT)
    written = json.loads(export(graph, "Download the workflow"))
    assert {key: written["1"][key] for key in strange} == strange


def test_a_picture_of_the_graph_opens_as_the_graph(graph: Editor) -> None:
    graph.set(3, "seed", "18446744073709551615")
    exported = export(graph, "Export as a picture with the workflow")
    with Image.open(io.BytesIO(exported)) as image:
        image.load()
        texts = image.text  # type: ignore[attr-defined]
    assert {"prompt", "workflow", "safelight"} <= set(texts)
    assert json.loads(texts["prompt"])["3"]["inputs"]["seed"] == 2**64 - 1
    graph.begin()
    graph.drop("graph.png", exported, "image/png")
    graph.wait_for(lambda content: content["3"]["inputs"]["seed"] == 2**64 - 1)


def test_a_script_is_python(graph: Editor) -> None:
    script = export(graph, "Export as a Python script").decode()
    compile(script, "script.py", "exec")
    assert "import safelight" in script


def test_the_difference_to_the_saved_version_is_listed_and_painted(graph: Editor) -> None:
    save_as(graph, "Compared")
    graph.set(3, "steps", "8")
    graph.command("Compare with the saved version")
    difference = graph.page.get_by_role("complementary", name="Difference")
    expect(difference).to_contain_text(re.compile(r"steps.*20.*8", re.DOTALL))
    expect(graph.node(3)).to_have_attribute("data-diff", "changed")
    expect(graph.page.locator(".op[data-diff]")).to_have_count(1)


def test_a_form_on_a_phone_runs_and_shows_the_picture(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor("/?workflow=text_to_image&view=form")
    editor.page.set_viewport_size({"width": 390, "height": 844})
    form = editor.page.get_by_role("form", name="Text to image")
    form.get_by_label("Prompt", exact=True).fill("a yellow star on a blue background")
    editor.page.get_by_role("button", name="Run", exact=True).last.click()
    picture = editor.page.get_by_role("region", name="Results").locator("a img")
    expect(picture).to_be_visible(timeout=60_000)
    expect(editor.page.get_by_role("link", name="Download")).to_be_visible()
    assert editor.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_template_opens_as_a_copy(graph: Editor) -> None:
    graph.page.get_by_role("button", name="Templates", exact=True).click()
    graph.page.get_by_role("button", name="Two passes").click()
    expect(graph.tab("Two passes")).to_be_visible(timeout=WAIT)
    expect(graph.tab("Two passes")).to_have_attribute("title", re.compile("not saved"))
