"""The memory tier: bytes are counted, and the least recently used goes first."""

from pathlib import Path

from toys import call

from engine.cache import ENTRY_BYTES, Entry
from engine.cache.memory import MemoryCache
from engine.testing import Bench


def entry(nbytes: int, *files: str) -> Entry:
    return Entry(([0],), files=files, nbytes=nbytes)


def test_what_was_not_used_longest_goes_first() -> None:
    cache = MemoryCache(budget=300)
    for name in (b"a", b"b", b"c"):
        cache.put(name, entry(100))
    cache.get(b"a")
    cache.put(b"d", entry(100))
    assert [name for name in (b"a", b"b", b"c", b"d") if cache.get(name)] == [b"a", b"c", b"d"]
    assert cache.nbytes == 300


def test_a_large_entry_drives_out_as_many_as_it_takes() -> None:
    cache = MemoryCache(budget=300)
    for name in (b"a", b"b", b"c"):
        cache.put(name, entry(100))
    cache.put(b"d", entry(250))
    assert len(cache) == 1


def test_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out() -> None:
    cache = MemoryCache(budget=300)
    cache.put(b"a", entry(100))
    cache.put(b"b", entry(301))
    assert cache.get(b"a") is not None
    assert cache.get(b"b") is None


def test_putting_again_replaces_and_counts_once() -> None:
    cache = MemoryCache(budget=300)
    cache.put(b"a", entry(100))
    cache.put(b"a", entry(50))
    assert (len(cache), cache.nbytes) == (1, 50)
    cache.put(b"a", entry(500))
    assert (len(cache), cache.nbytes) == (0, 0)


def test_an_entry_with_files_counts_only_while_they_exist(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.touch()
    cache = MemoryCache()
    cache.put(b"a", entry(100, str(file)))
    assert cache.get(b"a") is not None
    file.unlink()
    assert cache.get(b"a") is None
    assert cache.nbytes == 0


def test_clearing_leaves_nothing() -> None:
    cache = MemoryCache()
    cache.put(b"a", entry(100))
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_a_run_is_right_whatever_the_budget(bench: Bench) -> None:
    bench.engine.parts.memory.budget = 2 * ENTRY_BYTES - 1
    graph = {str(n): call("Add", a=n) for n in range(20)}
    assert bench.run(graph, *graph).outputs["19"] == (19,)
    assert bench.engine.parts.memory.nbytes < 2 * ENTRY_BYTES
    assert len(bench.run(graph, *graph).ran) == 19  # there is room for one


def test_a_value_counts_with_its_sockets_bytes(bench: Bench) -> None:
    bench.run({"1": call("Make")}, "1")
    assert bench.engine.parts.memory.nbytes == ENTRY_BYTES + 1000
