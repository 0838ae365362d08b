"""Toy nodes for the engine's tests, and a short way to write a graph of them."""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from engine.node import Blocked, Context, Expansion, Lazy, Node, Socket, node

Graph = dict[str, dict[str, Any]]


def call(class_type: str, **inputs: Any) -> dict[str, Any]:
    """One node of a graph."""
    return {"class_type": class_type, "inputs": inputs}


def chain(length: int, class_type: str = "Add", first: str = "Number") -> Graph:
    """`first`, and `length` additions of 1 one after the other: nodes "0" to str(length)."""
    graph = {"0": call(first)}
    for number in range(1, length + 1):
        graph[str(number)] = call(class_type, a=[str(number - 1), 0], b=1)
    return graph


@node("Text", category="toys")
def text(*, value: str = "") -> str:
    """A text."""
    return value


@node("Join", category="toys")
def join(*, left: str, right: str) -> str:
    """Two texts as one."""
    return left + right


@node("Number", category="toys")
def number(*, value: Annotated[int, Field(ge=-1000, le=1000)] = 0) -> int:
    """A number."""
    return value


@node("Add", category="toys")
def add(*, a: int, b: int = 0) -> int:
    """A sum."""
    return a + b


@node("Switch", category="toys")
async def switch(*, flag: bool, on_true: Lazy[Any], on_false: Lazy[Any]) -> Any:
    """One of two, and the other is not computed."""
    return await on_true if flag else await on_false


@node("Fail", category="toys")
def fail(*, value: Any = None, message: str = "broken on purpose") -> str:  # noqa: ARG001  # it never looks
    """Always fails."""
    raise RuntimeError(message)


@node("Range", category="toys")
def range_(*, stop: int) -> list[int]:
    """The numbers below `stop`, as a list of values."""
    return list(range(stop))


@node("Sum", category="toys")
def total(*, values: list[int]) -> int:
    """The sum of all values of a list."""
    return sum(values)


class Parts(NamedTuple):
    quotient: int
    remainder: int


@node("Divide", category="toys")
def divide(*, a: int, b: int) -> Parts:
    """Quotient and remainder."""
    return Parts(*divmod(a, b))


@node("Count", category="toys")
def count_down(ctx: Context, *, n: int) -> int | Expansion:
    """How often 1 can be taken from `n`, by expansion into itself."""
    if n <= 0:
        return 0
    graph = {
        "less": {"class_type": "Add", "inputs": {"a": n, "b": -1}},
        "rest": {"class_type": "Count", "inputs": {"n": ["less", 0]}},
        "one": {"class_type": "Add", "inputs": {"a": ["rest", 0], "b": 1}},
    }
    assert ctx.node
    return Expansion(graph, [["one", 0]])


@node("Gate", category="toys")
def gate(*, value: Any, is_open: bool, message: str = "") -> Any:
    """Lets a value pass, or blocks what comes after."""
    return value if is_open else Blocked(message or None)


@node("Sleep", category="toys", lane="io")
def sleep(ctx: Context, *, seconds: float, value: str = "") -> str:
    """Takes its time on a thread, and looks whether it is still wanted."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ctx.check_cancelled()
        time.sleep(0.005)
    return value


@node("Wait", category="toys")
async def wait(*, seconds: float, value: str = "") -> str:
    """Takes its time without a thread."""
    await asyncio.sleep(seconds)
    return value


@node("Save", category="toys", output_node=True)
def save(ctx: Context, *, text: str, filename_prefix: str = "text") -> None:
    """Writes a text file."""
    claim = ctx.claim(filename_prefix, ".txt")
    with claim as part:
        part.write_text(text, encoding="utf-8")
    ctx.show("text", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])


@node("SlowAdd", category="toys")
async def slow_add(*, a: int, b: int = 0) -> int:
    """A sum that is a task of its own."""
    await asyncio.sleep(0)
    return a + b


@node("ThreadAdd", category="toys", lane="cpu")
def thread_add(*, a: int, b: int = 0) -> int:
    """A sum on a thread."""
    return a + b


@node("LazyAdd", category="toys")
async def lazy_add(*, a: Lazy[int], b: Lazy[int], limit: int = 1000) -> int:
    """`a`, and `b` with it while the sum is not past `limit`."""
    first = await a
    return first if first > limit else first + await b


@node("Roll", category="toys", cache=False)
def roll(*, a: int = 0) -> int:
    """What is never the same, in spirit."""
    return a


@dataclass(eq=False)
class Thing:
    """A value that tests can hold weakly, and that no disk can hold."""

    label: str
    nbytes: int = 1000


THING = Annotated[Thing, Socket("THING", size=lambda thing: thing.nbytes)]


@node("Make", category="toys")
def make(*, label: str = "") -> THING:
    """A thing."""
    return Thing(label)


@node("Label", category="toys")
def label(*, thing: THING) -> str:
    """What a thing says."""
    return thing.label


@node("Repeat", category="toys")
def repeat(*, n: int, body: str = "Add") -> int | Expansion:
    """A sum of `n` ones, as an expansion into a chain."""
    if n == 0:
        return 0
    return Expansion(chain(n, body), [[str(n), 0]])


@node("Twice", category="toys")
def twice(ctx: Context, *, a: int) -> int | Expansion:
    """`a + a`, as an expansion that uses the node's own input."""
    del a
    source = ctx.link("a")
    return Expansion({"sum": call("Add", a=source, b=source)}, [["sum", 0]])


TOYS: tuple[Node[..., Any], ...] = (
    text, join, number, add, switch, fail, range_, total, divide, count_down, gate, sleep, wait, save,
    slow_add, thread_add, lazy_add, roll, make, label, repeat, twice,
)  # fmt: skip
