"""The disk tier: dear results survive the process, and a bad file is only a miss."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from toys import TOYS, Graph, call

from engine.cache import Entry
from engine.cache.disk import DiskCache
from engine.node import Buffer, Codec, Node, Packed, Socket, node
from engine.testing import Bench

BYTES = Socket(
    "BYTES",
    size=len,
    codec=Codec(
        pack=lambda value: Packed({"length": len(value)}, {"data": Buffer("U8", (len(value),), value)}),
        unpack=lambda packed: packed.buffers["data"].data,
    ),
)


@node("Bytes", category="test")
async def some_bytes(*, n: int) -> Annotated[bytes, BYTES]:
    """A dear array."""
    await asyncio.sleep(0.025)
    return bytes(n % 256 for n in range(n))


@node("Spoiled", category="test")
async def spoiled(
    *, n: int
) -> Annotated[bytes, Socket("SPOILED", codec=Codec(Packed, lambda _packed: 1 / 0))]:
    """Its values can be written, and never be read."""
    await asyncio.sleep(0.025)
    return n  # type: ignore[return-value]


@node("DearThing", category="test")
async def dear_thing(*, label: str) -> Annotated[object, Socket("THING")]:
    """A dear value without a codec."""
    await asyncio.sleep(0.025)
    return label


@node("Length", category="test")
def length(*, value: Any) -> int:
    """How long it is."""
    return len(value)


NODES: tuple[Node[..., Any], ...] = (*TOYS, some_bytes, spoiled, dear_thing, length)


@contextmanager
def opened(home: Path) -> Iterator[Bench]:
    """An engine as a new process has it: nothing in memory, the same disk."""
    bench = Bench(home, NODES, disk=True)
    with bench.engine:
        yield bench


def dear(value: str = "x") -> Graph:
    """Two dear steps and a cheap one."""
    return {
        "a": call("Wait", seconds=0.025, value=value),
        "b": call("Wait", seconds=0.0251, value=["a", 0]),
        "c": call("Length", value=["b", 0]),
    }


def files(home: Path) -> list[Path]:
    return sorted((home / "state" / "cache").rglob("*.safetensors"))


def test_dear_results_survive_the_engine(tmp_path: Path) -> None:
    with opened(tmp_path) as bench:
        assert bench.run(dear(), "c").ran == {"a", "b", "c"}
    with opened(tmp_path) as bench:
        log = bench.run(dear(), "c")
        assert log.ran == {"c"}
        assert log.cached == {"b"}
        assert log.outputs["c"] == (1,)
        assert bench.run(dear(), "c").ran == set()


def test_only_dear_results_are_written(tmp_path: Path) -> None:
    with opened(tmp_path) as bench:
        bench.run(dear() | {"d": call("SlowAdd", a=1)}, "c", "d")
    assert len(files(tmp_path)) == 2


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    graph = {"1": call("Bytes", n=1000)}
    with opened(tmp_path) as bench:
        [before] = bench.run(graph, "1").outputs["1"]
    with opened(tmp_path) as bench:
        log = bench.run(graph, "1")
        assert log.ran == set()
        assert log.outputs["1"] == (before,)


@pytest.mark.parametrize("text", ["", "\n", "é", "\ud800", "\x00\x1f", '"}'])
def test_texts_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    graph = {"1": call("Wait", seconds=0.025, value=text)}
    with opened(tmp_path) as bench:
        bench.run(graph, "1")
    with opened(tmp_path) as bench:
        log = bench.run(graph, "1")
        assert (log.ran, log.outputs["1"]) == (set(), (text,))


def test_values_without_a_codec_stay_in_memory(tmp_path: Path) -> None:
    graph = {"1": call("DearThing", label="x")}
    with opened(tmp_path) as bench:
        bench.run(graph, "1")
        assert bench.run(graph, "1").ran == set()
    assert files(tmp_path) == []


def test_blocks_and_failures_are_not_written(tmp_path: Path) -> None:
    graph = {
        "a": call("Wait", seconds=0.025),
        "gate": call("Gate", value=["a", 0], is_open=False),
        "b": call("Wait", seconds=0.025, value=["gate", 0]),
    }
    with opened(tmp_path) as bench:
        bench.run(graph, "b")
    assert len(files(tmp_path)) == 1


def test_what_is_computed_from_uncacheable_calls_is_not_written(tmp_path: Path) -> None:
    graph = {"n": call("Roll", a=1), "w": call("WaitFor", a=["n", 0])}

    @node("WaitFor", category="test")
    async def wait_for(*, a: int) -> int:
        await asyncio.sleep(0.025)
        return a

    with opened(tmp_path) as bench:
        bench.engine.registry.add(wait_for, namespace="test")
        bench.run(graph, "w")
        assert len(bench.engine.parts.memory) == 0
    assert files(tmp_path) == []


# Bad files.


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def flipped_in_the_header(content: bytes) -> bytes:
    place = content.index(b"seconds") + 12
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def empty(_content: bytes) -> bytes:
    return b""


def foreign(_content: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(100)


def of_another_program(_content: bytes) -> bytes:
    header = b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    "spoil", [truncated, flipped, flipped_in_the_header, empty, foreign, of_another_program]
)
def test_a_bad_file_is_a_miss_and_the_run_computes_it_with_its_sources(tmp_path: Path, spoil: Any) -> None:
    graph = {
        "1": call("Number", value=1000),
        "2": call("Bytes", n=["1", 0]),
        "3": call("Length", value=["2", 0]),
    }
    with opened(tmp_path) as bench:
        bench.run(graph, "3")
    [file] = files(tmp_path)
    file.write_bytes(spoil(file.read_bytes()))
    with opened(tmp_path) as bench:
        log = bench.run(graph, "3")
        assert log.ran == {"1", "2", "3"}
        assert log.outputs["3"] == (1000,)
    with opened(tmp_path) as bench:  # and it has been written anew
        assert bench.run(graph, "2").ran == set()


def test_an_entry_that_cannot_be_unpacked_is_a_miss(tmp_path: Path) -> None:
    graph = {"1": call("Spoiled", n=5), "2": call("Spoiled", n=["1", 0])}
    graph["2"] = call("Add", a=1)
    for _ in range(2):
        with opened(tmp_path) as bench:
            assert bench.run({"1": call("Spoiled", n=5)}, "1").ran == {"1"}


def test_two_equal_nodes_whose_file_is_bad_are_both_computed(tmp_path: Path) -> None:
    graph = {
        "a": call("Wait", seconds=0.025, value="x"),
        "b": call("Wait", seconds=0.025, value="x"),
        "j": call("Join", left=["a", 0], right=["b", 0]),
    }
    with opened(tmp_path) as bench:
        bench.run(graph, "j")
    for file in files(tmp_path):
        file.write_bytes(b"")
    with opened(tmp_path) as bench:
        assert bench.run(graph, "j").outputs["j"] == ("xx",)


def test_a_folder_that_cannot_be_written_makes_runs_slower_and_nothing_worse(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the place of the folder")
    for _ in range(2):
        with opened(tmp_path) as bench:
            assert bench.run(dear(), "c").outputs["c"] == (1,)


# Output nodes.


def test_a_stored_output_counts_only_while_its_file_exists(tmp_path: Path) -> None:
    graph = {"1": call("Save", text="hello")}
    with opened(tmp_path) as bench:
        assert bench.run(graph).ran == {"1"}
    with opened(tmp_path) as bench:
        log = bench.run(graph)
        assert log.ran == set()
        [shown] = log.result.shown["1"]["text"]
    (tmp_path / "output" / shown["filename"]).unlink()
    with opened(tmp_path) as bench:
        assert bench.run(graph).ran == {"1"}
    assert [path.read_text() for path in (tmp_path / "output").iterdir()] == ["hello"]


# Budget.


def test_the_folder_stays_within_its_budget_and_what_was_not_used_longest_goes(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, budget=1_000_000)
    for number in range(8):
        cache.offer(bytes([number]) * 20, some_bytes.spec, Entry(([bytes(5_000)],), seconds=1, nbytes=5_000))
        cache.flush()
        os.utime(cache.path(bytes([number]) * 20), (number, number))
    cache.get(bytes([4]) * 20, some_bytes.spec)
    cache.budget = 20_000
    cache.close()
    left = [number for number in range(8) if cache.has(bytes([number]) * 20)]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 20_000
    assert left == [4, 6, 7]


def test_people_can_see_and_clear_what_is_stored(tmp_path: Path) -> None:
    with opened(tmp_path) as bench:
        bench.run(dear(), "c")
        cache = bench.engine.parts.disk
        assert cache is not None
        cache.flush()
        assert [each.class_type for each in cache.entries()] == ["Wait", "Wait"]
        assert cache.clear() > 0
        assert list(cache.entries()) == []


# Several processes.

PROCESS = """
import sys
from pathlib import Path
from engine.cache import Entry
from engine.cache.disk import DiskCache
from test_disk_cache import some_bytes
cache = DiskCache(Path(sys.argv[1]), budget=60_000)
for turn in range(3):
    for number in range(20):
        key, value = bytes([number]) * 20, bytes([number]) * 5_000
        cache.offer(key, some_bytes.spec, Entry(([value],), seconds=1, nbytes=5_000))
        found = cache.get(key, some_bytes.spec)
        assert found is None or found.slots == ([value],), number
cache.close()
"""


def test_two_processes_may_share_a_folder(tmp_path: Path) -> None:
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parents[1], here.parent / "helpers")))
    environment = os.environ | {"PYTHONPATH": paths}
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)], env=environment) for _ in range(2)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert not list(tmp_path.rglob("*.part"))
    cache = DiskCache(tmp_path)
    for number in range(20):
        found = cache.get(bytes([number]) * 20, some_bytes.spec)
        assert found is None or found.slots == ([bytes([number]) * 5_000],)


def test_what_a_killed_process_left_half_written_is_removed_when_it_is_old(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    folder = tmp_path / "ab"
    folder.mkdir()
    old, new = folder / ".abcd.safetensors.1.part", folder / ".abce.safetensors.2.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.trim()
    assert [path.name for path in folder.iterdir()] == [new.name]
    cache.close()
