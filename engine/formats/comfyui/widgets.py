"""What widgets say, by name.

The editor keeps the values of a node's widgets as an array in the order of its schema, with a few entries
of its own in between: what becomes of a seed after a run, the button for an upload.  So naming them takes
the schema, and some tolerance: inputs came later, scripts added widgets, controls came and went.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.coercion import brief
from engine.formats.comfyui.levels import Node, Slot
from engine.spec import MISSING, Input, NodeSpec

#: What an editor does with a seed after a run.
CONTROLS: Final = frozenset({"fixed", "increment", "decrement", "randomize"})

#: The entry of a button that uploads.
UPLOADS: Final = frozenset({"image", "video", "audio", "upload"})

#: Entries of named values that editors and packs keep for themselves.
_THEIRS: Final = frozenset({"control_after_generate", "control_before_generate", "upload", "videopreview"})

_SEEDS: Final = frozenset({"seed", "noise_seed"})


def widgets(spec: NodeSpec) -> list[Input]:
    """The inputs that are widgets, in the order in which an editor lists them: optional ones last."""
    found = [given for given in spec.inputs.values() if given.is_widget]
    return sorted(
        found, key=lambda given: given.default is not MISSING and (given.optional or given.omittable)
    )


def is_asked(given: Input, values: Mapping[str, Any]) -> bool:
    """Whether an editor shows a widget: one of another variant than the chosen has no place."""
    return not given.choosing or values.get(given.parent) is None or values[given.parent] in given.choosing


def has_control(given: Input) -> bool:
    """Whether an editor keeps beside this input what becomes of it after a run."""
    return given.seeded or (given.socket.wire == "INT" and given.name in _SEEDS)


def literal(value: Any) -> Any:
    """A value as a graph holds it: a bare list would be a link."""
    return {"__value__": value} if isinstance(value, list) else value


def named_values(node: Node, spec: NodeSpec | None) -> tuple[dict[str, Any], list[str]]:
    """What the widgets of a node say, by the names of its inputs, and what could not be named."""
    named = node.named if isinstance(node.named, dict) else node.values
    complaints: list[str] = []
    if isinstance(named, dict):
        found = dict(_by_name(named, spec, {slot.widget for slot in node.inputs}, complaints))
        if named is node.named:
            complaints += _contradictions(node, spec, found)
    elif not isinstance(node.values, list):
        found = {}
    elif spec is not None:
        found = dict(_by_schema(node.values, _listed(spec, node, node.values)))
    else:
        found = _by_slots(node.values, node.inputs, complaints)
    if spec is not None:
        found = dict(_first_choices(spec, node, found)) | found
    return {name: literal(value) for name, value in found.items()}, complaints


def controls(node: Node, spec: NodeSpec) -> dict[str, str]:
    """What becomes of seeds after a run, by input: the entries that `named_values` leaves out."""
    seeds = [given.name for given in widgets(spec) if has_control(given)]
    values: list[Any]
    if isinstance(node.named, dict):
        values = [node.named.get("control_after_generate")]
    else:
        values = node.values if isinstance(node.values, list) else []
    return dict(zip(seeds, filter(_is_control, values), strict=False))


def _by_name(
    named: Mapping[str, Any], spec: NodeSpec | None, sockets: Container[str], complaints: list[str]
) -> Iterator[tuple[str, Any]]:
    """What has a socket is an input, and validation names it if it is none; the rest may be a script's."""
    for name, value in named.items():
        if value is None or name in _THEIRS or name.startswith("$$"):
            continue
        if spec is None or (name in sockets and name not in spec.inputs):
            yield name, value
        elif name not in spec.inputs:
            if not _is_control(value):
                complaints.append(f"has no input {brief(name)} here; its value {brief(value)} is left out")
        elif spec.inputs[name].is_widget or spec.inputs[name].socket.wire == "*":
            yield name, value


