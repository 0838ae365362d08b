"""Somebody opens the editor for the first time."""

import json
import re

import pytest
from editing import Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_it_opens_on_a_working_graph_with_the_prompt_ready_to_be_typed_over(editor: Editor) -> None:
    expect(editor.nodes).to_have_count(7)
    expect(editor.page.locator("dialog[open]")).to_have_count(0)
    prompt = editor.field(6, "text")
    expect(prompt).to_be_focused(timeout=5000)
    editor.page.keyboard.type("a blue square on a black background")
    expect(prompt).to_have_value("a blue square on a black background")


def test_run_gives_a_picture_on_the_node(editor: Editor) -> None:
    editor.set(3, "seed", "11")
    editor.press("Control+Enter")
    editor.expect_picture(9)


def test_the_plan_says_what_will_run_and_afterwards_that_all_is_cached(editor: Editor) -> None:
    editor.set(3, "seed", "12")
    expect(editor.page.get_by_text(re.compile(r"\d+ nodes? runs?"))).to_be_visible()
    editor.run()
    editor.expect_picture(9)
    expect(editor.page.get_by_text("all cached")).to_be_visible(timeout=10_000)


def test_a_large_seed_survives_to_the_last_digit(editor: Editor) -> None:
    editor.set(3, "seed", "18446744073709551615")
    expect(editor.field(3, "seed")).to_have_value("18446744073709551615")
    assert json.dumps(editor.document()["3"]["inputs"]["seed"]) == "18446744073709551615"
    editor.page.reload()
    expect(editor.field(3, "seed")).to_have_value("18446744073709551615")
