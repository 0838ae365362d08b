"""Pictures of the editor's main states, for people to look at.

python tests/benchmarks/editor/pictures.py FOLDER [--editor BUILD]
"""

import argparse
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.append(str(Path(__file__).parents[2] / "helpers"))

from editing import RUN, WAIT, Editor
from frames import FLAGS
from processes import ROOT, ServerProcess

PROMPTS = (
    "a red circle on a white background",
    "a yellow star above a blue square on a black background",
    "a green triangle on a white background",
)


class Album:
    """Where the pictures go, as WebP."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def add(self, name: str, page: Page) -> None:
        page.wait_for_timeout(500)  # what fades in is there
        path = self._folder / f"{name}.webp"
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=82, method=6)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def run(editor: Editor, prompt: str) -> None:
    editor.set(6, "text", prompt)
    editor.run()
    expect(editor.plan).to_have_text("nothing to run: all cached", timeout=RUN)
    editor.expect_picture(9)


def desk(browser: Browser, url: str, album: Album) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 860}, color_scheme="dark")
    page.set_default_timeout(WAIT)
    editor = Editor(page, url)
    editor.open()
    for prompt in PROMPTS:
        run(editor, prompt)
    editor.leave_fields()
    editor.press("Escape")
    editor.press(".")
    editor.settle()
    album.add("graph_dark", page)
    page.emulate_media(color_scheme="light")
    album.add("graph_light", page)

    queue = editor.panel("Queue")
    queue.get_by_role("button", name="Pause the queue").click()
    expect(queue.get_by_role("button", name="Resume the queue")).to_be_visible()
    for seed in ("7", "8", "9"):
        editor.set(3, "seed", seed)
        editor.run()
    expect(queue.get_by_role("list", name="Waiting, in order").get_by_role("listitem")).to_have_count(3)
    album.add("queue", page)
    queue.get_by_role("button", name="Resume the queue").click()
    expect(editor.plan).to_have_text("nothing to run: all cached", timeout=RUN)

    page.emulate_media(color_scheme="dark")
    gallery = editor.panel("Gallery")
    expect(gallery.get_by_role("button", name=re.compile("^Look at "))).to_have_count(6, timeout=RUN)
    album.add("gallery", page)
    boxes = gallery.get_by_role("checkbox", name=re.compile("to compare$"))
    boxes.nth(0).click()
    boxes.nth(4).click()
    gallery.get_by_role("button", name="Compare").click()
    expect(editor.dialog("Compare two pictures")).to_be_visible()
    album.add("compare", page)
    editor.press("Escape")
    editor.panel("Profile")
    album.add("profile", page)

    page.get_by_role("button", name="Hide the panel").click()
    editor.settle()
    editor.select("6", "7")
    editor.press("Control+Shift+g")
    dialog = editor.dialog("Make a sub-graph")
    dialog.get_by_label("Name").fill("What to draw")
    dialog.get_by_role("button", name="Make").click()
    made = page.locator(".op").filter(has_text="What to draw")
    expect(made).to_be_visible()
    album.add("sub_graph", page)
    made.locator("header").dblclick()
    expect(page.get_by_role("navigation", name="Sub-graphs")).to_be_visible()
    editor.settle()
    album.add("sub_graph_open", page)
    page.close()


def telephone(browser: Browser, url: str, album: Album) -> None:
    page = browser.new_page(
        viewport={"width": 390, "height": 844}, color_scheme="dark", device_scale_factor=2
    )
    editor = Editor(page, url)
    editor.open()
    album.add("form_telephone", page)
    page.locator(".run-bar").get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=RUN)
    page.get_by_role("region", name="Results").scroll_into_view_if_needed()
    page.emulate_media(color_scheme="light")
    album.add("form_telephone_result", page)
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--editor", type=Path, default=ROOT / "server" / "editor" / "dist", metavar="BUILD")
    asked = parser.parse_args()
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = ("--device", "cpu", "--frontend", str(asked.editor.resolve()))
        with ServerProcess(Path(folder) / "home", flags).start() as server:
            url = server.ready()
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            album = Album(asked.folder)
            desk(browser, url, album)
            telephone(browser, url, album)
            browser.close()


if __name__ == "__main__":
    main()
