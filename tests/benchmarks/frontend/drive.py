"""Drives ComfyUI's own front-end in a browser, as a person would, and says what works.

    pip install comfyui-frontend-package playwright      # and a Chromium
    safelight serve --frontend comfyui
    python tests/benchmarks/frontend/drive.py --url http://127.0.0.1:8188 --out screenshots

It downloads nothing.  It loads workflows, runs them, makes mistakes, cancels, uploads, and reloads the page
in the middle of a run, each time looking at what the page shows.  One line for each check, a screenshot
after each when a folder is given.  Exit codes: 0 all is well, 1 something is not, 2 it could not begin.
"""

import argparse
import base64
import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Error, Page, Response, WebSocket, sync_playwright

REPOSITORY: Final = Path(__file__).resolve().parents[3]

#: What the page asks of other machines or complains of by itself; none of it is the server's.
BENIGN: Final = ("api.comfy.org", "huggingface.co", "Failed to load resource", "PromptExecutionError")

_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

_DROP: Final = """([name, type, content]) => {
  const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type}));
  const place = {dataTransfer: data, bubbles: true, cancelable: true, clientX: 600, clientY: 400};
  const canvas = document.getElementById("graph-canvas");
  for (const kind of ["dragenter", "dragover", "drop"]) canvas.dispatchEvent(new DragEvent(kind, place));
}"""
_PICTURES: Final = """type => app.graph._nodes.filter(node => node.type === type)
  .flatMap(node => (node.imgs || []).filter(image => image.naturalWidth).map(image => image.src))"""
_SET: Final = """([type, name, value]) => {
  const node = app.graph._nodes.find(node => node.type === type);
  node.widgets.find(widget => widget.name === name).value = value;
}"""
_PICTURE_GRAPH: Final = """() => {
  app.graph.clear();
  const load = LiteGraph.createNode("LoadImage"), save = LiteGraph.createNode("SaveImage");
  app.graph.add(load); app.graph.add(save);
  load.pos = [100, 100]; save.pos = [500, 100];
  load.connect(0, save, 0);
}"""
_CHOOSE: Final = """() => app.graph._nodes.find(node => node.type === "LoadImage")
  .widgets.find(widget => widget.type === "button").callback()"""
_CHOSEN: Final = """() => app.graph._nodes.find(node => node.type === "LoadImage")
  .widgets.find(widget => widget.name === "image").value"""


