"""What the engine itself costs: microseconds of CPU a node, from JSON to the last event.

    python tests/benchmarks/engine_overhead.py

Trivial nodes, as a chain and as wide as can be; fresh, and with everything cached.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from measure import interleaved
from pydantic import Field

from engine.events import Event
from engine.node import node
from engine.prompt import read_json
from engine.testing import Bench

SIZES = (100, 1_000, 10_000)


@node("Add", category="toys")
def add(*, a: int, b: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0) -> int:
    """A sum."""
    return a + b


def chain(size: int) -> tuple[dict[str, Any], list[str]]:
    graph: dict[str, Any] = {"0": {"class_type": "Add", "inputs": {"a": 1, "b": 0}}}
    for index in range(1, size):
        graph[str(index)] = {"class_type": "Add", "inputs": {"a": [str(index - 1), 0], "b": index}}
    return graph, [str(size - 1)]


def wide(size: int) -> tuple[dict[str, Any], list[str]]:
    graph: dict[str, Any] = {str(i): {"class_type": "Add", "inputs": {"a": i, "b": 1}} for i in range(size)}
    return graph, list(graph)


def once(bench: Bench, text: str, wanted: list[str], loop: asyncio.AbstractEventLoop) -> None:
    """All of it: parse, validate, plan, run, and hear every event."""
    heard: list[Event] = []
    validation = bench.engine.validate(read_json(text), wanted)
    assert not validation.problems
    plan = bench.engine.plan(validation.graph, validation.outputs)
    result = loop.run_until_complete(bench.engine.run(plan, emit=heard.append))
    assert result.status == "completed"


def main() -> None:
    loop = asyncio.new_event_loop()
    folder = Path(tempfile.mkdtemp())
    print("| graph | nodes | fresh, µs a node | cached, µs a node |")
    print("|---|---|---|---|")
    for name, make in (("chain", chain), ("wide", wide)):
        for size in SIZES:
            graph, wanted = make(size)
            text = json.dumps(graph)
            bench = Bench(folder, [add])

            def fresh(bench: Bench = bench, text: str = text, wanted: list[str] = wanted) -> None:
                bench.engine.parts.memory.clear()
                once(bench, text, wanted, loop)

            cached: Callable[[], None] = lambda b=bench, t=text, w=wanted: once(b, t, w, loop)  # type: ignore[misc]  # noqa: E731  # fixes the loop's values
            measured = interleaved({"fresh": fresh, "cached": cached})
            costs = [measured[each].median / size * 1e6 for each in ("fresh", "cached")]
            print(f"| {name} | {size:,} | {costs[0]:.1f} | {costs[1]:.1f} |")
    loop.close()


if __name__ == "__main__":
    main()
