"""Node classes as ComfyUI's clients know them: the body of `/object_info`.

A combo is a list of its choices where newer clients would also take the word `COMBO`: every client reads
the list.  What people type in is a required input with a default; optional are inputs that may be left
unlinked, and widgets that older graphs lack.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.errors import UserError
from engine.files import Files
from engine.node import Growing
from engine.registry import Registry
from engine.spec import MISSING, Choices, Input, NodeSpec, Output

#: The namespace of the built-in pack, whose classes clients take for their own.
BUILTIN: Final = "core"

#: Clients put numbers without bounds between 0 and 2048, so there are always some: those of JavaScript.
BOUND: Final = 2**53 - 1

#: A float widget keeps at least these digits, however far a click moves it.
ROUND: Final = 0.01


def object_info(registry: Registry, files: Files) -> tuple[dict[str, Any], list[str]]:
    """Every class, and why some are left out.  Each folder that choices come from is listed once."""
    lists = _Lists(files)
    found: dict[str, Any] = {}
    left_out: list[str] = []
    for class_type, spec in registry.specs.items():
        try:
            found[class_type] = _node_info(spec, lists)
        except UserError as error:
            left_out.append(str(error))
    return found, left_out


def node_info(spec: NodeSpec, files: Files) -> dict[str, Any]:
    """One class.

    Raises:
        UserError: the choices of an input cannot be listed.
    """
    return _node_info(spec, _Lists(files))


class _Lists:
    """The choices of combos, listed once for each answer."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[int, list[Any]] = {}

    def __call__(self, choices: Choices) -> list[Any]:
        key = id(choices.source)
        if key not in self._known:
            self._known[key] = list(choices.values(self._files))
        return self._known[key]


def _node_info(spec: NodeSpec, lists: _Lists) -> dict[str, Any]:
    groups: dict[str, dict[str, list[Any]]] = {"required": {}, "optional": {}, "hidden": {}}
    for given in spec.inputs.values():
        name = given.parent or given.name
        if name not in spec.groups:
            group = "optional" if is_optional(given) else "required"
            groups[group][name] = [_type(spec, given, lists), dict(_options(given))]
        elif name not in groups["required"] | groups["optional"]:
            needed = not isinstance(grown := spec.groups[name], Growing) or grown.least > 0
            groups["required" if needed else "optional"][name] = _several(spec, name, lists)
    return {
        "input": groups,
        "input_order": {group: list(inputs) for group, inputs in groups.items()},
        "is_input_list": bool(spec.list_inputs),
        "output": [_type(spec, each, lists) for each in spec.outputs],
        "output_is_list": [each.is_list for each in spec.outputs],
        "output_name": [each.name for each in spec.outputs],
        "output_tooltips": ["" for _ in spec.outputs],
        "name": spec.class_type,
        "display_name": spec.display_name,
        "description": spec.description,
        "python_module": _module(spec.namespace),
        "category": spec.category,
        "output_node": spec.output_node,
        "has_intermediate_output": False,
        "deprecated": spec.deprecated,
        "experimental": spec.experimental,
        "dev_only": False,
        "api_node": False,
        "search_aliases": [],
    }


def _several(spec: NodeSpec, name: str, lists: _Lists) -> list[Any]:
    """A parameter that is several inputs: what each is like, or what each choice asks for."""
    parts = [each for each in spec.inputs.values() if each.parent == name]
    group = spec.groups[name]
    if isinstance(group, Growing):
        one = [_type(spec, parts[0], lists), dict(_options(parts[0]))]
        return [
            "COMFY_AUTOGROW_V3",
            {
                "template": {
                    "input": {"required": {_end(parts[0]).rstrip("0123456789") or _end(parts[0]): one}},
                    "names": list(group.names),
                    "min": group.least,
                }
            },
        ]
    options = []
    for choice in group.choices:
        asked = [each for each in parts if choice in each.choosing]
        inputs: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
        for each in asked:
            kind = "optional" if is_optional(each) else "required"
            inputs[kind][_end(each)] = [_type(spec, each, lists), dict(_options(each))]
        options.append({"key": choice, "inputs": inputs})
    return ["COMFY_DYNAMICCOMBO_V3", {"options": options}]


def _end(given: Input) -> str:
    return given.name.rpartition(".")[2]


def is_optional(given: Input) -> bool:
    """Whether clients list an input behind those that must be there."""
    if given.default is MISSING:
        return False
    return given.optional or given.omittable or not given.is_widget


def _module(namespace: str) -> str:
    pack = namespace.partition("@")[0]
    return "nodes" if pack == BUILTIN else f"custom_nodes.{pack}"


def _type(spec: NodeSpec, each: Input | Output, lists: _Lists) -> str | list[Any]:
    if each.choices is None:
        return each.socket.wire
    try:
        return lists(each.choices)
    except Exception as error:  # a pack's bug, or a folder that cannot be read
        said = f"{type(error).__name__}: {error}"
        raise UserError(f"{spec.class_type}: the choices of {each.name} cannot be listed: {said}") from error


def _options(given: Input) -> Iterator[tuple[str, Any]]:
    """What clients are told beside the type."""
    if given.is_widget and _is_plain(given.default):
        yield "default", given.default
    if given.help:
        yield "tooltip", given.help
    if given.lazy:
        yield "lazy", True
    match given.socket.wire:
        case "INT":
            yield from _bounds(given, step=1)
        case "FLOAT":
            yield from _bounds(given, step=ROUND)
            yield "round", min(given.step, ROUND) if given.step else False
        case "STRING":
            yield "multiline", given.multiline is not None
            if given.multiline is not None:
                yield "dynamicPrompts", given.multiline.dynamic
    if given.seeded:
        yield "control_after_generate", True
    if given.upload is not None:
        yield f"{given.upload.kind}_upload", True


def _bounds(given: Input, step: float) -> Iterator[tuple[str, float]]:
    yield "min", -BOUND if given.ge is None else given.ge
    yield "max", BOUND if given.le is None else given.le
    yield "step", given.step or step


def _is_plain(value: object) -> bool:
    """Whether JSON says a default as it is; that a widget has none is said by leaving it out."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_plain(each) for each in value)
    return isinstance(value, bool | int | float | str)
