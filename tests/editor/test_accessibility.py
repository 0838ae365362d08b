"""What axe-core finds in the main states, dark and light: nothing serious, nothing critical."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import Page, expect
from processes import ROOT

pytestmark = pytest.mark.browser

AXE: Path = ROOT / "server" / "editor" / "node_modules" / "axe-core" / "axe.min.js"
_ASK = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(each => ["serious", "critical"].includes(each.impact))
  .flatMap(each => each.nodes.map(
    node => `${each.id}: ${node.html.slice(0, 160)} (${node.failureSummary})`)))"""


def violations(page: Page) -> list[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(_ASK)
    return found


def _run(editor: Editor) -> None:
    editor.set("3", "steps", "2")
    editor.run()
    editor.expect_picture("9")


def _after_a_run(editor: Editor) -> None:
    _run(editor)
    editor.select("3")


def _problem(editor: Editor) -> None:
    editor.add("preview image")
    expect(editor.plan).to_have_text("1 problem", timeout=WAIT)
    editor.panel("Problems")


def _muted(editor: Editor) -> None:
    editor.select("7")
    editor.press("Control+m")
    editor.select("5")
    editor.press("Control+b")
    editor.select("8")
    editor.press("Alt+c")


def _strangers(editor: Editor) -> None:
    editor.open_workflow(
        {"1": {"class_type": "Nowhere", "inputs": {"a": 1}}, "_workflow": {"title": "Strange", "id": "odd"}}
    )
    expect(editor.node(1)).to_contain_text("not installed", timeout=WAIT)


def _panel(name: str) -> Callable[[Editor], None]:
    def show(editor: Editor) -> None:
        if name in {"Gallery", "Profile"}:
            _run(editor)
        expect(editor.panel(name)).to_be_visible()

    return show


def _left(name: str) -> Callable[[Editor], None]:
    def show(editor: Editor) -> None:
        editor.page.get_by_role("button", name=name, exact=True).click()
        expect(editor.page.get_by_role("region", name=name, exact=True)).to_be_visible()

    return show


def _keys(keys: str) -> Callable[[Editor], None]:
    def show(editor: Editor) -> None:
        editor.press(keys)
        expect(editor.page.get_by_role("dialog").first).to_be_visible()

    return show


def _form(editor: Editor) -> None:
    _run(editor)
    editor.page.get_by_role("button", name="Form", exact=True).click()
    expect(editor.page.get_by_role("link", name="Download")).to_be_visible(timeout=RUN)


def _menu(editor: Editor) -> None:
    editor.node("3").locator("header").click(button="right")
    expect(editor.page.get_by_role("menu")).to_be_visible()


def _ways(editor: Editor) -> None:
    editor.page.get_by_role("button", name="Ways to run").click()


def _sweep(editor: Editor) -> None:
    editor.command("Sweep a value")
    expect(editor.dialog("Sweep a value")).to_be_visible()


def _combo(editor: Editor) -> None:
    editor.field("3", "sampler_name").click()
    expect(editor.page.get_by_role("listbox", name="sampler_name")).to_be_visible()


def _difference(editor: Editor) -> None:
    editor.command("Compare with another workflow")
    editor.dialog("Compare with").get_by_label("A saved workflow").select_option("hires_fix")
    expect(editor.page.get_by_role("complementary", name="Difference")).to_be_visible(timeout=WAIT)


def _waiting(editor: Editor) -> None:
    queue = editor.panel("Queue")
    queue.get_by_role("button", name="Pause the queue").click()
    expect(queue.get_by_role("button", name="Resume the queue")).to_be_visible(timeout=WAIT)
    editor.set("3", "seed", "771")
    editor.run()
    editor.run()
    expect(queue.get_by_role("list", name="Waiting, in order").get_by_role("listitem")).to_have_count(
        2, timeout=WAIT
    )


def _viewer(editor: Editor) -> None:
    _run(editor)
    editor.panel("Gallery").get_by_role("button", name="Look at").first.click()
    expect(editor.page.get_by_role("dialog")).to_be_visible()


def _nothing(_editor: Editor) -> None:
    pass


STATES: dict[str, Callable[[Editor], Any]] = {
    "graph": _nothing,
    "after a run": _after_a_run,
    "problems": _problem,
    "muted, bypassed, folded": _muted,
    "not installed": _strangers,
    "queue": _panel("Queue"),
    "waiting": _waiting,
    "gallery": _panel("Gallery"),
    "log": _panel("Log"),
    "profile": _panel("Profile"),
    "viewer": _viewer,
    "add": _left("Add"),
    "files": _left("Files"),
    "templates": _left("Templates"),
    "commands": _keys("Control+k"),
    "help": _keys("Shift+?"),
    "save as": _keys("Control+Shift+s"),
    "search": _keys("Space"),
    "choices": _combo,
    "menu": _menu,
    "ways to run": _ways,
    "sweep": _sweep,
    "difference": _difference,
    "form": _form,
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_hard_to_perceive_or_to_use(graph: Editor, state: str) -> None:
    STATES[state](graph)
    found = {}
    for theme in ("dark", "light"):
        graph.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        expect(graph.page.locator(f"html[data-theme={theme}]")).to_be_attached()
        graph.page.wait_for_timeout(300)  # colours change gradually
        found[theme] = violations(graph.page)
    assert found == {"dark": [], "light": []}


def test_the_form_on_a_telephone_is_no_harder(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(width=390, height=844)
    expect(editor.page.get_by_role("form")).to_be_visible(timeout=WAIT)
    assert violations(editor.page) == []