def _contradictions(node: Node, spec: NodeSpec | None, found: Mapping[str, Any]) -> Iterator[str]:
    """Where the array says something else: files are edited by hand, and in one place only."""
    if spec is None or not isinstance(node.values, list):
        return
    for name, other in _by_schema(node.values, _listed(spec, node, node.values)):
        if name in found and fits(spec.inputs[name], other) and _differ(found[name], other):
            yield f"says {brief(found[name])} for {name!r}, and {brief(other)} too; the first is taken"


def _differ(one: Any, other: Any) -> bool:
    try:
        return bool(one != other)
    except RecursionError:  # nested deeply: nothing that a widget holds
        return False


def _listed(spec: NodeSpec, node: Node, values: Sequence[Any]) -> list[Input]:
    """The widgets that have a place in the array: in a short one, those that are mere sockets have none."""
    listed = widgets(spec)
    if len(values) >= len(listed):
        return listed
    sockets = {slot.name for slot in node.inputs if slot.link is not None and not slot.widget}
    return [given for given in listed if given.name not in sockets]


def _by_schema(values: Sequence[Any], listed: Sequence[Input]) -> Iterator[tuple[str, Any]]:
    """Walk the array and the schema side by side; what came later than the file keeps its default."""
    at = 0
    chosen: dict[str, Any] = {}
    for given in listed:
        if at >= len(values):
            return
        if not is_asked(given, chosen):
            continue
        if not fits(given, values[at]) and at + 1 < len(values) and fits(given, values[at + 1], exactly=True):
            at += 1  # an entry that this schema does not know of
        if values[at] is not None:
            chosen[given.name] = values[at]
            yield given.name, values[at]
        at += 1
        if at < len(values) and (
            (has_control(given) and _is_control(values[at]))
            or (given.upload is not None and (isinstance(values[at], dict) or _is_upload(values[at])))
        ):
            at += 1


def _by_slots(values: Sequence[Any], slots: Sequence[Slot], complaints: list[str]) -> dict[str, Any]:
    """The values of a class that nobody knows: newer files have a socket for each of its widgets."""
    found: dict[str, Any] = {}
    rest = list(values)[::-1]
    for slot in slots:
        if slot.widget and rest and _fits_wire(slot.wire, rest[-1]):
            found[slot.widget] = rest.pop()
            if rest and slot.wire in {"INT", "COMBO"} and _is_control(rest[-1]):
                rest.pop()
        elif slot.widget:
            break
    if all(value is None or _is_upload(value) for value in rest):
        return {name: value for name, value in found.items() if value is not None and name not in _THEIRS}
    count = len(values)
    complaints.append(
        f"its class is not known here, so its {count} widget value{'s' if count != 1 else ''} cannot be named"
    )
    return {}


def _first_choices(spec: NodeSpec, node: Node, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an editor shows in combos that a file says nothing about, and that have no default."""
    linked = {slot.name for slot in node.inputs if slot.link is not None}
    for given in spec.inputs.values():
        if given.name in found or given.name in linked or given.default is not MISSING:
            continue
        source = given.choices.source if given.choices is not None else ()
        if not callable(source) and source:
            yield given.name, source[0]


def _is_control(value: Any) -> bool:
    return isinstance(value, str) and value in CONTROLS


def _is_upload(value: Any) -> bool:
    return isinstance(value, str) and value in UPLOADS


def fits(given: Input, value: Any, *, exactly: bool = False) -> bool:
    """Whether a widget may have this value; None is a widget without one."""
    if value is None:
        return not exactly
    if given.choices is not None and not callable(given.choices.source):
        return value in given.choices.source
    return _fits_wire(given.socket.wire, value)


def _fits_wire(wire: str, value: Any) -> bool:
    if value is None:
        return True
    match wire:
        case "INT" | "FLOAT":
            return (isinstance(value, int | float) and not isinstance(value, bool)) or _is_number(value)
        case "BOOLEAN":
            return isinstance(value, bool)
        case "STRING":
            return isinstance(value, str)
        case "COMBO":
            return isinstance(value, str | int | float)
    return True


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return isinstance(value, str)
