"""Pictures that runs made: looked at, compared, opened as workflows, swept into a grid."""

import re

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import Locator, expect

pytestmark = pytest.mark.browser

PROMPT, SAMPLER, PICTURE = "6", "3", "9"


def _run(editor: Editor, prompt: str) -> None:
    editor.set(SAMPLER, "steps", "2")
    editor.set(PROMPT, "text", prompt)
    editor.run()
    expect(editor.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0, timeout=RUN)
    editor.expect_picture(PICTURE)
    expect(editor.plan).to_have_text("nothing to run: all cached", timeout=WAIT)


def _pictures(editor: Editor) -> tuple[Locator, Locator]:
    gallery = editor.panel("Gallery")
    gallery.get_by_label("Show").select_option("this workflow")
    return gallery, gallery.get_by_role("button", name=re.compile("^Look at "))


def test_a_picture_of_the_gallery_tells_how_it_was_made_and_opens_its_workflow(graph: Editor) -> None:
    _run(graph, "a square with a past")
    _, pictures = _pictures(graph)
    expect(pictures).to_have_count(1, timeout=WAIT)
    graph.set(PROMPT, "text", "something else")
    pictures.first.click()
    viewer = graph.page.get_by_role("dialog", name=re.compile("^Picture "))
    expect(viewer.get_by_text("a square with a past")).to_be_visible(timeout=WAIT)
    expect(viewer.get_by_text("128 × 128")).to_be_visible()
    viewer.get_by_role("button", name="Open workflow").click()
    expect(graph.field(PROMPT, "text")).to_have_value("a square with a past", timeout=WAIT)


def test_two_pictures_are_compared_with_a_slider(graph: Editor) -> None:
    _run(graph, "a left half")
    _run(graph, "a right half")
    gallery, pictures = _pictures(graph)
    expect(pictures).to_have_count(2, timeout=WAIT)
    boxes = gallery.get_by_role("checkbox", name=re.compile("to compare$"))
    boxes.nth(0).click()
    expect(gallery.get_by_role("button", name="Compare")).to_be_disabled()
    boxes.nth(1).click()
    gallery.get_by_role("button", name="Compare").click()
    sheet = graph.dialog("Compare two pictures")
    slider = sheet.get_by_role("slider", name="Where the left picture ends")
    expect(slider).to_be_focused(timeout=WAIT)
    graph.press("ArrowRight")
    expect(slider).to_have_value("51")
    left = sheet.get_by_role("img", name=re.compile("^Left: ")).get_attribute("alt")
    sheet.get_by_role("button", name="Swap").click()
    expect(sheet.get_by_role("img", name=re.compile("^Right: "))).to_have_attribute(
        "alt", str(left).replace("Left", "Right")
    )
    graph.press("Escape")
    expect(sheet).to_have_count(0)


def test_a_sweep_makes_a_labelled_grid(graph: Editor) -> None:
    graph.set(SAMPLER, "steps", "2")
    graph.command("Sweep a value")
    dialog = graph.dialog("Sweep a value")
    dialog.get_by_label("Value: which input").select_option(label="Sampler · cfg")
    dialog.get_by_label("Values").fill("1, 2.5")
    dialog.get_by_role("button", name="Add a second value").click()
    dialog.get_by_label("Down: which input").select_option(label="Sampler · seed")
    dialog.get_by_label("Values").nth(1).fill("5..6")
    expect(dialog.get_by_text(re.compile("^4 runs"))).to_be_visible(timeout=WAIT)
    dialog.get_by_role("button", name="Run the sweep").click()
    grid = graph.dialog("Results of the sweep")
    expect(grid.get_by_role("status")).to_contain_text("4 of 4 done", timeout=RUN)
    expect(grid.get_by_role("columnheader").filter(has_text="2.5")).to_be_visible()
    expect(grid.get_by_role("rowheader").filter(has_text="6")).to_be_visible()
    expect(grid.get_by_role("button", name=re.compile("^Look at "))).to_have_count(4)
    expect(graph.field(SAMPLER, "cfg")).to_have_value("2")
    with graph.page.expect_download() as download:
        grid.get_by_role("button", name="Save as one picture").click()
    assert download.value.suggested_filename.endswith(".png")


def test_values_that_cannot_be_swept_are_told(graph: Editor) -> None:
    graph.command("Sweep a value")
    dialog = graph.dialog("Sweep a value")
    dialog.get_by_label("Values").fill("one, two")
    expect(dialog.get_by_role("button", name="Run the sweep")).to_be_disabled()
    expect(dialog.locator(".wrong")).to_contain_text("one")
