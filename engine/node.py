"""The one door for node authors: a typed function becomes a node.

    @node("ImageScaleBy", category="image/upscaling")
    def image_scale_by(*, image: Image, scale_by: Annotated[float, Field(ge=0.01, le=8.0)] = 1.0) -> Image:
        \"""Resize an image by a factor.\"""

The signature is the schema: input names and their order, defaults, bounds, sockets, documentation and
outputs are read from it and written nowhere else.  The decorated function stays callable as it was.
"""

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, ParamSpec, TypeVar

import annotated_types
from pydantic.fields import FieldInfo

from engine.context import Context
from engine.errors import NodeDefinitionError, PathError, UserError
from engine.files import Files
from engine.types import ANY, BOOLEAN, COMBO, FLOAT, INT, STRING, Buffer, Codec, Json, Packed, Socket

__all__ = [
    "Blocked",
    "Buffer",
    "Choices",
    "Codec",
    "Context",
    "Expansion",
    "Files",
    "Json",
    "Lazy",
    "Multiline",
    "Node",
    "Packed",
    "PathError",
    "Seeded",
    "Socket",
    "Step",
    "Upload",
    "UserError",
    "node",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Lane = Literal["inline", "cpu", "io", "gpu"]


# What may stand in `Annotated[...]` beside pydantic's `Field`.


@dataclass(frozen=True, slots=True)
class Choices:
    """A combo: the values to choose from, or a function that lists them when asked."""

    source: Sequence[str] | Callable[[Files], Sequence[str]]

    def values(self, files: Files) -> Sequence[str]:
        return self.source(files) if callable(self.source) else self.source


@dataclass(frozen=True, slots=True)
class Step:
    """By how much a number's widget goes up and down."""

    value: float


@dataclass(frozen=True, slots=True)
class Multiline:
    """A string that is edited over several lines; `dynamic` ones may hold `{a|b}` choices."""

    dynamic: bool = False


@dataclass(frozen=True, slots=True)
class Seeded:
    """A number that an editor may draw anew after each run (`control_after_generate`)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A combo of files to which a client may add by uploading."""

    kind: Literal["image"] = "image"


# What a node may take and return beside plain values.


class Lazy(Generic[T]):
    """An input that is computed only when it is awaited: `value = await on_true`."""

    __slots__ = ("_pull",)

    def __init__(self, pull: Callable[[], Awaitable[T]]) -> None:
        self._pull = pull

    def __await__(self) -> Generator[Any, None, T]:
        return self._pull().__await__()

    @classmethod
    def of(cls, value: T) -> "Lazy[T]":
        """A value that is there already, for calling a node by hand."""

        async def pull() -> T:
            return value

        return cls(pull)


@dataclass(frozen=True, slots=True)
class Expansion:
    """Returned instead of values: a sub-graph whose outputs take the node's place.

    `graph` has the form of a workflow's graph (`{id: {"class_type", "inputs"}}`); its ids are its own.
    `outputs` gives, for each output of the node, a link into `graph` (`["id", 0]`) or a plain value.
    Links to nodes outside are made with `ctx.link("input name")`.
    """

    graph: Mapping[str, Mapping[str, Any]]
    outputs: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.graph, Mapping) or not all(isinstance(node, str) for node in self.graph):
            raise TypeError("the graph of an expansion must map ids to nodes")
        if not isinstance(self.outputs, list | tuple):
            raise TypeError("the outputs of an expansion must be a list, with a value for each output")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Returned instead of values: consumers do not run.  With a `message`, the run reports it."""

    message: str | None = None


# What the engine reads from a signature.

MISSING: Final = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Input:
    """One parameter of a node, as everyone but the node itself sees it."""

    name: str
    socket: Socket
    default: Any = MISSING
    optional: bool = False
    ge: float | None = None
    le: float | None = None
    step: float | None = None
    choices: Choices | None = None
    lazy: bool = False
    is_list: bool = False
    multiline: Multiline | None = None
    seeded: bool = False
    upload: Upload | None = None
    help: str = ""

    @property
    def required(self) -> bool:
        """Whether a graph must say something about this input."""
        return self.default is MISSING

    @property
    def is_widget(self) -> bool:
        """Whether people type the value in, rather than link it."""
        return self.choices is not None or self.socket.wire in {"INT", "FLOAT", "STRING", "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Output:
    """One result of a node."""

    name: str
    socket: Socket
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Everything that is known about a node class."""

    class_type: str
    function: Callable[..., Any]
    inputs: Mapping[str, Input]
    outputs: tuple[Output, ...]
    category: str
    display_name: str
    description: str
    output_node: bool = False
    lane: Lane = "inline"
    numeric: bool = False
    version: int = 1
    cacheable: bool = True
    is_async: bool = False
    context: str | None = None
    tolerates: frozenset[str] = frozenset()
    fingerprint: Callable[..., object] | None = None
    check: Callable[..., Mapping[str, str]] | None = None
    deprecated: bool = False
    experimental: bool = False
    namespace: str = ""
    lazy_inputs: frozenset[str] = frozenset()
    list_inputs: frozenset[str] = frozenset()

    @property
    def takes_lists(self) -> bool:
        return bool(self.list_inputs)


