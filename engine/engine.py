"""The engine: its parts put together, and the three things it does: validate, plan, run."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from engine.cache.disk import DiskCache
from engine.cache.memory import MemoryCache
from engine.claims import Book, Loose
from engine.collector import fewer_collections
from engine.context import Host
from engine.durations import Durations
from engine.events import Event
from engine.executor import Run
from engine.files import Files
from engine.graph import Graph
from engine.lanes import DeviceLane, Lanes
from engine.outcomes import Result
from engine.parts import Parts
from engine.plan import CacheMode, Plan, make_plan
from engine.recollection import Recollection
from engine.registry import Registry
from engine.residency import Residency
from engine.signature import Signatures
from engine.validation import Validation, validate


def machine_bytes() -> int:
    """The memory of this machine; 8 GiB where it cannot be told."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 8 << 30


def _ignore(_event: Event) -> None:
    """The listener of those who do not listen."""


@dataclass
class Engine:
    """Graphs in, results and events out."""

    registry: Registry
    files: Files
    parts: Parts
    device: str = "auto"

    @classmethod
    def open(
        cls,
        registry: Registry,
        files: Files,
        *,
        device: str = "auto",
        merge: bool = False,
        disk: bool = True,
    ) -> Self:
        """An engine on a home.

        With `merge`, equal asks of different jobs share a forward pass; without `disk`, nothing outlives it.
        """
        device = registry.hooks.best_device() if device == "auto" else device
        lanes = Lanes(DeviceLane(device, merge=merge, scope=registry.hooks.scope))
        memory = machine_bytes()
        parts = Parts(
            registry,
            memory=MemoryCache(min(4 << 30, memory // 8)),
            disk=DiskCache(files.state / "cache") if disk else None,
            residency=Residency(memory // 2),
            lanes=lanes,
            durations=Durations(files.state / "durations.json" if disk else None),
            recollection=Recollection(files.state / "recollection.json" if disk else None),
        )
        return cls(registry, files, parts, device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def validate(
        self,
        graph: Mapping[str, Any],
        targets: Iterable[str] | None = None,
        titles: Mapping[str, str] | None = None,
        *,
        lenient: bool = False,
    ) -> Validation:
        """Everything that is wrong with a plain graph, and its sound part."""
        with fewer_collections():
            return validate(
                graph, self.registry, self.files, targets=targets, titles=titles, lenient=lenient
            )

    def plan(self, graph: Graph, wanted: Iterable[str], mode: CacheMode = "use") -> Plan:
        """What running `wanted` would do."""
        signatures = Signatures(self.files, self.registry.hooks.profile(self.device))
        with fewer_collections():
            parts = self.parts
            return make_plan(graph, wanted, signatures, parts.memory, parts.disk, mode, parts.recollection)

    async def run(
        self,
        plan: Plan,
        *,
        emit: Callable[[Event], None] = _ignore,
        metadata: Mapping[str, str] | None = None,
        book: Book | None = None,
    ) -> Result:
        """Carry out a plan.  Cancelling the awaiting task cancels the run."""
        host = Host(
            files=self.files,
            lanes=self.parts.lanes,
            residency=self.parts.residency,
            emit=emit,
            loop=asyncio.get_running_loop(),
            cancelled=asyncio.Event(),
            metadata=metadata or {},
            book=book or Loose(),
            device_name=self.device,
        )
        with fewer_collections():
            result = await Run(plan, self.parts, host)()
            self.parts.recollection.note((plan.graph.calls[node] for node in plan.missing), plan.keys)
            return result

    def close(self) -> None:
        """Write what is to be kept, and let the threads end."""
        self.parts.durations.save()
        self.parts.recollection.save()
        if self.parts.disk is not None:
            self.parts.disk.close()
        self.parts.lanes.close()
