"""/v1/nodes: the node classes there are, as their signatures say."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from engine.coercion import nearest
from engine.files import Files
from engine.spec import MISSING, Choices, Input, NodeSpec
from server.keys import ENGINE
from server.refusal import Refusal
from server.v1.operation import Operations
from server.v1.shape import Shape, Value

operations: Final = Operations("nodes")

Lists = Callable[[Choices], list[Any]]


class NodeInput(Shape):
    """An input of a class."""

    name: str
    type: str
    """What may be linked to it, such as `IMAGE`; `INT`, `STRING`, … are typed in."""
    required: bool
    default: Value | None = None
    min: int | float | None = None
    max: int | float | None = None
    step: float | None = None
    choices: list[Value] | None = None
    help: str = ""
    widget: bool
    """Whether people type the value in, rather than link it."""
    multiline: bool = False
    seed: bool = False
    """Whether editors draw a new number after each run."""
    upload: str | None = None
    """The kind of file that may be uploaded for it."""
    lazy: bool = False
    """Whether it may be left uncomputed."""
    is_list: bool = False


class NodeOutput(Shape):
    """An output of a class."""

    name: str
    type: str
    is_list: bool = False


class NodeClass(Shape):
    """A node class."""

    class_type: str
    display_name: str
    category: str
    description: str
    output_node: bool
    """Whether it is run for what it shows or writes."""
    deprecated: bool
    experimental: bool
    pack: str
    inputs: list[NodeInput]
    outputs: list[NodeOutput]


class NodeClasses(Shape):
    """Every class there is, and the packs that could not be loaded."""

    nodes: dict[str, NodeClass]
    broken: list[str]


@operations("GET", "/nodes", NodeClasses)
async def get_nodes(request: web.Request) -> NodeClasses:
    """List the node classes."""
    engine = request.app[ENGINE]
    described = await asyncio.to_thread(_describe_all, list(engine.registry.specs.values()), engine.files)
    return NodeClasses(nodes=described, broken=[each.name for each in engine.registry.broken])


@operations(
    "GET",
    "/nodes/{class_type}",
    NodeClass,
    errors={404: "There is no such class."},
    parts={"class_type": "The name of a node class."},
)
async def get_node(request: web.Request, class_type: str) -> NodeClass:
    """Describe a node class."""
    engine = request.app[ENGINE]
    spec = engine.registry.specs.get(class_type)
    if spec is None:
        hint = nearest(class_type, list(engine.registry.specs))
        raise Refusal(404, "unknown_node", f"there is no node class {class_type[:100]!r}", hint)
    return await asyncio.to_thread(describe, spec, listed(engine.files))


def _describe_all(specs: Sequence[NodeSpec], files: Files) -> dict[str, NodeClass]:
    lists = listed(files)
    return {spec.class_type: describe(spec, lists) for spec in specs}


def describe(spec: NodeSpec, lists: Lists) -> NodeClass:
    return NodeClass(
        class_type=spec.class_type,
        display_name=spec.display_name,
        category=spec.category,
        description=spec.description,
        output_node=spec.output_node,
        deprecated=spec.deprecated,
        experimental=spec.experimental,
        pack=spec.namespace.partition("@")[0],
        inputs=[_input(each, lists) for each in spec.inputs.values()],
        outputs=[
            NodeOutput(name=each.name, type=each.socket.wire, is_list=each.is_list) for each in spec.outputs
        ],
    )


def _input(given: Input, lists: Lists) -> NodeInput:
    return NodeInput(
        name=given.name,
        type=given.socket.wire,
        required=given.required,
        default=given.default if given.default is not MISSING else None,
        min=given.ge,
        max=given.le,
        step=given.step,
        choices=lists(given.choices) if given.choices is not None else None,
        help=given.help,
        widget=given.is_widget,
        multiline=given.multiline is not None,
        seed=given.seeded,
        upload=given.upload.kind if given.upload is not None else None,
        lazy=given.lazy,
        is_list=given.is_list,
    )


def listed(files: Files) -> Lists:
    """The choices of combos; each folder that they come from is listed once."""
    known: dict[int, list[Any]] = {}

    def values(choices: Choices) -> list[Any]:
        key = id(choices.source)
        if key not in known:
            try:
                known[key] = list(choices.values(files))
            except Exception:  # noqa: BLE001  # a pack's bug; validation tells of it where it matters
                known[key] = []
        return known[key]

    return values
