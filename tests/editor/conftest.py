"""A real server with Pinhole, and the editor in a real Chromium.

`pytest -m browser` runs these tests.  `SAFELIGHT_EDITOR=DIR` looks at another build than the committed one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editing import WAIT, Editor
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from processes import ServerProcess

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.fail("these tests need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def server_flags() -> tuple[str, ...]:
    build = os.environ.get("SAFELIGHT_EDITOR")
    return ("--device", "cpu", *(("--frontend", build) if build else ()))


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, server_flags: tuple[str, ...]
) -> Iterator[ServerProcess]:
    """One server for all tests; each test has a browser of its own."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "home", server_flags).start()
    process.ready()
    yield process
    process.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1400, "height": 860}, color_scheme="dark")
    opened.set_default_timeout(WAIT)
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def open_editor(context: BrowserContext, server: ServerProcess) -> Iterator[Callable[..., Editor]]:
    """Opens the editor in a new tab of this test's browser; what its console complains of fails the test."""
    opened: list[Editor] = []

    def open_(path: str = "/", url: str = "", width: int = 0, height: int = 0) -> Editor:
        editor = Editor(context.new_page(), url or server.url)
        if width:
            editor.page.set_viewport_size({"width": width, "height": height})
        opened.append(editor)
        editor.open(path)
        return editor

    yield open_
    complaints = [each for editor in opened for each in editor.complaints]
    assert complaints == []


@pytest.fixture
def editor(open_editor: Callable[..., Editor]) -> Editor:
    """The editor as it opens the first time."""
    return open_editor()


@pytest.fixture
def graph(editor: Editor) -> Editor:
    """The editor on the first workflow, when keys are the canvas's."""
    expect(editor.field(6, "text")).to_be_focused(timeout=WAIT)
    editor.leave_fields()
    return editor


@pytest.fixture(autouse=True)
def quiet(context: BrowserContext, server: ServerProcess) -> Iterator[None]:
    """Nothing of a test runs on into the next."""
    yield
    for route, data in (("/queue", {"clear": True}), ("/interrupt", {}), ("/v1/queue/resume", {})):
        assert context.request.post(server.url + route, data=data).ok


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots of this test go."""
    folder = Path(os.environ.get("SAFELIGHT_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
