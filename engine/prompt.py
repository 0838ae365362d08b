"""The API graph: `{id: {"class_type", "inputs"}}`, parsed and nothing more.

A link is `[node id, output index]`.  Any other list as a value is a mistake; a literal list is written
`{"__value__": [...]}`.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.errors import DocumentError

Document = dict[str, Any]
PlainGraph = Mapping[str, Mapping[str, Any]]


class Link(NamedTuple):
    """Output number `output` of node `node`."""

    node: str
    output: int


def read_json(text: str | bytes, name: str = "the document") -> Any:
    """JSON that may hold NaN, as files in the wild do; validation refuses it where it matters.

    Raises:
        DocumentError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise DocumentError(f"{name}: nested too deeply to be a workflow") from None
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"{name}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except UnicodeDecodeError:
        raise DocumentError(f"{name}: not JSON: it is not a text in UTF-8") from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise DocumentError(f"{name}: not JSON: {error}") from None


def as_document(value: Any, name: str = "the document") -> Document:
    """The top level of a workflow.

    Raises:
        DocumentError: it is not an object.
    """
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a bare value")
        raise DocumentError(f'{name}: expected an object of nodes, {{"id": {{"class_type": …}}}}, not {kind}')
    return value


def is_link(value: Any) -> bool:
    """Whether an input's value means a link (it may still be a wrong one)."""
    return type(value) is list
