"""The one door for node authors: a typed function becomes a node.

    @node("ImageScaleBy", category="image/upscaling")
    def image_scale_by(*, image: Image, scale_by: Annotated[float, Field(ge=0.01, le=8.0)] = 1.0) -> Image:
        \"""Resize an image by a factor.\"""

The signature is the schema: input names and their order, defaults, bounds, sockets, documentation and
outputs are read from it and written nowhere else.  The decorated function stays callable as it was.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, ParamSpec, TypeVar

from engine.context import Context
from engine.errors import NodeDefinitionError, PathError, UserError
from engine.files import Files
from engine.groups import Growing, Variants, gathering
from engine.schema import read_inputs, read_outputs
from engine.spec import (
    Blocked,
    Choices,
    Expansion,
    Lane,
    Lazy,
    Multiline,
    NodeSpec,
    Omittable,
    Seeded,
    Step,
    Upload,
)
from engine.types import Buffer, Codec, Json, Packed, Socket

__all__ = [
    "Blocked",
    "Buffer",
    "Choices",
    "Codec",
    "Context",
    "Expansion",
    "Files",
    "Growing",
    "Json",
    "Lazy",
    "Multiline",
    "Node",
    "Omittable",
    "Packed",
    "PathError",
    "Seeded",
    "Socket",
    "Step",
    "Upload",
    "UserError",
    "Variants",
    "node",
]

P = ParamSpec("P")
R = TypeVar("R")


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
        inputs, context, groups = read_inputs(class_type, function)
        is_async = inspect.iscoroutinefunction(function)
        if not is_async and any(each.lazy for each in inputs.values()):
            raise NodeDefinitionError(f"{class_type}: lazy inputs are awaited, so it must be `async def`")
        spec = NodeSpec(
            class_type=class_type,
            function=gathering(function, groups),
            inputs=inputs,
            outputs=read_outputs(class_type, function),
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
            groups=groups,
        )
        return Node(function, spec)

    return decorate
