"""How large and how deep a document may be."""

from typing import Any, Final

from server.config import Settings
from server.refusal import Refusal

#: How deep objects and lists of a document may nest; those of people are below 20.
MAX_DEPTH: Final = 200


def check_limits(document: dict[str, Any], settings: Settings) -> None:
    """Refuse what is too large or too deep to be a workflow; no recursion, linear.

    Raises:
        Refusal: it is.
    """
    nodes = document.get("nodes")
    count = max(len(document), len(nodes) if isinstance(nodes, list) else 0)
    if count > settings.max_nodes:
        raise Refusal(
            413, "too_many_nodes", f"the graph has {count} nodes; the limit is {settings.max_nodes}"
        )
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            inner = value.values() if isinstance(value, dict) else value
            below += [each for each in inner if isinstance(each, dict | list)]
        if not below:
            return
        level = below
    raise Refusal(400, "too_deep", f"the document nests deeper than {MAX_DEPTH} levels")
