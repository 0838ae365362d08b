"""A workflow as a form, wide and on a telephone."""

import re
from collections.abc import Callable

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_the_form_shows_the_named_inputs_and_runs(graph: Editor) -> None:
    graph.page.get_by_role("button", name="Form", exact=True).click()
    form = graph.page.get_by_role("form", name="Text to image")
    form.get_by_label("Prompt", exact=True).fill("a blue circle, by form")
    form.get_by_label("Steps").fill("4")
    form.get_by_label("Seed", exact=True).fill("99")
    form.get_by_label("Seed", exact=True).press("Tab")
    graph.page.locator(".run-bar").get_by_role("button", name="Run", exact=True).click()
    results = graph.page.get_by_role("region", name="Results")
    expect(results.get_by_role("link", name="Download")).to_be_visible(timeout=RUN)
    graph.page.get_by_role("button", name="Graph", exact=True).click()
    expect(graph.field("6", "text")).to_have_value("a blue circle, by form")
    expect(graph.field("3", "steps")).to_have_value("4")
    graph.expect_picture(9)


def test_a_widget_becomes_a_field_of_the_form(graph: Editor) -> None:
    graph.node("3").locator("[data-input=denoise] label").click(button="right")
    graph.page.get_by_role("menu").get_by_text("Use denoise as workflow input…").click()
    dialog = graph.dialog("Use as workflow input")
    dialog.get_by_label("Name").fill("strength")
    dialog.get_by_role("button", name="Use").click()
    graph.press("Alt+v")
    expect(graph.page.get_by_role("form").get_by_label("strength")).to_have_value("1", timeout=WAIT)
    graph.page.get_by_role("button", name="Undo").click()
    expect(graph.page.get_by_role("form").get_by_label("strength")).to_have_count(0)


def test_on_a_telephone_the_form_comes_first_and_all_of_it_is_reached(
    open_editor: Callable[..., Editor],
) -> None:
    editor = open_editor(width=390, height=844)
    form = editor.page.get_by_role("form", name="Text to image")
    expect(form).to_be_visible(timeout=WAIT)
    overhang = editor.page.evaluate(
        "() => [...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)"
        ".map(each => each.outerHTML)"
    )
    assert overhang == []
    form.get_by_label("Steps").fill("3")
    run = editor.page.locator(".run-bar").get_by_role("button", name="Run", exact=True)
    box = run.bounding_box()
    assert box
    assert box["height"] >= 40
    assert box["y"] + box["height"] <= 844
    run.click()
    expect(editor.page.get_by_role("link", name="Download")).to_be_visible(timeout=RUN)
    editor.page.get_by_role("button", name="Workflows").click()
    expect(editor.page.get_by_role("region", name="Files")).to_be_visible(timeout=WAIT)


def test_a_link_opens_a_saved_workflow_as_a_form(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor("/?workflow=prompt_batch&view=form")
    expect(editor.page.get_by_role("form")).to_be_visible(timeout=WAIT)
    expect(editor.page.get_by_role("heading", level=1)).to_have_text(re.compile("prompt", re.IGNORECASE))
