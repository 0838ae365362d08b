"""The named inputs of a workflow, as a JSON Schema: its type, bounds and choices are the node's own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from engine.formats.document import KEY, SUBGRAPH, Lowered, Parameter
from engine.prompt import Document
from engine.spec import MISSING, Input, NodeSpec
from server.v1.nodes import Lists

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TYPES: Final = {"INT": "integer", "FLOAT": "number", "STRING": "string", "BOOLEAN": "boolean"}


class Found(NamedTuple):
    """A named input with the node's own input behind it, and the value that the document has for it."""

    name: str
    parameter: Parameter
    given: Input | None
    value: Any


def parameters(document: Document, lowered: Lowered, specs: Mapping[str, NodeSpec]) -> Iterator[Found]:
    """The named inputs in the order in which people see them."""
    subgraphs = _mapping(_mapping(document.get(KEY)).get("subgraphs"))
    for name, parameter in sorted(lowered.inputs.items(), key=lambda item: item[1].order):
        raw = _mapping(document.get(parameter.node))
        inputs = _mapping(raw.get("inputs"))
        given, default = _behind(raw, parameter.input, subgraphs, specs)
        value = inputs.get(parameter.input, default)
        yield Found(name, parameter, given, MISSING if isinstance(value, list) else value)


def _behind(
    raw: Mapping[str, Any], name: str, subgraphs: Mapping[str, Any], specs: Mapping[str, NodeSpec]
) -> tuple[Input | None, Any]:
    """The input of a node, or of the node inside a sub-graph that an instance leads it to; its default."""
    for _ in range(20):  # sub-graphs in sub-graphs
        class_type = str(raw.get("class_type"))
        if not class_type.startswith(SUBGRAPH):
            spec = specs.get(class_type)
            given = spec.inputs.get(name) if spec is not None else None
            value = _mapping(raw.get("inputs")).get(name, MISSING)
            if value is MISSING and given is not None:
                value = given.default
            return given, value
        definition = _mapping(subgraphs.get(class_type.removeprefix(SUBGRAPH)))
        targets = _mapping(_mapping(definition.get("inputs")).get(name)).get("to")
        place = (
            targets[0]
            if isinstance(targets, list) and targets
            else _mapping(definition.get("exposed")).get(name)
        )
        if not isinstance(place, list) or len(place) != 2:
            break
        raw, name = _mapping(_mapping(definition.get("graph")).get(str(place[0]))), str(place[1])
    return None, MISSING


def schema(title: str, description: str, found: list[Found], lists: Lists) -> dict[str, Any]:
    """A JSON Schema of an object of the named inputs."""
    about = {"title": title, "description": description}
    properties = {each.name: _property(each, number, lists) for number, each in enumerate(found)}
    return {
        "$schema": DIALECT,
        **{key: text for key, text in about.items() if text},
        "type": "object",
        "properties": properties,
        "required": [each.name for each in found if each.value is MISSING],
        "additionalProperties": False,
    }


def _property(found: Found, number: int, lists: Lists) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if found.parameter.title:
        facts["title"] = found.parameter.title
    given = found.given
    if text := found.parameter.help or (given.help if given is not None else ""):
        facts["description"] = text
    if given is not None:
        facts |= _value(given, lists)
    if found.value is not MISSING:
        facts["default"] = found.value
    return facts | {"x-order": number, "x-at": [found.parameter.node, found.parameter.input]}


def _value(given: Input, lists: Lists) -> dict[str, Any]:
    """What an input takes."""
    if given.upload is not None:
        picture = {
            "type": "object",
            "properties": {"base64": {"type": "string"}},
            "required": ["base64"],
        }
        names = lists(given.choices) if given.choices is not None else []
        return {
            "anyOf": [{"type": "string"}, picture],
            "examples": names[:20],
            "x-upload": given.upload.kind,
        }
    if given.choices is not None:
        return {"enum": lists(given.choices)}
    facts: dict[str, Any] = {"type": _TYPES[given.socket.wire]} if given.socket.wire in _TYPES else {}
    bounds = {"minimum": given.ge, "maximum": given.le}
    facts |= {name: value for name, value in bounds.items() if value is not None}
    if given.multiline is not None:
        facts["x-multiline"] = True
    if given.seeded:
        facts["x-seed"] = True
    if given.is_list and facts:
        facts = {"anyOf": [facts, {"type": "array", "items": facts}]}
    return facts


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
