"""The API form of ComfyUI: the plain graph, with titles, and nothing left to defaults."""

from collections.abc import Mapping
from typing import Any

from engine.formats.document import Lowered
from engine.spec import MISSING, NodeSpec


def to_api(lowered: Lowered, specs: Mapping[str, NodeSpec]) -> dict[str, Any]:
    """What a server takes that does not know our defaults: there every widget must have its value."""
    return {node: _node(node, raw, lowered, specs) for node, raw in lowered.graph.items()}


def _node(node: str, raw: Any, lowered: Lowered, specs: Mapping[str, NodeSpec]) -> Any:
    if not isinstance(raw, dict) or not isinstance(raw.get("inputs", {}), dict):
        return raw
    class_type = raw.get("class_type")
    spec = specs.get(class_type) if isinstance(class_type, str) else None
    inputs = dict(raw.get("inputs", {}))
    for given in spec.inputs.values() if spec is not None else ():
        if given.is_widget and given.default is not MISSING and given.default is not None:
            inputs.setdefault(given.name, given.default)
    title = lowered.titles.get(node) or (spec.display_name if spec is not None else str(class_type))
    return {"inputs": inputs, "class_type": class_type, "_meta": {"title": title}}
