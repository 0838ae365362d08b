"""What the engine itself costs: trivial nodes, from JSON to the last event."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engine.engine import Engine
from engine.events import Event
from engine.files import Files
from engine.node import node
from engine.prompt import read_json
from engine.registry import Registry

Graph = tuple[dict[str, Any], list[str]]


@node("Add", category="toys")
def add(*, a: int, b: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0) -> int:
    """A sum."""
    return a + b


def chain(size: int) -> Graph:
    graph: dict[str, Any] = {"0": {"class_type": "Add", "inputs": {"a": 1, "b": 0}}}
    for index in range(1, size):
        graph[str(index)] = {"class_type": "Add", "inputs": {"a": [str(index - 1), 0], "b": index}}
    return graph, [str(size - 1)]


def wide(size: int) -> Graph:
    graph: dict[str, Any] = {str(i): {"class_type": "Add", "inputs": {"a": i, "b": 1}} for i in range(size)}
    return graph, list(graph)


def once(engine: Engine, text: str, wanted: list[str], loop: asyncio.AbstractEventLoop) -> None:
    """All of it: parse, validate, plan, run, and hear every event."""
    heard: list[Event] = []
    validation = engine.validate(read_json(text), wanted)
    assert not validation.problems
    plan = engine.plan(validation.graph, validation.outputs)
    result = loop.run_until_complete(engine.run(plan, emit=heard.append))
    assert result.status == "completed"


def runs(home: Path, graph: Graph, loop: asyncio.AbstractEventLoop) -> dict[str, Callable[[], object]]:
    """A run with nothing cached, and one with everything."""
    registry = Registry()
    registry.add(add, namespace="bench")
    engine = Engine.open(registry, Files(home), device="cpu", disk=False)
    nodes, wanted = graph
    text = json.dumps(nodes)

    def fresh() -> None:
        engine.parts.memory.clear()
        once(engine, text, wanted, loop)

    return {"fresh": fresh, "cached": lambda: once(engine, text, wanted, loop)}
