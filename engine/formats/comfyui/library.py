"""Every sub-graph that a file defines, of today's kind and of yesterday's."""

import re
from collections.abc import Mapping
from typing import Any, Final

from engine.formats.comfyui.definitions import Definition, read_subgraph
from engine.formats.comfyui.groups import read_group
from engine.formats.comfyui.levels import Node, Report, items, mapping
from engine.spec import NodeSpec

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_GROUP: Final = re.compile(r"workflow[>/](.+)", re.DOTALL)


class Library:
    """Finds definitions by the class of an instance, and reads each when it is asked for."""

    def __init__(self, document: Mapping[str, Any], specs: Mapping[str, NodeSpec], report: Report) -> None:
        self._raw = _subgraphs(document)
        self._groups = mapping(mapping(document.get("extra")).get("groupNodes"))
        self._specs = specs
        self._report = report
        self._read: dict[str, Definition] = {}

    def __contains__(self, class_type: str) -> bool:
        return class_type in self._raw or self._group(class_type) is not None

    def is_missing(self, class_type: str) -> bool:
        """Whether a class names a definition that is not there."""
        is_named = _UUID.fullmatch(class_type) or _GROUP.fullmatch(class_type)
        return bool(is_named) and class_type not in self and class_type not in self._specs

    def find(self, node: Node) -> Definition:
        """What an instance stands for."""
        group = self._group(node.type)
        if group is not None:
            return read_group(group, node, self._specs, self._report)
        if node.type not in self._read:
            self._read[node.type] = read_subgraph(node.type, self._raw[node.type], self._report)
        return self._read[node.type]

    def inside(self, class_type: str) -> Mapping[str, Any]:
        """The definition of a class as the file has it."""
        return self._group(class_type) or self._raw.get(class_type, {})

    def _group(self, class_type: str) -> Mapping[str, Any] | None:
        match = _GROUP.fullmatch(class_type)
        group = self._groups.get(match[1]) if match else None
        return group if isinstance(group, dict) else None


def _subgraphs(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Definitions at every depth; of those with one id the outermost holds."""
    waiting: list[Mapping[str, Any]] = [document]
    found: dict[str, Mapping[str, Any]] = {}
    for each in waiting:
        for raw in items(mapping(each.get("definitions")).get("subgraphs")):
            if isinstance(raw, dict) and isinstance(raw.get("id"), str):
                found.setdefault(raw["id"], raw)
                waiting.append(raw)
    return found
