"""The engine: its parts put together, and the three things it does: validate, plan, run."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from engine.cache.disk import DiskCache
from engine.cache.memory import MemoryCache
from engine.claims import Book, Loose
from engine.collector import fewer_collections
from engine.context import Host
from engine.devices import Device, Devices
from engine.durations import Durations
from engine.events import Event
from engine.executor import Run
from engine.files import Files
from engine.graph import Graph
from engine.lanes import DeviceLane, Lanes, Room
from engine.outcomes import Result
from engine.parts import Parts
from engine.plan import CacheMode, Plan, make_plan
from engine.recollection import Recollection
from engine.registry import Hooks, Registry
from engine.residency import Residency
from engine.signature import Signatures
from engine.turns import Account
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
        """An engine on a home; `device` may name several, with commas between them.

        With `merge`, equal asks of different jobs share a forward pass; without, what was computed so is
        not taken from the cache either.  Without `disk`, nothing outlives the engine.
        """
        device = registry.hooks.best_device() if device == "auto" else device
        memory = machine_bytes()
        devices = _devices([name.strip() for name in device.split(",")], registry.hooks, merge, memory // 2)
        parts = Parts(
            registry,
            memory=MemoryCache(min(4 << 30, memory // 8)),
            disk=DiskCache(files.state / "cache", exact=not merge) if disk else None,
            lanes=Lanes(devices.first.lane),
            devices=devices,
            durations=Durations(files.state / "durations.json" if disk else None),
            recollection=Recollection(files.state / "recollection.json" if disk else None),
        )
        return cls(registry, files, parts, devices.first.name)

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
            return validate(graph, self.registry, self.files, targets=targets, titles=titles, lenient=lenient)

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
            devices=self.parts.devices,
            emit=emit,
            loop=asyncio.get_running_loop(),
            cancelled=asyncio.Event(),
            metadata=metadata or {},
            book=book or Loose(),
            account=Account(),
        )
        with fewer_collections():
            try:
                result = await Run(plan, self.parts, host)()
            finally:
                self.parts.devices.ended(host.account)
            self.parts.recollection.note((plan.graph.calls[node] for node in plan.missing), plan.keys)
            return result

    def close(self) -> None:
        """Write what is to be kept, and let the threads end."""
        self.parts.durations.save()
        self.parts.recollection.save()
        if self.parts.disk is not None:
            self.parts.disk.close()
        self.parts.lanes.close()
        self.parts.devices.close()


def _devices(names: Sequence[str], hooks: Hooks, merge: bool, host_bytes: int) -> Devices:
    """A lane and a memory for each; those with a memory of their own load through one that they share."""
    found, host = [], Residency(host_bytes, released=hooks.give_back, is_full=hooks.is_full)
    for name in names:
        own = hooks.model_memory(name)
        residency = host
        if own is not None:
            residency = Residency(behind=host, released=hooks.give_back, is_full=hooks.is_full, measure=own)
        lane = DeviceLane(
            name,
            merge=merge,
            scope=hooks.scope,
            stopwatch=partial(hooks.stopwatch, name),
            room=Room(hooks.is_full, residency.free),
        )
        found.append(Device(lane, residency))
    return Devices(found[0], tuple(found[1:]))