class Driver:
    """One browser page on one server."""

    def __init__(self, page: Page, url: str, out: Path | None) -> None:
        self.page = page
        self.url = url
        self.out = out
        self.failed = 0
        self.complaints: list[str] = []
        self.frames: Counter[str] = Counter()
        self.refused: list[str] = []
        page.on("console", lambda said: self._complain(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._complain(f"uncaught: {error}"))
        page.on("response", self._answered)
        page.on("websocket", self._socket)

    def _complain(self, text: str) -> None:
        if not any(each in text for each in BENIGN):
            self.complaints.append(text[:300])

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.request.method} {response.url}")

    def _socket(self, socket: WebSocket) -> None:
        def received(frame: str | bytes) -> None:
            kind = json.loads(frame)["type"] if isinstance(frame, str) else f"binary {frame[3]}"
            self.frames[kind] += 1

        socket.on("framereceived", received)

    def check(self, what: str, action: Callable[[], object]) -> None:
        """Do something, and say whether it went well."""
        self.complaints.clear()
        self.refused.clear()
        self.frames.clear()
        begun = time.monotonic()
        try:
            action()
            wrong = "; ".join([*self.complaints, *self.refused])
        except (AssertionError, Error) as error:
            wrong = "; ".join([str(error).splitlines()[0], *self.complaints, *self.refused])
        seconds = time.monotonic() - begun
        self.failed += bool(wrong)
        print(
            f"{'FAILED' if wrong else 'ok':6} {what} ({seconds:.1f} s){': ' + wrong if wrong else ''}",
            flush=True,
        )
        if self.out is not None:
            self.page.screenshot(path=self.out / f"{what.replace(' ', '_')}.png")

    def wait(self, what: str, expression: str, argument: Any = None, seconds: float = 60) -> Any:
        """Ask the page until it says something that is true."""
        return self.until(what, lambda: self.page.evaluate(expression, argument), seconds)

    def until(self, what: str, found: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
            self.page.wait_for_timeout(50)
        return value

    def heard(self, kind: str, seconds: float = 60) -> None:
        self.until(f"no {kind} on the socket", lambda: self.frames[kind], seconds)

    # What a person does.

    def open(self) -> None:
        self.page.goto(self.url)
        self.ready()

    def ready(self) -> None:
        self.wait("the page does not come up", "() => !!(window.app && window.app.graph)", seconds=90)
        self.page.wait_for_timeout(2000)

    def drop(self, name: str, content: bytes, nodes: int) -> None:
        kind = "image/png" if name.endswith(".png") else "application/json"
        self.page.evaluate(_DROP, [name, kind, base64.b64encode(content).decode()])
        self.wait(f"{name} is not loaded", f"() => app.graph._nodes.length === {nodes}", seconds=20)
        self.page.wait_for_timeout(500)
        self.page.keyboard.press(".")  # all of it in view
        self.page.wait_for_timeout(500)

    def put(self, class_type: str, widget: str, value: Any) -> None:
        self.page.evaluate(_SET, [class_type, widget, value])

    def run(self) -> None:
        self.page.locator("[data-testid=queue-button]:visible, button[aria-label=Run]:visible").first.click(
            timeout=5000
        )

    def look_at(self, class_type: str) -> None:
        """What is out of view shows no pictures."""
        self.page.evaluate(
            "type => app.canvas.centerOnNode(app.graph._nodes.find(node => node.type === type))", class_type
        )
        self.page.wait_for_timeout(300)

    def pictures(self, class_type: str = "SaveImage") -> frozenset[str]:
        return frozenset(self.page.evaluate(_PICTURES, class_type))

    def picture(self, class_type: str = "SaveImage", before: frozenset[str] = frozenset()) -> None:
        self.look_at(class_type)
        self.until(f"no new picture on {class_type}", lambda: self.pictures(class_type) - before, 20)

    # Checks.

    def palette(self) -> None:
        """Every class of the server is a node that can be added."""
        missing = self.page.evaluate(
            "async () => { const classes = Object.keys(await (await fetch('/api/object_info')).json());"
            " return classes.filter(each => !LiteGraph.registered_node_types[each]); }"
        )
        assert not missing, f"not in the palette: {missing}"

    def run_to_the_picture(self) -> None:
        before = self.pictures()
        self.put("KSampler", "seed", int(time.time() * 1000))
        self.run()
        self.until("no progress in the title", lambda: "%" in self.page.title())
        self.heard("execution_success")
        self.picture(before=before)

    def previews(self) -> None:
        self.put("KSampler", "seed", int(time.time() * 1000))
        self.put("KSampler", "steps", 60)
        self.run()
        self.heard("binary 4")
        self.picture("KSampler")
        self.heard("execution_success")
        self.put("KSampler", "steps", 20)

    def mistake(self) -> None:
        """A wrong value is marked on its node, and the server says so with a 400."""
        self.put("KSampler", "steps", 0)
        self.run()
        self.until("the server does not refuse", lambda: self.refused)
        assert all(each.startswith("400 POST") for each in self.refused), self.refused
        self.refused.clear()
        self.wait(
            "the node is not marked",
            "() => Object.values(app.lastNodeErrors || {}).some(each => each.class_type === 'KSampler')",
            seconds=10,
        )
        self.page.keyboard.press("Escape")  # older versions show a dialog
        self.page.wait_for_timeout(1000)
        self.put("KSampler", "steps", 20)

    def failure(self) -> None:
        """A node that fails is marked, and its words are shown."""
        self.put("SaveImage", "filename_prefix", "../outside")
        self.run()
        self.heard("execution_error")
        self.wait(
            "the node is not marked",
            "() => app.graph._nodes.some(node => node.type === 'SaveImage' && ("
            " String((app.lastExecutionError || {}).node_id) === String(node.id)))",
            seconds=10,
        )
        details = self.page.get_by_role("button", name="View details")
        if details.count():
            details.first.click(timeout=5000)
        self.wait("nothing is said", "() => document.body.innerText.includes('outside')", seconds=10)
        self.page.wait_for_timeout(500)

    def mend(self) -> None:
        self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(1000)
        self.put("SaveImage", "filename_prefix", "text_to_image")

    def several(self) -> None:
        """Jobs that wait are counted, run in turn, and all their pictures come."""
        for _ in range(3):
            self.put("KSampler", "seed", int(time.time() * 1000))
            self.run()
        self.until("not all of them ended", lambda: self.frames["execution_success"] >= 3)
        self.wait("the queue is not empty", "async () => " + _REMAINING + " === 0", seconds=20)

    def picture_with_a_workflow(self) -> None:
        """A written picture that is dropped brings its graph along."""
        source = min(self.pictures())
        with urllib.request.urlopen(source) as response:  # noqa: S310  # from the page that is driven
            content = response.read()
        self.page.evaluate("() => app.graph.clear()")
        self.drop("picture.png", content, 7)

    def begin_long_run(self) -> None:
        self.put("KSampler", "seed", int(time.time() * 1000))
        self.put("KSampler", "steps", 1500)
        self.run()
        self.heard("progress")

    def cancel(self) -> None:
        self.begin_long_run()
        self.page.locator("button[aria-label='Cancel current run']:visible").first.click(timeout=5000)
        self.heard("execution_interrupted", 20)
        self.put("KSampler", "steps", 20)
        self.wait("the run does not end", "async () => " + _REMAINING + " === 0", seconds=20)

    def reload(self) -> None:
        self.begin_long_run()
        self.frames.clear()
        self.page.reload()
        self.ready()
        self.heard("executing", 20)
        self.heard("progress_state", 20)
        self.until("no progress in the title", lambda: "%" in self.page.title(), 20)
        self.page.locator("button[aria-label='Cancel current run']:visible").first.click(timeout=5000)
        self.heard("execution_interrupted", 20)

    def toggle_past(self) -> None:
        self.page.locator(
            "button[aria-label^='Assets']:visible, button[aria-label^='Queue (']:visible"
        ).first.click(timeout=5000)

    def past(self) -> None:
        """The panel of what has run shows pictures."""
        self.toggle_past()
        self.wait(
            "no pictures in the panel",
            "() => [...document.querySelectorAll('img')].some("
            "each => each.src.includes('/api/view') && each.naturalWidth)",
            seconds=20,
        )
        self.page.wait_for_timeout(500)

    def upload(self) -> None:
        self.page.evaluate(_PICTURE_GRAPH)
        with self.page.expect_file_chooser() as chooser:
            self.page.evaluate(_CHOOSE)
        chooser.value.set_files(REPOSITORY / "workflows" / "input" / "red_circle.png")
        self.wait("the picture is not chosen", f"() => String(({_CHOSEN})()).startsWith('red_circle')")
        self.page.keyboard.press(".")
        self.picture("LoadImage")
        self.run()
        self.heard("execution_success")
        self.picture()

    def many_nodes(self) -> None:
        """Beyond 64 nodes only what changed is told; the page must not mind."""
        graph: dict[str, Any] = {
            "1": {
                "class_type": "EmptyImage",
                "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": int(time.time()) % 0xFFFFFF},
            }
        }
        for node in range(2, 202):
            graph[str(node)] = {"class_type": "ImageInvert", "inputs": {"image": [str(node - 1), 0]}}
        graph["202"] = {
            "class_type": "SaveImage",
            "inputs": {"images": ["201", 0], "filename_prefix": "many"},
        }
        self.drop("many.json", json.dumps(graph).encode(), len(graph))
        self.run()
        self.heard("execution_success")
        self.until("a progress remains in the title", lambda: "%" not in self.page.title(), 20)
        self.picture()


