"""Large workflows open, and can be worked with."""

import time
from typing import Any

import pytest
from editing import RUN, WAIT, Editor
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def _large(count: int) -> dict[str, Any]:
    """Chains of nodes, in columns."""
    nodes = {
        str(index): {
            "class_type": "ImageInvert" if index % 10 else "EmptyImage",
            "inputs": {"image": [str(index - 1), 0]}
            if index % 10
            else {"width": 64, "height": 64, "batch_size": 1, "color": 0},
            "_meta": {"pos": [index % 10 * 320, index // 10 * 240]},
        }
        for index in range(count)
    }
    return {**nodes, "_workflow": {"version": 1, "title": f"{count} nodes", "id": f"large-{count}"}}


def test_a_workflow_of_five_thousand_nodes_opens_and_can_be_edited(graph: Editor) -> None:
    began = time.monotonic()
    graph.open_workflow(_large(5000))
    expect(graph.page.locator(".far-layer")).to_be_visible(timeout=RUN)
    assert time.monotonic() - began < 20
    assert len(graph.content()) == 5001
    new = graph.add("preview image")
    graph.leave_fields()
    graph.press("Control+z")
    graph.wait_for(lambda content: new not in content)
    graph.page.get_by_role("button", name="Zoom in").click()
    graph.page.reload()
    expect(graph.tab("5000 nodes")).to_be_visible(timeout=WAIT)
    assert len(graph.wait_for(lambda content: len(content) == 5001)) == 5001