class Node(Generic[P, R]):
    """A function that is a node.  Call it as the function it is; `spec` is for the engine."""

    def __init__(self, function: Callable[P, R], spec: NodeSpec) -> None:
        self.function = function
        self.spec = spec
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", spec.class_type)
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<node {self.spec.class_type}>"

    def fingerprint(self, function: Callable[..., object]) -> Callable[..., object]:
        """Mark what stands for outside facts (a file's content) in the cache key.

        It is called as `function(files, **literals)` with the bound inputs it names; what arrives by a
        link is None.  A result of None makes the call uncacheable.
        """
        self.spec = replace(self.spec, fingerprint=function)
        return function

    def check(self, function: Callable[..., Mapping[str, str]]) -> Callable[..., Mapping[str, str]]:
        """Mark what validates inputs beyond their types.

        It is called as `function(files, **literals)` with the inputs it names, and gives `{input: message}`.
        """
        self.spec = replace(self.spec, check=function)
        return function


def node(
    class_type: str,
    *,
    category: str,
    display_name: str | None = None,
    output_node: bool = False,
    lane: Lane = "inline",
    numeric: bool = False,
    version: int = 1,
    cache: bool = True,
    tolerates: Sequence[str] = (),
    deprecated: bool = False,
    experimental: bool = False,
) -> Callable[[Callable[P, R]], Node[P, R]]:
    """Make a typed function a node.

    A plain function runs inline, or on the `lane` it names when it takes more than a few milliseconds;
    a coroutine function is awaited.  `numeric` puts the numerics profile (device kind, dtypes) into the
    cache key; `version` invalidates older cached results; `tolerates` names inputs that graphs in the
    wild carry and that are ignored.
    """

    def decorate(function: Callable[P, R]) -> Node[P, R]:
        inputs, context = _read_inputs(class_type, function)
        is_async = inspect.iscoroutinefunction(function)
        if not is_async and any(each.lazy for each in inputs.values()):
            raise NodeDefinitionError(f"{class_type}: lazy inputs are awaited, so it must be `async def`")
        spec = NodeSpec(
            class_type=class_type,
            function=function,
            inputs=inputs,
            outputs=_read_outputs(class_type, function),
            category=category,
            display_name=display_name or class_type,
            description=inspect.cleandoc(function.__doc__ or ""),
            output_node=output_node,
            lane=lane,
            numeric=numeric,
            version=version,
            cacheable=cache,
            is_async=is_async,
            context=context,
            tolerates=frozenset(tolerates),
            deprecated=deprecated,
            experimental=experimental,
            lazy_inputs=frozenset(name for name, each in inputs.items() if each.lazy),
            list_inputs=frozenset(name for name, each in inputs.items() if each.is_list),
        )
        return Node(function, spec)

    return decorate


def _hints(class_type: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise NodeDefinitionError(f"{class_type}: its annotations cannot be evaluated: {error}") from error


def _read_inputs(class_type: str, function: Callable[..., Any]) -> tuple[dict[str, Input], str | None]:
    hints = _hints(class_type, function)
    inputs: dict[str, Input] = {}
    context = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise NodeDefinitionError(f"{class_type}: `{name}` must be a named parameter")
        if name not in hints:
            raise NodeDefinitionError(f"{class_type}: `{name}` has no type")
        if hints[name] is Context:
            context = name
            continue
        inputs[name] = _read_input(class_type, name, hints[name], parameter.default)
    return inputs, context


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


def _read_outputs(class_type: str, function: Callable[..., Any]) -> tuple[Output, ...]:
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
    socket = _socket(class_type, name or "return", core, extras)
    return Output(name or socket.wire, socket, is_list)
