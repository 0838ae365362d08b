"""Every form that a workflow comes in, made a plain graph at the entrance.

`lower(document, specs)` is the one door.  Everything behind it sees `{id: {"class_type", "inputs"}}` and
nothing else.
"""

from collections.abc import Mapping
from typing import Any

from engine.errors import DocumentError
from engine.formats.document import Lowered, lower_document
from engine.prompt import Document
from engine.spec import NodeSpec

__all__ = ["Lowered", "lower"]


def lower(document: Document, specs: Mapping[str, NodeSpec]) -> Lowered:
    """The plain graph of a document, and its named inputs and outputs.

    Raises:
        DocumentError: it is of a form, or a version, that is not read.
    """
    if _is_editor_form(document):
        raise DocumentError(
            "this file is in the editor form of ComfyUI (nodes and links); "
            'save it with "Export (API)" there and use that file'
        )
    if isinstance(inner := document.get("prompt"), dict) and "class_type" not in document["prompt"]:
        document = inner  # the body of a request, saved as a file
    return lower_document(document, specs)


def _is_editor_form(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("nodes"), list) and "links" in document
