"""A server that asks for its token."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from editing import WAIT, Editor
from playwright.sync_api import BrowserContext, expect
from processes import ServerProcess

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery-staple"  # noqa: S105  # of a server that lives for a test


@pytest.fixture(scope="module")
def locked(
    tmp_path_factory: pytest.TempPathFactory, server_flags: tuple[str, ...]
) -> Iterator[ServerProcess]:
    home: Path = tmp_path_factory.mktemp("locked") / "home"
    process = ServerProcess(home, (*server_flags, "--token", TOKEN)).start()
    process.ready()
    yield process
    process.stop()


def test_the_token_is_asked_for_a_wrong_one_is_refused_and_the_right_one_lets_in(
    context: BrowserContext, locked: ServerProcess
) -> None:
    page = context.new_page()
    page.goto(locked.url)
    page.get_by_label("This server asks for its token.").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the token")
    page.get_by_label("This server asks for its token.").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    editor = Editor(page, locked.url)
    expect(editor.nodes).to_have_count(7, timeout=WAIT)
    expect(page.get_by_text("Connected")).to_be_visible(timeout=WAIT)


def test_a_link_with_the_token_lets_in_and_leaves_no_token_in_the_address(
    context: BrowserContext, locked: ServerProcess
) -> None:
    editor = Editor(context.new_page(), locked.url)
    editor.open(f"/?token={TOKEN}")
    expect(editor.nodes).to_have_count(7, timeout=WAIT)
    assert TOKEN not in editor.page.url
