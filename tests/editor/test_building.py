"""Building a graph with the mouse: nodes are added, linked, and every step can be taken back."""

from collections.abc import Callable

import pytest
from editing import WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CHECKPOINT, PROMPT, NEGATIVE, SIZE, SAMPLER, DECODE, PICTURE = "4", "6", "7", "5", "3", "8", "9"


def test_a_double_click_on_the_canvas_adds_what_is_searched_for(graph: Editor) -> None:
    new = graph.add("preview image")
    expect(graph.node(new)).to_be_visible()
    assert graph.content()[new]["class_type"] == "PreviewImage"


def test_the_space_key_adds_what_is_searched_for(graph: Editor) -> None:
    graph.press("Space")
    graph.search("invert image")
    expect(graph.nodes).to_have_count(8, timeout=WAIT)
    assert "ImageInvert" in graph.classes()


def test_the_search_offers_nothing_for_what_is_not_there_and_escape_leaves_it(graph: Editor) -> None:
    graph.press("Space")
    graph.page.get_by_role("combobox", name="Search nodes").fill("no such node at all")
    expect(graph.page.get_by_text("No node matches")).to_be_visible()
    graph.press("Escape")
    expect(graph.page.get_by_role("dialog", name="Add a node")).to_have_count(0)
    expect(graph.nodes).to_have_count(7)


def test_a_link_dragged_into_the_void_offers_what_fits_and_wires_it(graph: Editor) -> None:
    graph.drag(graph.socket(DECODE, "Output IMAGE"), graph.void())
    box = graph.page.get_by_role("combobox", name="Search nodes")
    expect(box).to_have_attribute("placeholder", "Nodes that take IMAGE")
    box.fill("KSampler")
    expect(graph.page.get_by_role("option").filter(has_text="KSampler")).to_have_count(0)
    graph.search("preview image")
    content = graph.wait_for(lambda content: len(content) == 9)
    (new,) = (each for each in content.values() if each.get("class_type") == "PreviewImage")
    assert new["inputs"]["images"] == [DECODE, 0]


def test_a_drag_from_socket_to_socket_links_them(graph: Editor) -> None:
    new = graph.add("empty latent image")
    graph.press("l")  # tidied, nothing lies over another thing
    graph.wait_for(lambda content: content[new]["_meta"]["pos"] != [0, 0])
    graph.press(".")
    graph.leave_fields()
    graph.press("Escape")
    graph.press(".")
    graph.settle()
    graph.drag(graph.socket(new, "Output LATENT"), graph.socket(SAMPLER, "Input latent_image"))
    graph.wait_for(lambda content: content[SAMPLER]["inputs"]["latent_image"] == [new, 0])


def test_a_link_that_cannot_be_is_refused_and_the_reason_is_shown(graph: Editor) -> None:
    before = graph.content()
    graph.drag(graph.socket(CHECKPOINT, "Output VAE"), graph.socket(SAMPLER, "Input model"), drop=False)
    hint = graph.page.locator(".link-hint")
    expect(hint).to_contain_text("VAE")
    expect(hint).to_contain_text("MODEL")
    graph.page.mouse.up()
    expect(hint).to_have_count(0)
    assert graph.content() == before


def _add(editor: Editor) -> None:
    editor.add("preview image")


def _delete(editor: Editor) -> None:
    editor.select(PICTURE)
    editor.press("Delete")


def _move(editor: Editor) -> None:
    editor.drag(editor.node(PICTURE).locator("h3"), editor.void())


def _nudge(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("ArrowDown")


def _link(editor: Editor) -> None:
    editor.drag(editor.socket(NEGATIVE, "Output CONDITIONING"), editor.socket(SAMPLER, "Input positive"))


def _cut_link(editor: Editor) -> None:
    editor.drag(editor.socket(SAMPLER, "Input negative"), editor.void())


def _value(editor: Editor) -> None:
    editor.set(SAMPLER, "steps", "7")
    editor.leave_fields()


def _mute(editor: Editor) -> None:
    editor.select(NEGATIVE)
    editor.press("Control+m")


def _bypass(editor: Editor) -> None:
    editor.select(NEGATIVE)
    editor.press("Control+b")


def _group(editor: Editor) -> None:
    editor.select(PROMPT, NEGATIVE)
    editor.press("Control+g")


def _paste(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("Control+c")
    editor.press("Control+v")


def _cut(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("Control+x")


def _duplicate(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("Control+d")


def _rename(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("F2")
    editor.node(SIZE).get_by_label("Title").fill("How large")
    editor.press("Enter")


def _fold(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("Alt+c")


def _pin(editor: Editor) -> None:
    editor.select(SIZE)
    editor.press("p")


def _colour(editor: Editor) -> None:
    editor.offer(SIZE, "Colour")
    editor.page.get_by_role("menuitemcheckbox", name="Teal").click()


def _sub_graph(editor: Editor) -> None:
    editor.select(PROMPT, NEGATIVE)
    editor.press("Control+Shift+g")
    editor.dialog("Make a sub-graph").get_by_role("button", name="Make").click()


def _tidy(editor: Editor) -> None:
    editor.press("l")


def _note(editor: Editor) -> None:
    editor.command("Add a note")


def _title(editor: Editor) -> None:
    editor.tab("Text to image").dblclick()
    editor.page.get_by_label("Title of the workflow").fill("Circles")
    editor.press("Enter")


STEPS = (
    _add, _delete, _move, _nudge, _link, _cut_link, _value, _mute, _bypass, _group, _paste, _cut, _duplicate,
    _rename, _fold, _pin, _colour, _sub_graph, _tidy, _note, _title,
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__.strip("_"))
def test_every_step_can_be_taken_back_and_done_again(graph: Editor, step: Callable[[Editor], None]) -> None:
    before = graph.content()
    step(graph)
    after = graph.wait_for(lambda content: content != before)
    graph.settle()
    after = graph.content()
    graph.page.get_by_role("button", name="Undo").click()
    graph.wait_for(lambda content: content == before)
    graph.page.get_by_role("button", name="Redo").click()
    graph.wait_for(lambda content: content == after)
    graph.leave_fields()
    graph.press("Control+z")
    graph.wait_for(lambda content: content == before)
    graph.press("Control+Shift+z")
    graph.wait_for(lambda content: content == after)
