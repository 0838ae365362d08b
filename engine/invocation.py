"""One call of a node: from the values of its links to the values of its outputs.

A link carries a list of values, nearly always of length one.  A node that does not take lists is called
once for each, shorter lists repeating their last; results are strung together per output.  `Blocked` is
a value like any other until a node is given it: then that call does not happen, and all its outputs are
blocked.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.cache import Slots
from engine.context import Context
from engine.errors import UserError
from engine.graph import Call
from engine.spec import Blocked, Expansion, Lazy, NodeSpec

Values = Mapping[str, Sequence[Any]]
Pull = Callable[[str], Awaitable[Sequence[Any]]]
Run = Callable[[str, Callable[[], Any]], Awaitable[Any]]
Parts = list[Expansion | Slots]


class EmptyListError(UserError):
    """An input's list has no values, while another one's has."""


class _BlockedPull(Exception):  # noqa: N818  # not an error: it carries a value out of a node
    def __init__(self, value: Blocked) -> None:
        super().__init__()
        self.value = value


def arguments(call: Call, values: Values) -> Iterator[dict[str, Any] | Blocked]:
    """The keyword arguments of each call that a node's inputs make: nearly always one."""
    spec = call.spec
    if not spec.list_inputs and all(len(each) == 1 for each in values.values()):
        kwargs = dict(call.literals)
        for name, each in values.items():
            value = kwargs[name] = each[0]
            if type(value) is Blocked:
                yield value
                return
        yield kwargs
        return
    mapped = {name: each for name, each in values.items() if name not in spec.list_inputs}
    empty = [name for name, each in mapped.items() if not each]
    count = max((len(each) for each in mapped.values()), default=1)
    if empty and count:
        raise EmptyListError(f"input {empty[0]} got an empty list, so there is nothing to call the node with")
    for index in range(count):
        kwargs = {name: list(each) if type(each) is list else each for name, each in call.literals.items()}
        given: list[Any] = []
        for name, each in values.items():
            if name in spec.list_inputs:
                kwargs[name] = list(each)
                given += each
            else:
                kwargs[name] = each[min(index, len(each) - 1)]
                given.append(kwargs[name])
        yield next((value for value in given if type(value) is Blocked), kwargs)


def spread(spec: NodeSpec, result: Any) -> Slots:
    """A function's result as one list of values per output."""
    outputs = spec.outputs
    if type(result) is Blocked:
        return tuple([result] for _ in outputs)
    if not outputs:
        return ()
    if len(outputs) == 1 and getattr(result, "_fields", None) != (outputs[0].name,):
        return (list(result) if outputs[0].is_list else [result],)
    if not isinstance(result, tuple) or len(result) != len(outputs):
        raise TypeError(f"{spec.class_type} gave {type(result).__name__}, not its {len(outputs)} outputs")
    return tuple(
        list(value) if output.is_list and type(value) is not Blocked else [value]
        for output, value in zip(outputs, result, strict=True)
    )


def join(spec: NodeSpec, parts: Sequence[Slots]) -> Slots:
    """The results of mapped calls, strung together."""
    if len(parts) == 1:
        return parts[0]
    return tuple([value for part in parts for value in part[index]] for index in range(len(spec.outputs)))


def invoke_inline(call: Call, values: Values, context: Callable[[], Context]) -> Parts:
    """Call a plain function here and now."""
    spec = call.spec
    parts: Parts = []
    for kwargs in arguments(call, values):
        if isinstance(kwargs, Blocked):
            parts.append(spread(spec, kwargs))
            continue
        if spec.context is not None:
            kwargs[spec.context] = context()
        parts.append(_taken(spec, spec.function(**kwargs)))
    return parts


async def invoke(
    call: Call,
    values: Values,
    context: Callable[[], Context],
    run: Run,
    pull: Pull,
) -> Parts:
    """Call a node that takes time: on its lane, as a coroutine, or with inputs that it pulls.

    Calls of one node happen in order.  A node with lazy inputs is called again for each further value
    of the longest list that it pulled.  Expansions are given back for the run to take in.
    """
    spec = call.spec
    lists: dict[str, Sequence[Any]] = {}
    parts: Parts = []
    eager = list(arguments(call, values))
    index, count = 0, len(eager)
    while index < count:
        given = eager[min(index, len(eager) - 1)]
        if isinstance(given, Blocked):
            parts.append(spread(spec, given))
            index += 1
            continue
        kwargs = dict(given)
        for name in spec.lazy_inputs:
            if name in call.links:
                kwargs[name] = Lazy(_puller(name, index, lists, pull, whole=name in spec.list_inputs))
            elif name in kwargs:
                kwargs[name] = Lazy.of(kwargs[name])
        if spec.context is not None:
            kwargs[spec.context] = context()
        try:
            result = await _call(spec, kwargs, run)
        except _BlockedPull as blocked:
            result = blocked.value
        parts.append(_taken(spec, result))
        index += 1
        count = max(count, *(len(each) for each in lists.values())) if lists else count
    return parts


def _taken(spec: NodeSpec, result: Any) -> Expansion | Slots:
    return result if isinstance(result, Expansion) else spread(spec, result)


async def _call(spec: NodeSpec, kwargs: dict[str, Any], run: Run) -> Any:
    if spec.is_async:
        return await spec.function(**kwargs)
    return await run(spec.lane, lambda: spec.function(**kwargs))


def _puller(
    name: str, index: int, lists: dict[str, Sequence[Any]], pull: Pull, *, whole: bool
) -> Callable[[], Awaitable[Any]]:
    async def value() -> Any:
        values = await pull(name)
        if whole:
            for each in values:
                if type(each) is Blocked:
                    raise _BlockedPull(each)
            return list(values)
        if not values:
            raise EmptyListError(f"input {name} got an empty list")
        lists[name] = values
        found = values[min(index, len(values) - 1)]
        if type(found) is Blocked:
            raise _BlockedPull(found)
        return found

    return value
