"""What all runs of an engine share: the caches, the flights, the lanes, what is loaded."""

from dataclasses import dataclass, field

from engine.cache import Entry
from engine.cache.disk import DiskCache
from engine.cache.memory import MemoryCache
from engine.devices import Devices
from engine.durations import Durations
from engine.flights import Flights
from engine.lanes import Lanes
from engine.recollection import Recollection
from engine.registry import Registry
from engine.signature import Key
from engine.spec import NodeSpec


@dataclass
class Parts:
    """The engine's parts."""

    registry: Registry
    memory: MemoryCache = field(default_factory=MemoryCache)
    disk: DiskCache | None = None
    flights: Flights = field(default_factory=Flights)
    lanes: Lanes = field(default_factory=Lanes)
    devices: Devices = field(default_factory=Devices)
    durations: Durations = field(default_factory=Durations)
    recollection: Recollection = field(default_factory=Recollection)
    lingered: set[str] = field(default_factory=set)

    @property
    def residency(self) -> Devices:
        """What is loaded, on all devices."""
        return self.devices

    def keep(self, key: Key, spec: NodeSpec, entry: Entry) -> None:
        """Put a result where it will be found again."""
        self.memory.put(key, entry)
        if self.disk is not None:
            self.disk.offer(key, spec, entry)
