"""What node authors test with: a bench that runs graphs of given nodes and says what ran.

bench = Bench(tmp_path, my_node, other_node)
log = bench.run({"1": {"class_type": "MyNode", "inputs": {}}}, "1")
assert log.ran == {"1"}
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.context import Context, Host
from engine.devices import Device, Devices
from engine.engine import Engine
from engine.events import Event, NodeFinished, NodesCached, NodeStarted
from engine.files import Files
from engine.lanes import DeviceLane, Lanes
from engine.node import Node
from engine.outcomes import Failed, Result
from engine.plan import CacheMode
from engine.registry import Registry


@dataclass
class Log:
    """What happened in a run."""

    result: Result
    events: list[Event]

    @property
    def ran(self) -> set[str]:
        return {event.node for event in self.started}

    @property
    def started(self) -> list[NodeStarted]:
        """Every beginning, in order."""
        return [event for event in self.events if isinstance(event, NodeStarted)]

    @property
    def computed(self) -> set[str]:
        """The nodes that were computed here, not taken over from an equal one."""
        return {e.node for e in self.events if isinstance(e, NodeFinished) and not e.reused}

    @property
    def cached(self) -> set[str]:
        return {node for event in self.events if isinstance(event, NodesCached) for node in event.nodes}

    @property
    def outputs(self) -> dict[str, tuple[Any, ...]]:
        """Each wanted node's values: one per output, a list where there are several."""
        return {
            node: tuple(slot[0] if len(slot) == 1 else list(slot) for slot in outcome)
            for node, outcome in self.result.outcomes.items()
            if not isinstance(outcome, Failed)
        }

    @property
    def failed(self) -> dict[str, str]:
        return {failure.node: failure.message for failure in self.result.failures}


@dataclass
class Bench:
    """An engine on a temporary home, with the nodes of a test."""

    home: Path
    nodes: Iterable[Node[..., Any]] = ()
    merge: bool = False
    disk: bool = False
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        registry = Registry()
        registry.add(*self.nodes, namespace="test")
        self.engine = Engine.open(registry, Files(self.home), device="cpu", merge=self.merge, disk=self.disk)

    def run(self, graph: Mapping[str, Any], *wanted: str, mode: CacheMode = "use") -> Log:
        """Run a sound graph to its end."""
        return asyncio.run(self.arun(graph, *wanted, mode=mode))

    async def arun(
        self,
        graph: Mapping[str, Any],
        *wanted: str,
        mode: CacheMode = "use",
        emit: Callable[[Event], None] | None = None,
    ) -> Log:
        validation = self.engine.validate(graph, wanted or None)
        if validation.errors:
            raise AssertionError("\n".join(map(str, validation.errors)))
        events: list[Event] = []

        def listen(event: Event) -> None:
            events.append(event)
            if emit is not None:
                emit(event)

        plan = self.engine.plan(validation.graph, validation.outputs, mode)
        result = await self.engine.run(plan, emit=listen)
        return Log(result, events)


def context(
    home: Path,
    *,
    node: str = "1",
    emit: Callable[[Event], None] = lambda _event: None,
    scope: Callable[[], AbstractContextManager[Any]] | None = None,
    files: Files | None = None,
) -> Context:
    """A context for calling a node by hand; to be made where an event loop runs."""
    lane = DeviceLane("cpu", scope=scope) if scope is not None else DeviceLane("cpu")
    host = Host(
        files=files or Files(home),
        lanes=Lanes(lane),
        devices=Devices(Device(lane)),
        emit=emit,
        loop=asyncio.get_running_loop(),
        cancelled=asyncio.Event(),
    )
    return Context(host, node)
