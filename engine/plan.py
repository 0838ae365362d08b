"""What a run would do: what is there already, what runs, why, and about how long.

The first half of every run, and all of `safelight plan`.  One walk from the wanted nodes upstream,
which stops where a result is found; nothing is computed and nothing changes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from engine.cache import Entry
from engine.cache.disk import DiskCache
from engine.cache.memory import MemoryCache
from engine.graph import Graph
from engine.recollection import Recollection
from engine.signature import Key, Signatures

CacheMode = Literal["use", "refresh", "off"]


@dataclass(frozen=True)
class Plan:
    """The graph with what is known about each node of it.

    `found` are results in memory, `stored` nodes whose results are on disk, `missing` the nodes to run
    with sources first.
    """

    graph: Graph
    wanted: tuple[str, ...]
    signatures: Signatures
    found: Mapping[str, Entry] = field(default_factory=dict)
    stored: Collection[str] = ()
    missing: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    mode: CacheMode = "use"
    recollection: Recollection = field(default_factory=Recollection)

    @property
    def keys(self) -> Mapping[str, Key]:
        return self.signatures.keys

    @cached_property
    def why(self) -> Mapping[str, str]:
        """What makes each missing node necessary."""
        return {node: self._reason(node) for node in self.missing}

    def _reason(self, node: str) -> str:
        if self.mode != "use":
            return "asked to run again" if self.mode == "refresh" else "the cache is off"
        if (reason := self.signatures.uncacheable.get(node)) is not None:
            return reason
        call = self.graph.calls[node]
        changes = self.recollection.changes(call, self.keys)
        if changes is None:
            return "it has not run here before"
        return changes or "its result was not kept"


def make_plan(
    graph: Graph,
    wanted: Iterable[str],
    signatures: Signatures,
    memory: MemoryCache,
    disk: DiskCache | None,
    mode: CacheMode = "use",
    recollection: Recollection | None = None,
) -> Plan:
    """Sign every call, and see what is there."""
    signatures.sign_all(graph)
    wanted = tuple(wanted)
    if mode != "use":
        disk = None
    found: dict[str, Entry] = {}
    stored: set[str] = set()
    needed = set(wanted)
    missing: list[str] = []
    cached: list[str] = []
    keys = signatures.keys
    for node in reversed(graph.order):
        call = graph.calls[node]
        entry = memory.get(keys[node]) if mode == "use" else None
        if entry is not None:
            cached.append(node)
            if node in needed:
                found[node] = entry
        elif node in needed:
            if disk is not None and disk.has(keys[node]):
                stored.add(node)
                cached.append(node)
            else:
                missing.append(node)
                needed.update([link.node for link in call.eager_links])
    missing.reverse()
    cached.reverse()
    return Plan(
        graph,
        wanted,
        signatures,
        found,
        stored,
        tuple(missing),
        tuple(cached),
        mode,
        recollection or Recollection(),
    )
