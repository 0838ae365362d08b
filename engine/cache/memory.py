"""The memory tier: least recently used goes first when the bytes are too many."""

from collections import OrderedDict
from dataclasses import dataclass, field

from engine.cache import Entry
from engine.signature import Key


@dataclass
class MemoryCache:
    """Entries within `budget` bytes."""

    budget: int = 4 << 30
    nbytes: int = 0
    _entries: OrderedDict[Key, Entry] = field(default_factory=OrderedDict)

    def get(self, key: Key) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.files and not entry.valid:
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep an entry; one that is larger than the whole budget is not kept."""
        self.drop(key)
        if entry.nbytes > self.budget:
            return
        self._entries[key] = entry
        self.nbytes += entry.nbytes
        while self.nbytes > self.budget:
            _, oldest = self._entries.popitem(last=False)
            self.nbytes -= oldest.nbytes

    def drop(self, key: Key) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self.nbytes -= entry.nbytes

    def clear(self) -> None:
        self._entries.clear()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._entries)
