"""What is known about a node class, and the words that signatures say it in."""

import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

from engine.files import Files
from engine.groups import Group
from engine.types import Socket

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


@dataclass(frozen=True, slots=True)
class Omittable:
    """A widget that came later than its class: graphs may lack it, and editors list it behind the others."""


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
    omittable: bool = False
    help: str = ""
    #: The parameter that it is a part of, and the choices of that one for which it counts.
    parent: str = ""
    choosing: frozenset[str] = frozenset()

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
    choices: Choices | None = None


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
    groups: Mapping[str, Group] = field(default_factory=dict)
