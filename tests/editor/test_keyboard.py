"""Without a mouse: a graph is built, linked and run by keys alone."""

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def _add(editor: Editor, words: str) -> str:
    before = set(editor.document())
    editor.press("Space")
    editor.page.keyboard.type(words)
    editor.press("Enter")
    content = editor.wait_for(lambda content: set(content) - before - {"_workflow"})
    (new,) = set(content) - before - {"_workflow"}
    return new


def test_a_small_graph_is_built_and_run_by_keys_alone(graph: Editor) -> None:
    graph.command("New workflow")
    expect(graph.nodes).to_have_count(0)
    load = _add(graph, "CheckpointLoaderSimple")
    latent = _add(graph, "Empty Latent Image")
    decode = _add(graph, "VAE Decode")
    save = _add(graph, "Preview Image")
    assert len({load, latent, decode, save}) == 4

    _link(graph, latent, "LATENT", decode, "samples")
    _link(graph, load, "VAE", decode, "vae")
    _link(graph, decode, "IMAGE", save, "images")
    graph.press("Control+Enter")
    expect(graph.node(save).locator("img.result")).to_be_visible(timeout=RUN)


def _link(editor: Editor, source: str, output: str, target: str, name: str) -> None:
    """From a node, to its sockets, to what fits, by keys."""
    _walk_to(editor, source)
    editor.press("c")
    for _ in range(10):
        if (editor.focused() or "").startswith(f"Output {output}"):
            break
        editor.press("ArrowDown")
    editor.press("Enter")
    wanted = editor.socket(target, f"Input {name}").element_handle()
    for _ in range(20):
        if editor.page.evaluate("wanted => document.activeElement === wanted", wanted):
            break
        editor.press("Tab")
    editor.press("Enter")
    editor.wait_for(lambda content: content[target]["inputs"].get(name, [None])[0] == source)


def _walk_to(editor: Editor, node: str) -> None:
    """Escape leads out of a node; Tab goes from node to node."""
    editor.press("Escape")
    for _ in range(60):
        if editor.page.evaluate("() => document.activeElement?.dataset?.id ?? ''") == node:
            return
        editor.press("Tab")
    raise AssertionError(f"Tab does not lead to node {node}")


def test_escape_leads_out_of_a_field_to_its_node_and_enter_into_it(graph: Editor) -> None:
    graph.field("3", "seed").focus()
    graph.press("Escape")
    assert graph.page.evaluate("() => document.activeElement.dataset.id") == "3"
    graph.press("Enter")
    expect(graph.field("3", "seed")).to_be_focused()


def test_the_menu_of_a_node_opens_by_a_key_and_gives_the_focus_back(graph: Editor) -> None:
    graph.field("3", "seed").focus()
    graph.press("Escape")
    graph.press("Shift+F10")
    menu = graph.page.get_by_role("menu")
    expect(menu).to_be_visible(timeout=WAIT)
    graph.page.keyboard.type("m")
    expect(menu.get_by_role("menuitemcheckbox", name="Mute")).to_be_focused()
    graph.press("Enter")
    expect(menu).to_have_count(0)
    assert graph.content()["3"]["_meta"]["mode"] == "mute"
    assert graph.page.evaluate("() => document.activeElement.dataset.id") == "3"


@pytest.mark.parametrize(
    ("key", "dialog"),
    [("Control+k", "Find a command"), ("Shift+?", "Keys and help"), ("Control+Shift+s", "Save as")],
)
def test_dialogs_open_by_a_key_and_close_by_escape(graph: Editor, key: str, dialog: str) -> None:
    graph.press(key)
    expect(graph.dialog(dialog)).to_be_visible(timeout=WAIT)
    graph.press("Escape")
    expect(graph.dialog(dialog)).to_have_count(0)


def test_a_number_steps_by_arrows_as_one_step_of_undo(graph: Editor) -> None:
    graph.field("3", "steps").focus()
    for _ in range(3):
        graph.press("ArrowUp")
    expect(graph.field("3", "steps")).to_have_value("23")
    graph.press("Escape")
    graph.press("Control+z")
    expect(graph.field("3", "steps")).to_have_value("20")
