"""The editor as a person meets it: what is on the page by its role and name, and how to work with it."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

#: How long a picture may take on a busy machine, in milliseconds.
RUN = 60_000
#: How long anything else may take there.
WAIT = 15_000

#: What browsers say about servers that refuse or are gone, whatever the page does.
_EXPECTED = re.compile("Failed to load resource|^WebSocket connection to .* failed")

#: A place of the canvas where nothing is, `margin` pixels away from whatever is there.
_VOID = """margin => {
  const free = (x, y) => document.elementFromPoint(x, y)?.classList.contains("react-flow__pane");
  const box = document.querySelector(".react-flow__pane").getBoundingClientRect();
  for (let y = box.bottom - margin - 10; y > box.top + margin; y -= 20)
    for (let x = box.left + margin + 10; x < box.right - margin; x += 20)
      if ([-margin, 0, margin].every(a => [-margin, 0, margin].every(b => free(x + a, y + b)))) return [x, y];
  return null;
}"""

_PLACES = """() => {
  const moving = document.querySelectorAll(".react-flow__viewport, .react-flow__node");
  return [...moving].map(each => each.style.transform).join();
}"""

_DROP = """([name, type, content, x, y]) => {
  const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, {type}));
  const target = document.elementFromPoint(x, y);
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(
      new DragEvent(kind, {bubbles: true, cancelable: true, clientX: x, clientY: y, dataTransfer}));
}"""


@dataclass
class Editor:
    """One page."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _EXPECTED.search(message.text):
            self.complaints.append(message.text)

    def open(self, path: str = "/") -> None:
        self.page.goto(self.url + path)
        expect(self.page.get_by_role("button", name="Run", exact=True).first).to_be_visible(timeout=15_000)

    # What is there.

    def node(self, node: str | int) -> Locator:
        return self.page.get_by_test_id(f"node-{node}")

    @property
    def nodes(self) -> Locator:
        return self.page.locator("[data-testid^='node-']")

    def field(self, node: str | int, name: str) -> Locator:
        """The widget of an input."""
        return self.page.locator(f"#field-{node}-{name}")

    @property
    def links(self) -> Locator:
        return self.page.locator(".react-flow__edge")

    def document(self) -> dict[str, Any]:
        """The workflow that is open, as it would be saved."""
        loaded: dict[str, Any] = json.loads(self.page.evaluate("() => window.safelight.document()"))
        return loaded

    def content(self) -> dict[str, Any]:
        """The workflow that is open, but for where one looks."""
        document = self.document()
        document.get("_workflow", {}).pop("viewport", None)
        return document

    def wait_for(self, what: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The workflow's content, once it is as it is to be."""
        for _ in range(WAIT // 100):
            with suppress(KeyError):
                if what(content := self.content()):
                    return content
            self.page.wait_for_timeout(100)
        raise AssertionError(json.dumps(self.content(), indent=1))

    def classes(self) -> list[str]:
        """The classes of the nodes that are there, sorted."""
        return sorted(each["class_type"] for id_, each in self.content().items() if id_ != "_workflow")

    @property
    def plan(self) -> Locator:
        """What Run would do, or how far it is."""
        return self.page.locator(".plan")

    def tab(self, title: str) -> Locator:
        return self.page.locator(".tabs").get_by_role("tab", name=title)

    def panel(self, name: str) -> Locator:
        """Open a panel of the drawer."""
        tab = self.page.get_by_role("tablist", name="Panels").get_by_role("tab", name=name)
        if tab.get_attribute("aria-selected") != "true":
            tab.click()
        return self.page.get_by_role("tabpanel", name=name)

    def dialog(self, name: str) -> Locator:
        return self.page.get_by_role("dialog", name=name)

    def focused(self) -> str | None:
        """The name of what has the focus."""
        name: str | None = self.page.evaluate("() => document.activeElement?.getAttribute('aria-label')")
        return name

    # What people do.

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def leave_fields(self) -> None:
        """Have no field focused, so that keys are the canvas's."""
        self.page.evaluate("() => document.activeElement?.blur()")

    def run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).first.click()

    def picture(self, node: str | int) -> Locator:
        """The finished picture on a node."""
        return self.node(node).locator("img.result:not(.preview)").first

    def expect_picture(self, node: str | int) -> None:
        expect(self.picture(node)).to_be_visible(timeout=RUN)
        shown = self.picture(node)
        self.page.wait_for_function("image => image.naturalWidth > 0", arg=shown.element_handle())

    def set(self, node: str | int, name: str, value: str) -> None:
        """Type into a number or a text."""
        self.field(node, name).fill(value)
        self.field(node, name).press("Tab")

    def begin(self) -> None:
        """An empty workflow, in a tab of its own."""
        self.page.get_by_role("button", name="New workflow").click()
        expect(self.nodes).to_have_count(0, timeout=WAIT)

    def command(self, title: str) -> None:
        """Find a command by its name, and do it."""
        self.leave_fields()
        self.press("Control+k")
        self.page.get_by_role("combobox", name="Find a command").fill(title)
        self.press("Enter")

    def search(self, words: str) -> None:
        """Type into the search that is open, and take the best match."""
        self.page.get_by_role("combobox", name="Search nodes").fill(words)
        self.press("Enter")

    def void(self, margin: int = 30) -> tuple[float, float]:
        """A place of the canvas where nothing is."""
        found = self.page.evaluate(_VOID, margin)
        assert found, "the canvas is full"
        x, y = found
        return x, y

    def add(self, words: str) -> str:
        """Double-click the canvas, and add the best match; gives the new node's id."""
        before = set(self.document())
        self.page.mouse.dblclick(*self.void())
        self.search(words)
        content = self.wait_for(lambda content: set(content) - before - {"_workflow"})
        (new,) = set(content) - before - {"_workflow"}
        return new

    def select(self, *nodes: str | int) -> None:
        for index, node in enumerate(nodes):
            self.node(node).locator("header").click(modifiers=["Shift"] if index else [])

    def offer(self, node: str | int, entry: str) -> None:
        """Choose from a node's menu."""
        self.node(node).locator("header").click(button="right")
        self.page.get_by_role("menu").get_by_text(entry, exact=True).click()

    def open_file(self, name: str, content: bytes) -> None:
        """Choose a file to open."""
        self.leave_fields()
        with self.page.expect_file_chooser() as chooser:
            self.press("Control+o")
        chooser.value.set_files({"name": name, "mimeType": "", "buffer": content})

    def open_workflow(self, document: dict[str, Any], name: str = "opened.json") -> None:
        self.open_file(name, json.dumps(document).encode())
        expect(self.tab(document["_workflow"]["title"])).to_be_visible(timeout=WAIT)

    def drop(self, name: str, content: bytes, kind: str = "") -> None:
        """Drop a file on the canvas."""
        x, y = self.void()
        self.page.evaluate(_DROP, [name, kind, base64.b64encode(content).decode(), x, y])

    def socket(self, node: str | int, name: str) -> Locator:
        """A socket by the name that a screen reader says: `Input model`, `Output MODEL`."""
        return self.node(node).get_by_label(re.compile(rf"^{re.escape(name)}(,|$)")).first

    def settle(self) -> None:
        """Wait until nothing moves: neither the view nor the nodes."""
        last = ""
        while (now := self.page.evaluate(_PLACES)) != last:
            last = now
            self.page.wait_for_timeout(250)

    def drag(self, start: Locator, end: Locator | tuple[float, float], *, drop: bool = True) -> None:
        """Drag from the middle of one thing to another, or to a place."""
        box = start.bounding_box()
        assert box is not None
        if isinstance(end, Locator):
            target = end.bounding_box()
            assert target is not None
            x, y = target["x"] + target["width"] / 2, target["y"] + target["height"] / 2
        else:
            x, y = end
        mouse = self.page.mouse
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(x - 8, y - 8, steps=6)
        mouse.move(x, y, steps=3)
        if drop:
            mouse.up()

    def toast(self, words: str | re.Pattern[str]) -> Locator:
        return self.page.locator(".toast").filter(has_text=words).first
