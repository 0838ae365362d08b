"""From a signature to a schema: what a function's annotations say about its inputs and outputs."""

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import annotated_types
from pydantic.fields import FieldInfo

from engine.context import Context
from engine.errors import NodeDefinitionError
from engine.groups import Group, Growing, Variants
from engine.spec import (
    MISSING,
    Blocked,
    Choices,
    Expansion,
    Input,
    Lazy,
    Multiline,
    Omittable,
    Output,
    Seeded,
    Step,
    Upload,
)
from engine.types import ANY, BOOLEAN, COMBO, FLOAT, INT, STRING, Socket


def _hints(class_type: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise NodeDefinitionError(f"{class_type}: its annotations cannot be evaluated: {error}") from error


class Inputs(NamedTuple):
    """What a function is given: the inputs by name, its context, and parameters that are several inputs."""

    inputs: dict[str, Input]
    context: str | None
    groups: dict[str, Group]


def read_inputs(class_type: str, function: Callable[..., Any]) -> Inputs:
    hints = _hints(class_type, function)
    inputs: dict[str, Input] = {}
    groups: dict[str, Group] = {}
    context = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise NodeDefinitionError(f"{class_type}: `{name}` must be a named parameter")
        if name not in hints:
            raise NodeDefinitionError(f"{class_type}: `{name}` has no type")
        if hints[name] is Context:
            context = name
            continue
        read = _unwrap(hints[name])
        group = next((each for each in read.extras if isinstance(each, Growing | Variants)), None)
        if group is None:
            inputs[name] = _read_input(class_type, name, hints[name], parameter.default)
            continue
        groups[name] = group
        if isinstance(group, Growing):
            inputs |= _growing(class_type, name, group, read)
        else:
            inputs |= _variants(class_type, name, group, read)
    return Inputs(inputs, context, groups)


def _growing(class_type: str, name: str, group: Growing, read: "_Reading") -> dict[str, Input]:
    each = typing.get_args(read.core)[1]
    return {
        f"{name}.{end}": replace(
            _read_input(class_type, f"{name}.{end}", each, MISSING if index < group.least else None),
            optional=index >= group.least,
            parent=name,
        )
        for index, end in enumerate(group.names)
    }


def _variants(class_type: str, name: str, group: Variants, read: "_Reading") -> dict[str, Input]:
    facts = next((extra for extra in read.extras if isinstance(extra, FieldInfo)), None)
    inputs = {
        name: Input(
            name,
            COMBO,
            choices=Choices(tuple(group.choices)),
            help=(facts.description or "") if facts else "",
        )
    }
    for choice, variant in group.choices.items():
        defaults: dict[str, Any] = variant._field_defaults  # type: ignore[attr-defined]
        for end, annotation in _hints(class_type, variant).items():
            full = f"{name}.{end}"
            given = _read_input(class_type, full, annotation, defaults.get(end))
            if end not in defaults:
                given = replace(given, optional=True)
            given = replace(given, parent=name, choosing=frozenset({choice}))
            inputs[full] = _both(class_type, inputs[full], given) if full in inputs else given
        own = [f"{name}.{end}" for end in variant._fields]  # type: ignore[attr-defined]
        if [each for each in inputs if each in own] != own:
            said = "what variants share must stand in one order, before the rest"
            raise NodeDefinitionError(f"{class_type}: `{name}`: {said}")
    return inputs


def _listed(choices: Choices) -> Sequence[str]:
    return () if callable(choices.source) else choices.source


def _both(class_type: str, first: Input, second: Input) -> Input:
    """One input that two variants ask for."""
    if (first.socket, first.default) != (second.socket, second.default):
        raise NodeDefinitionError(f"{class_type}: variants differ in the type or default of `{first.name}`")
    choices = first.choices
    if first.choices and second.choices and not callable(first.choices.source):
        more = [each for each in _listed(second.choices) if each not in first.choices.source]
        choices = Choices((*first.choices.source, *more))
    return replace(first, choices=choices, choosing=first.choosing | second.choosing)


class _Reading(NamedTuple):
    """A type taken apart: its core, what was annotated, and whether None was allowed."""

    core: Any
    extras: tuple[Any, ...]
    optional: bool


def _unwrap(annotation: Any) -> _Reading:
    extras: tuple[Any, ...] = ()
    optional = False
    while True:
        if typing.get_origin(annotation) is Annotated:
            extras += annotation.__metadata__
            annotation = annotation.__origin__
        elif typing.get_origin(annotation) in {typing.Union, types.UnionType}:
            members = typing.get_args(annotation)
            rest = [each for each in members if each not in (types.NoneType, Expansion, Blocked)]
            optional = optional or types.NoneType in members
            if len(rest) > 1:
                return _Reading(tuple(rest), extras, optional)
            annotation = rest[0] if rest else types.NoneType
        else:
            return _Reading(annotation, extras, optional)


def _read_input(class_type: str, name: str, annotation: Any, default: Any) -> Input:
    core, extras, optional = _unwrap(annotation)
    lazy = is_list = False
    if typing.get_origin(core) is Lazy:
        lazy = True
        core, more, _ = _unwrap(typing.get_args(core)[0])
        extras += more
    if typing.get_origin(core) is list:
        is_list = True
        core, more, _ = _unwrap(typing.get_args(core)[0])
        extras += more
    facts: dict[str, Any] = {}
    for extra in extras:
        match extra:
            case Choices():
                facts["choices"] = extra
            case Step(value):
                facts["step"] = value
            case Multiline():
                facts["multiline"] = extra
            case Seeded():
                facts["seeded"] = True
            case Upload():
                facts["upload"] = extra
            case Omittable():
                facts["omittable"] = True
            case FieldInfo(description=description, metadata=metadata):
                facts["help"] = description or ""
                for bound in metadata:
                    facts |= _bounds(class_type, name, bound)
            case _:
                facts |= _bounds(class_type, name, extra)
    if typing.get_origin(core) is Literal:
        facts["choices"] = Choices(typing.get_args(core))
    socket = COMBO if "choices" in facts else _socket(class_type, name, core, extras)
    if socket is FLOAT and type(default) is int:
        default = float(default)  # as a graph's 8 is: the key of a default is that of the same value given
    return Input(name, socket, default, optional=optional, lazy=lazy, is_list=is_list, **facts)


def _bounds(class_type: str, name: str, constraint: Any) -> dict[str, Any]:
    match constraint:
        case annotated_types.Ge(ge=bound):
            return {"ge": bound}
        case annotated_types.Le(le=bound):
            return {"le": bound}
        case annotated_types.BaseMetadata() | annotated_types.GroupedMetadata():
            raise NodeDefinitionError(
                f"{class_type}: `{name}` may be bound by ge and le, not by {constraint}"
            )
        case _:
            return {}


_PLAIN: Final[dict[Any, Socket]] = {int: INT, float: FLOAT, str: STRING, bool: BOOLEAN, Any: ANY, object: ANY}


def _socket(class_type: str, name: str, core: Any, extras: Sequence[Any] = ()) -> Socket:
    for extra in extras:
        if isinstance(extra, Socket):
            return extra
    if isinstance(core, tuple):  # a union: either of several sockets
        wires = [_socket(class_type, name, *_unwrap(member)[:2]).wire for member in core]
        return Socket(",".join(wires))
    if isinstance(core, TypeVar):
        return ANY
    found = _PLAIN.get(core) if core.__hash__ else None
    if found is None:
        found = getattr(core, "__socket__", None)
    if not isinstance(found, Socket):
        raise NodeDefinitionError(f"{class_type}: `{name}` is of type {core!r}, which has no socket")
    return found


def read_outputs(class_type: str, function: Callable[..., Any]) -> tuple[Output, ...]:
    hints = _hints(class_type, function)
    if "return" not in hints:
        raise NodeDefinitionError(f"{class_type}: its return type is missing")
    core = _unwrap(hints["return"]).core
    if core is types.NoneType or core is None:
        return ()
    if inspect.isclass(core) and issubclass(core, tuple) and hasattr(core, "_fields"):
        fields = _hints(class_type, core)
        return tuple(_read_output(class_type, name, fields[name]) for name in core._fields)
    return (_read_output(class_type, "", hints["return"]),)


def _read_output(class_type: str, name: str, annotation: Any) -> Output:
    core, extras, _ = _unwrap(annotation)
    is_list = typing.get_origin(core) is list
    if is_list:
        core, more, _ = _unwrap(typing.get_args(core)[0])
        extras += more
    choices = next((extra for extra in extras if isinstance(extra, Choices)), None)
    if typing.get_origin(core) is Literal:
        choices = Choices(typing.get_args(core))
    socket = COMBO if choices else _socket(class_type, name or "return", core, extras)
    return Output(name or socket.wire, socket, is_list, choices)
