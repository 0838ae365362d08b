"""Sub-graphs: made of what is selected, run, opened, expanded again."""

import pytest
from editing import WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PROMPT, NEGATIVE, SAMPLER, PICTURE = "6", "7", "3", "9"


def _classes_and_links(editor: Editor) -> list[tuple[str, str, str]]:
    """What feeds what, whatever the nodes are called."""
    content = editor.content()
    return sorted(
        (node["class_type"], name, f"{content[value[0]]['class_type']} {value[1]}")
        for key, node in content.items()
        if key != "_workflow"
        for name, value in node["inputs"].items()
        if isinstance(value, list)
    )


def _made(editor: Editor, title: str) -> str:
    """The two prompts in a sub-graph; gives its instance's id."""
    editor.select(PROMPT, NEGATIVE)
    editor.press("Control+Shift+g")
    dialog = editor.dialog("Make a sub-graph")
    dialog.get_by_label("Name").fill(title)
    dialog.get_by_role("button", name="Make").click()
    content = editor.wait_for(lambda content: PROMPT not in content)
    (instance,) = (key for key, node in content.items() if node.get("class_type", "").startswith("subgraph:"))
    return instance


def test_a_sub_graph_is_made_run_opened_changed_and_expanded(graph: Editor) -> None:
    before = _classes_and_links(graph)
    graph.set(SAMPLER, "seed", "611")
    instance = _made(graph, "What to draw")
    expect(graph.node(instance)).to_contain_text("What to draw")
    graph.leave_fields()
    graph.run()
    graph.expect_picture(PICTURE)

    graph.settle()
    graph.node(instance).locator("header").dblclick()
    crumbs = graph.page.get_by_role("navigation", name="Sub-graphs")
    expect(crumbs.get_by_role("button", name="What to draw")).to_be_visible(timeout=WAIT)
    expect(graph.node(PROMPT)).to_be_visible(timeout=WAIT)
    graph.set(PROMPT, "text", "a yellow star, from inside")
    crumbs.get_by_role("button", name="Text to image").click()
    expect(graph.node(SAMPLER)).to_be_visible(timeout=WAIT)

    graph.settle()
    graph.offer(instance, "Expand into this graph")
    graph.wait_for(lambda content: instance not in content)
    assert _classes_and_links(graph) == before
    assert "a yellow star, from inside" in str(graph.content())


def test_steps_inside_a_sub_graph_are_taken_back_where_they_were_made(graph: Editor) -> None:
    instance = _made(graph, "Inside")
    outside = graph.content()
    graph.settle()
    graph.node(instance).locator("header").dblclick()
    expect(graph.node(PROMPT)).to_be_visible(timeout=WAIT)
    graph.set(PROMPT, "text", "changed inside")
    graph.leave_fields()
    graph.press("Alt+ArrowUp")
    expect(graph.node(SAMPLER)).to_be_visible(timeout=WAIT)
    graph.press("Control+z")
    expect(graph.field(PROMPT, "text")).to_have_value("a red circle on a white background", timeout=WAIT)
    graph.wait_for(lambda content: content == outside)


def test_a_sub_graph_can_be_used_twice(graph: Editor) -> None:
    instance = _made(graph, "Twice")
    graph.settle()
    graph.select(instance)
    graph.press("Control+d")
    content = graph.wait_for(lambda content: sum("subgraph:" in str(node) for node in content.values()) >= 2)
    assert len(content["_workflow"]["subgraphs"]) == 1


def test_a_sub_graph_survives_a_reload(graph: Editor) -> None:
    instance = _made(graph, "Kept")
    before = graph.content()
    graph.page.reload()
    expect(graph.node(instance)).to_be_visible(timeout=WAIT)
    assert graph.content() == before
