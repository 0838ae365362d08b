"""How fast the editor is: frames while one pans, zooms and drags, its opening, what typing draws.

    python tests/benchmarks/editor/frames.py [--editor BUILD] [--nodes 100 500 1000]

A real server and a real Chromium without a graphics card.  Frame times are the distances of
`requestAnimationFrame`'s times while the mouse is at work; what is drawn anew is read from React's own trees.
"""

import argparse
import gzip
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.append(str(Path(__file__).parents[2] / "helpers"))

from editing import WAIT, Editor
from processes import ROOT, ServerProcess

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)

_RECORD = """() => {
  const times = (window.frameTimes = []);
  const next = time => { times.push(time); window.frameLoop = requestAnimationFrame(next); };
  window.frameLoop = requestAnimationFrame(next);
}"""
_RECORDED = """() => {
  cancelAnimationFrame(window.frameLoop);
  return window.frameTimes.slice(1).map((time, index) => time - window.frameTimes[index]);
}"""
#: Counts, by node, how often React drew a node anew: in a commit only what hangs below a new child was drawn.
_WATCH_REACT = """
window.drawnNodes = {};
const walk = fiber => {
  const before = fiber.alternate;
  const props = fiber.memoizedProps;
  if ((!before || fiber.flags & 1) && props?.type === "op" && "positionAbsoluteX" in props)
    window.drawnNodes[props.id] = (window.drawnNodes[props.id] ?? 0) + 1;
  if (before && before.child === fiber.child) return;
  for (let child = fiber.child; child; child = child.sibling) walk(child);
};
window.__REACT_DEVTOOLS_GLOBAL_HOOK__ = {
  supportsFiber: true, inject: () => 1, onCommitFiberUnmount() {}, onPostCommitFiberRoot() {},
  onCommitFiberRoot(_id, root) { walk(root.current); },
};
"""
_WATCH_START = """
const look = () => {
  if (document.getElementById("field-3-seed"))
    requestAnimationFrame(() => { window.ready = performance.now(); });
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def table(*rows: Iterable[object]) -> None:
    """Print rows; the first is the head."""
    head, *body = (list(map(str, row)) for row in rows)
    for row in (head, ["---"] * len(head), *body):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def workflow(count: int) -> dict[str, Any]:
    """Text-to-image graphs beside and below each other, `count` nodes in all."""
    block = json.loads((ROOT / "workflows" / "text_to_image.json").read_text())
    del block["_workflow"]
    nodes: dict[str, Any] = {}
    for number in range(-(-count // len(block))):
        column, row = number % 5, number // 5
        for key, node in block.items():
            if len(nodes) == count:
                break
            x, y = node["_meta"]["pos"]
            inputs = {
                name: [f"{number}0{value[0]}", value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            }
            nodes[f"{number}0{key}"] = {
                "class_type": node["class_type"],
                "inputs": inputs,
                "_meta": {"title": node["_meta"]["title"], "pos": [x + column * 1800, y + row * 640]},
            }
    return {**nodes, "_workflow": {"version": 1, "title": f"{count} nodes", "id": f"frames-{count}"}}


@contextmanager
def frames(page: Page) -> Iterator[list[float]]:
    """The times between the frames of what is done meanwhile, in milliseconds."""
    found: list[float] = []
    page.evaluate(_RECORD)
    yield found
    found.extend(page.evaluate(_RECORDED))


def pan(page: Page) -> None:
    mouse = page.mouse
    mouse.down()
    for step in range(60):
        mouse.move(700 - step * 5, 500 - step * 3)
    for step in range(60):
        mouse.move(400 + step * 5, 320 + step * 3)
    mouse.up()


def zoom(page: Page) -> None:
    for way in (120, -120):
        for _ in range(20):
            page.mouse.wheel(0, way / 4)
            page.wait_for_timeout(12)


def drag(page: Page) -> None:
    mouse = page.mouse
    mouse.down()
    for step in range(100):
        mouse.move(mouse_x + step * 2, mouse_y + step)
    mouse.up()


mouse_x, mouse_y = 0.0, 0.0


def gesture(page: Page, act: Callable[[Page], None]) -> str:
    with frames(page) as found:
        act(page)
    found.sort()
    return f"{statistics.median(found):.0f} / {found[int(len(found) * 0.95)]:.0f}"


def open_first(editor: Editor) -> None:
    editor.open()
    expect(editor.field(6, "text")).to_be_focused(timeout=WAIT)
    editor.leave_fields()


def zoom_to(editor: Editor, percent: int) -> None:
    """By the wheel over a node near the middle, until the zoom is about that."""
    editor.press(".")
    editor.settle()
    shown = editor.page.get_by_label("Zoom", exact=True)
    editor.page.mouse.move(*editor.page.evaluate(_MIDDLE))
    for _ in range(60):
        now = int(re.sub(r"\D", "", shown.inner_text()))
        if abs(now - percent) <= percent * 0.12:
            break
        editor.page.mouse.wheel(0, -60 if now < percent else 60)
        editor.settle()


def measure(browser: Browser, url: str, count: int) -> list[list[object]]:
    """One row for each zoom."""
    global mouse_x, mouse_y  # where the node is that is dragged
    rows: list[list[object]] = []
    page = browser.new_page(viewport={"width": 1400, "height": 860})
    editor = Editor(page, url)
    open_first(editor)
    began = time.perf_counter()
    editor.open_workflow(workflow(count))
    editor.settle()
    opened = time.perf_counter() - began
    page.keyboard.press("m")  # the map is drawn by another library's rules
    for percent in (15, 30, 80):
        zoom_to(editor, percent)
        page.mouse.move(*editor.void(3))
        panned = gesture(page, pan)
        zoomed = gesture(page, zoom)
        zoom_to(editor, percent)
        dragged = "–"
        if percent == 80:
            mouse_x, mouse_y = page.evaluate(_HEADER)
            page.mouse.move(mouse_x, mouse_y)
            dragged = gesture(page, drag)
        print(count, percent, panned, zoomed, dragged, file=sys.stderr)
        rows.append(
            [count, f"{percent} %", panned, zoomed, dragged, f"{opened:.1f}" if percent == 15 else ""]
        )
    page.close()
    return rows


_MIDDLE = """() => {
  const boxes = [...document.querySelectorAll(".react-flow__node")].map(each => each.getBoundingClientRect());
  const far = ({left, top}) => Math.hypot(left - 560, top - 400);
  const {left, top} = boxes.reduce((a, b) => (far(a) < far(b) ? a : b));
  return [left + 4, top + 4];
}"""
_HEADER = """() => {
  for (const each of document.querySelectorAll(".op-head h3")) {
    const {left, top, width, height} = each.getBoundingClientRect();
    const [x, y] = [left + Math.min(width / 2, 20), top + height / 2];
    const inside = x > 80 && y > 70 && x < 1000 && y < 700;
    if (inside && each.contains(document.elementFromPoint(x, y))) return [x, y];
  }
}"""


def typing(browser: Browser, url: str, count: int) -> list[object]:
    """Which nodes are drawn anew while somebody types, and how long a letter takes to be seen."""
    context = browser.new_context(viewport={"width": 1400, "height": 860})
    context.add_init_script(_WATCH_REACT)
    page = context.new_page()
    editor = Editor(page, url)
    open_first(editor)
    editor.open_workflow(workflow(count))
    editor.settle()
    zoom_to(editor, 80)
    field = page.locator(".react-flow__node textarea:visible").first
    node = field.evaluate("field => field.closest('.react-flow__node').dataset.id")
    field.evaluate("field => field.focus({preventScroll: true})")
    page.wait_for_timeout(1500)
    page.evaluate("() => { window.drawnNodes = {}; }")
    with frames(page) as found:
        page.keyboard.type("thirty letters, one by one ...", delay=10)
    drawn: dict[str, int] = page.evaluate("() => window.drawnNodes")
    own = drawn.pop(node, 0)
    context.close()
    found.sort()
    return [
        count,
        30,
        own,
        sum(drawn.values()),
        f"{found[len(found) // 2]:.0f} / {found[int(len(found) * 0.95)]:.0f}",
    ]


def starts(browser: Browser, url: str) -> list[float]:
    """Seconds from the navigation to the first graph, each time in a browser that has nothing yet."""
    found = []
    for _ in range(5):
        context = browser.new_context(viewport={"width": 1400, "height": 860})
        context.add_init_script(_WATCH_START)
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("() => window.ready")
        found.append(page.evaluate("() => window.ready") / 1000)
        context.close()
    return found


def first_load(build: Path) -> list[list[object]]:
    """What the page needs before it shows anything, as it is and compressed."""
    page = (build / "index.html").read_text()
    names = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
    rows: list[list[object]] = []
    for name in ("index.html", *names):
        content = (build / name).read_bytes()
        kind = re.sub(r"-[\w-]{8}\.", ".", name)
        rows.append([kind, round(len(content) / 1000), round(len(gzip.compress(content)) / 1000, 1)])
    rows.append(
        ["all", sum(int(str(row[1])) for row in rows), round(sum(float(str(row[2])) for row in rows), 1)]
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--editor", type=Path, default=ROOT / "server" / "editor" / "dist", metavar="BUILD")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 500, 1000])
    asked = parser.parse_args()
    table(["first load", "kB", "kB compressed"], *first_load(asked.editor))
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = ("--device", "cpu", "--frontend", str(asked.editor.resolve()))
        with ServerProcess(Path(folder) / "home", flags).start() as server:
            url = server.ready()
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            took = starts(browser, url)
            table(
                ["navigation to the first graph", "median, s", "highest of 5, s"],
                ["", f"{statistics.median(took):.2f}", f"{max(took):.2f}"],
            )
            rows = [row for count in asked.nodes for row in measure(browser, url, count)]
            table(["nodes", "zoom", "pan", "zooming", "drag a node", "opened, s"], *rows)
            table(
                ["nodes", "letters typed", "its node drawn", "others drawn", "frames, ms"],
                *(typing(browser, url, count) for count in asked.nodes),
            )
            browser.close()


if __name__ == "__main__":
    main()
