"""Which form a document is in, and what it is wrapped in."""

from collections.abc import Mapping
from typing import Any

from engine.prompt import Document


def is_editor_form(document: Mapping[str, Any]) -> bool:
    """Whether a document is a file of ComfyUI's editor: a list of nodes, and links beside it."""
    return isinstance(document.get("nodes"), list)


def is_node(value: Mapping[str, Any]) -> bool:
    """Whether this is one node of a graph, rather than something that holds a graph."""
    return "class_type" in value


def unwrapped(document: Document) -> Document:
    """The workflow in the body of a request that was saved as a file; any other document as it is."""
    if is_editor_form(document):
        return document
    extra = _object(_object(document.get("extra_data")).get("extra_pnginfo"))
    for candidate in (document.get("prompt"), extra.get("workflow"), document.get("workflow")):
        if isinstance(candidate, dict) and not is_node(candidate):
            return candidate
    return document


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