_REMAINING: Final = "(await (await fetch('/api/prompt')).json()).exec_info.queue_remaining"


def plain(path: Path) -> bytes:
    """A workflow of ours as other programs save it: without the key that says more."""
    document = json.loads(path.read_bytes())
    return json.dumps({node: raw for node, raw in document.items() if node != "_workflow"}).encode()


def drive(page: Page, url: str, out: Path | None) -> int:
    """Every check; gives how many failed."""
    driver = Driver(page, url, out)
    graph = plain(REPOSITORY / "workflows" / "text_to_image.json")
    driver.check("the page loads", driver.open)
    if driver.failed:
        return driver.failed
    driver.check("the palette has the nodes", driver.palette)
    template = page.evaluate(
        "async () => await (await fetch('/api/workflow_templates/safelight/text_to_image.json')).text()"
    )
    driver.check("a file of the editor loads", lambda: driver.drop("editor.json", template.encode(), 7))
    driver.check("it runs to the picture", driver.run_to_the_picture)
    driver.check("an API graph loads", lambda: driver.drop("text_to_image.json", graph, 7))
    driver.check("it runs to its picture", driver.run_to_the_picture)
    driver.check("previews show", driver.previews)
    driver.check("a mistake is marked on its node", driver.mistake)
    driver.check("it runs again", driver.run_to_the_picture)
    driver.check("several wait and run", driver.several)
    driver.check("a picture brings its workflow", driver.picture_with_a_workflow)
    driver.check("it runs once more", driver.run_to_the_picture)
    driver.check("a failure is shown on its node", driver.failure)
    driver.mend()
    driver.check("the past is shown", driver.past)
    driver.check("the panel closes", driver.toggle_past)
    driver.check("a run is cancelled", driver.cancel)
    driver.check("a reload catches up", driver.reload)
    driver.check("a picture is uploaded", driver.upload)
    driver.check("two hundred nodes run", driver.many_nodes)
    return driver.failed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8188", help="where the server is")
    parser.add_argument("--out", type=Path, help="a folder for screenshots")
    parser.add_argument("--browser", help="the browser's program (Playwright's own)")
    arguments = parser.parse_args()
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=arguments.browser, args=list(_FLAGS))
        except Error as error:
            print(f"error: the browser does not start: {str(error).splitlines()[0]}", file=sys.stderr)
            return 2
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        failed = drive(page, arguments.url.rstrip("/"), arguments.out)
        browser.close()
    print(f"{failed} failed" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
