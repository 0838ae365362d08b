"""Running a graph: what will run, how far it is, stopping, the queue; and a server that goes away."""

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import BrowserContext, Locator, expect
from processes import ServerProcess

pytestmark = pytest.mark.browser

PROMPT, SAMPLER, PICTURE = "6", "3", "9"
#: Steps that take longer than any test.
LONG = "10000"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """A seed that no other test has."""
    return str(zlib.crc32(request.node.nodeid.encode()))


def _mark(editor: Editor, node: str, name: str) -> Locator:
    return editor.node(node).get_by_role("img", name=name, exact=True)


def test_the_plan_is_painted_on_the_nodes(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    expect(_mark(graph, SAMPLER, "will run")).to_be_visible(timeout=WAIT)
    graph.run()
    graph.expect_picture(PICTURE)
    expect(_mark(graph, SAMPLER, "cached")).to_be_visible(timeout=WAIT)
    expect(graph.plan).to_have_text("nothing to run: all cached")
    graph.set(PROMPT, "text", f"a green triangle {seed}")
    expect(_mark(graph, SAMPLER, "will run")).to_be_visible(timeout=WAIT)
    expect(_mark(graph, "4", "cached")).to_be_visible()
    expect(_mark(graph, "7", "cached")).to_be_visible()
    expect(graph.plan).to_have_text(re.compile(r"^4 nodes run"))


def test_the_sampler_shows_how_the_picture_comes_to_be(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    graph.set(SAMPLER, "steps", LONG)
    graph.run()
    expect(graph.node(SAMPLER).locator("img.preview")).to_be_visible(timeout=RUN)
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible()
    graph.page.get_by_role("button", name="Stop", exact=True).first.click()
    expect(graph.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0, timeout=WAIT)
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_have_count(0)


def test_a_key_interrupts_a_run(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    graph.set(SAMPLER, "steps", LONG)
    graph.press("Control+Enter")
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible(timeout=RUN)
    graph.press("Control+Alt+Enter")
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_have_count(0, timeout=WAIT)


def _held(editor: Editor, seed: str) -> Locator:
    """A queue that takes jobs and begins none."""
    queue = editor.panel("Queue")
    queue.get_by_role("button", name="Pause the queue").click()
    expect(queue.get_by_role("button", name="Resume the queue")).to_be_visible(timeout=WAIT)
    editor.set(SAMPLER, "seed", seed)
    editor.set(SAMPLER, "steps", "2")
    return queue


def test_a_paused_queue_begins_nothing_until_it_is_resumed(graph: Editor, seed: str) -> None:
    queue = _held(graph, seed)
    graph.run()
    expect(queue.get_by_role("list", name="Waiting, in order").get_by_role("listitem")).to_have_count(
        1, timeout=WAIT
    )
    expect(graph.plan).to_have_text("waiting")
    expect(graph.page.get_by_text("Queue paused")).to_be_visible()
    queue.get_by_role("button", name="Resume the queue").click()
    graph.expect_picture(PICTURE)


def test_waiting_jobs_are_reordered_by_keys_and_by_drag(graph: Editor, seed: str) -> None:
    queue = _held(graph, seed)
    waiting = queue.get_by_role("list", name="Waiting, in order").get_by_role("listitem")
    for count, title in enumerate(("First", "Second", "Third"), 1):
        _rename(graph, title)
        graph.run()
        expect(waiting).to_have_count(count, timeout=WAIT)
    expect(waiting.locator(".title")).to_contain_text(["First", "Second", "Third"])
    waiting.nth(2).focus()
    graph.press("Alt+ArrowUp")
    expect(waiting.locator(".title")).to_contain_text(["First", "Third", "Second"], timeout=WAIT)
    waiting.nth(2).drag_to(waiting.nth(0), target_position={"x": 40, "y": 3})
    expect(waiting.locator(".title")).to_contain_text(["Second", "First", "Third"], timeout=WAIT)
    waiting.nth(1).get_by_role("button", name="Cancel").click()
    expect(waiting.locator(".title")).to_contain_text(["Second", "Third"], timeout=WAIT)
    waiting.nth(1).get_by_role("button", name="Run next").click()
    expect(waiting.locator(".title")).to_contain_text(["Third", "Second"], timeout=WAIT)


def _rename(editor: Editor, title: str) -> None:
    editor.page.locator(".tabs").get_by_role("tab", selected=True).dblclick()
    editor.page.get_by_label("Title of the workflow").fill(title)
    editor.press("Enter")


def test_run_several_times_gives_several_pictures_with_seeds_of_their_own(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    graph.set(SAMPLER, "steps", "2")
    graph.page.get_by_role("button", name="Ways to run").click()
    ways = graph.dialog("Ways to run")
    ways.get_by_label("How many runs").fill("3")
    ways.get_by_role("button", name="Run × 3").click()
    graph.expect_picture(PICTURE)
    gallery = graph.panel("Gallery")
    gallery.get_by_label("Show").select_option("this workflow")
    expect(gallery.get_by_role("button", name=re.compile("^Look at "))).to_have_count(3, timeout=RUN)


def test_a_reload_keeps_the_work_its_past_and_what_runs(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    graph.set(SAMPLER, "steps", "4000")
    before = graph.content()
    graph.run()
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible(timeout=RUN)
    graph.page.reload()
    expect(graph.field(SAMPLER, "steps")).to_have_value("4000", timeout=WAIT)
    assert graph.content() == before
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible(timeout=WAIT)
    graph.leave_fields()
    graph.press("Control+z")
    expect(graph.field(SAMPLER, "steps")).to_have_value("20")


def test_a_run_that_ended_while_the_page_was_away_is_shown_when_it_is_back(graph: Editor, seed: str) -> None:
    graph.set(SAMPLER, "seed", seed)
    graph.set(SAMPLER, "steps", "300")
    graph.run()
    expect(graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible(timeout=RUN)
    graph.page.goto("about:blank")
    for _ in range(RUN // 200):
        queue = graph.page.request.get(f"{graph.url}/queue").json()
        if not queue["queue_running"] and not queue["queue_pending"]:
            break
        graph.page.wait_for_timeout(200)
    graph.open()
    graph.expect_picture(PICTURE)


@pytest.fixture
def own_server(tmp_path: Path, server_flags: tuple[str, ...]) -> Iterator[ServerProcess]:
    """A server that a test may kill."""
    process = ServerProcess(tmp_path / "home", server_flags).start()
    process.ready()
    yield process
    process.stop()


@pytest.fixture
def own_graph(open_editor: Callable[..., Editor], own_server: ServerProcess) -> Editor:
    editor = open_editor(url=own_server.url)
    expect(editor.field(PROMPT, "text")).to_be_focused(timeout=WAIT)
    editor.leave_fields()
    return editor


def test_a_server_that_dies_in_mid_run_loses_nothing(own_graph: Editor, own_server: ServerProcess) -> None:
    own_graph.set(SAMPLER, "steps", "400")
    own_graph.run()
    expect(own_graph.node(SAMPLER).get_by_role("progressbar")).to_be_visible(timeout=RUN)
    own_server.kill()
    banner = own_graph.page.get_by_role("alert").filter(has_text="The server is gone")
    expect(banner).to_be_visible(timeout=WAIT)
    own_graph.set(PROMPT, "text", "typed while nobody listened")
    own_graph.set(SAMPLER, "cfg", "3")
    own_server.start(port=own_server.port)
    own_server.ready()
    expect(banner).to_have_count(0, timeout=RUN)
    own_graph.expect_picture(PICTURE)
    expect(own_graph.field(PROMPT, "text")).to_have_value("typed while nobody listened")
    own_graph.page.reload()
    expect(own_graph.field(PROMPT, "text")).to_have_value("typed while nobody listened", timeout=WAIT)


def test_without_a_server_run_says_so_and_the_work_stays(
    own_graph: Editor, own_server: ServerProcess
) -> None:
    own_server.stop()
    expect(own_graph.page.get_by_role("alert").filter(has_text="The server is gone")).to_be_visible(
        timeout=WAIT
    )
    own_graph.set(SAMPLER, "steps", "5")
    own_graph.run()
    expect(own_graph.toast("The server does not answer")).to_be_visible(timeout=WAIT)
    expect(own_graph.field(SAMPLER, "steps")).to_have_value("5")


def test_pages_of_two_browsers_see_each_others_jobs(graph: Editor, second: Editor, seed: str) -> None:
    queue = _held(graph, seed)
    graph.run()
    expect(queue.get_by_role("list", name="Waiting, in order").get_by_role("listitem")).to_have_count(
        1, timeout=WAIT
    )
    expect(
        second.panel("Queue").get_by_role("list", name="Waiting, in order").get_by_role("listitem")
    ).to_have_count(1, timeout=WAIT)


@pytest.fixture
def second(context: BrowserContext, graph: Editor) -> Iterator[Editor]:
    assert context.browser
    other = context.browser.new_context(viewport={"width": 1200, "height": 800})
    editor = Editor(other.new_page(), graph.url)
    editor.open()
    yield editor
    other.close()
    assert editor.complaints == []
