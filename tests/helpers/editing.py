"""The editor as a person meets it: what is on the page by its role and name, and how to work with it."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

#: How long a picture may take on a busy machine, in milliseconds.
RUN = 60_000


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
        if message.type == "error" and "Failed to load resource" not in message.text:
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
        """The workflow that is open, as the page keeps it over a reload."""
        self.page.wait_for_timeout(700)  # edits are kept after a moment
        document = self.page.evaluate("() => window.safelight.document()")
        loaded: dict[str, Any] = json.loads(document)
        return loaded

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

    def search(self, words: str) -> None:
        """Type into the search that is open, and take the best match."""
        self.page.get_by_role("combobox", name="Search nodes").fill(words)
        self.press("Enter")

    def add(self, words: str, x: int = 700, y: int = 760) -> None:
        """Double-click the canvas, and add the best match."""
        self.page.mouse.dblclick(x, y)
        self.search(words)

    def socket(self, node: str | int, name: str) -> Locator:
        """A socket by the name that a screen reader says: `Input model`, `Output MODEL`."""
        return self.node(node).get_by_label(re.compile(rf"^{re.escape(name)}(,|$)")).first

    def drag(self, start: Locator, end: Locator | tuple[float, float]) -> None:
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
        mouse.up()

    def toast(self, words: str | re.Pattern[str]) -> Locator:
        return self.page.locator(".toast").filter(has_text=words).first
