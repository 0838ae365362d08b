"""A result knows whether it is exact: what came of a call shared with others is not taken for it."""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toys import call, total

from engine.cache import Entry
from engine.events import NodeSpan
from engine.node import Context, Expansion, node
from engine.testing import Bench, Log

Steps = Generator[Sequence[Any], Sequence[Any], Any]


@dataclass
class Ask:
    key: str
    row: int

    @staticmethod
    def call(rows: Sequence[int]) -> list[int]:
        return [row * 10 for row in rows]


@node("Sample", category="toys", numeric=True)
async def sample(ctx: Context, *, n: int, key: str = "k", steps: int = 200) -> int:
    """Asks the device, and shares its calls with whoever asks with the same key."""

    def asking() -> Steps:
        answer = 0
        for _ in range(steps):
            [answer] = yield [Ask(key, n)]
        return answer

    found: int = await ctx.device.drive(asking())
    return found


@node("Double", category="toys")
def double(*, n: int) -> int:
    """Twice a number, without the device."""
    return 2 * n


@node("Inner", category="toys")
def inner(*, n: int) -> int | Expansion:
    """A sample, by expansion."""
    return Expansion({"x": call("Sample", n=n)}, [["x", 0]])


def bench(home: Path, *, merge: bool) -> Bench:
    return Bench(home, [sample, double, inner, total], merge=merge, disk=True)


def chain(n: int, first: str = "Sample") -> dict[str, Any]:
    return {"1": call(first, n=n), "2": call("Double", n=["1", 0])}


def together(bench: Bench, *graphs: dict[str, Any]) -> list[Log]:
    async def main() -> list[Log]:
        return await asyncio.gather(*(bench.arun(graph, "2") for graph in graphs))

    logs = asyncio.run(main())
    assert [log.outputs["2"] for log in logs] == [(2 * 10 * graph["1"]["inputs"]["n"],) for graph in graphs]
    return logs


def entries(bench: Bench, graph: dict[str, Any]) -> dict[str, Entry]:
    validation = bench.engine.validate(graph, ["2"])
    plan = bench.engine.plan(validation.graph, ["2"])
    return {node: entry for node, key in plan.keys.items() if (entry := bench.engine.parts.memory.get(key))}


@pytest.mark.parametrize("first", ["Sample", "Inner"])
def test_what_shared_a_call_is_not_exact_and_nothing_that_comes_of_it_is(tmp_path: Path, first: str) -> None:
    merging = bench(tmp_path, merge=True)
    graphs = [chain(1, first), chain(2, first)]
    logs = together(merging, *graphs)
    assert any("shared" in event.note for log in logs for event in log.events if isinstance(event, NodeSpan))
    for graph in graphs:
        assert {node: entry.exact for node, entry in entries(merging, graph).items()} == {
            "1": False,
            "2": False,
        }
    merging.engine.close()


def test_who_was_alone_is_exact_where_others_share(tmp_path: Path) -> None:
    merging = bench(tmp_path, merge=True)
    together(merging, chain(1))
    assert all(entry.exact for entry in entries(merging, chain(1)).values())
    merging.engine.close()


def dear(home: Path, *graphs: dict[str, Any], merge: bool) -> Bench:
    """Run graphs at once, with results that go to disk."""
    made = bench(home, merge=merge)
    together(made, *graphs)
    made.engine.close()
    return made


SLOW = [chain(1), chain(2)]
for _graph in SLOW:
    _graph["1"]["inputs"]["steps"] = 3000


def test_an_exact_engine_does_not_take_what_shared_calls_gave_and_a_merging_one_does(tmp_path: Path) -> None:
    dear(tmp_path, *SLOW, merge=True)
    files = sorted(path.name for path in (tmp_path / "state/cache").rglob("*.safetensors"))
    assert len(files) >= 2
    assert all(name.endswith(".merged.safetensors") for name in files)
    again = bench(tmp_path, merge=True)
    assert again.run(SLOW[0], "2").ran <= {"2"}
    again.engine.close()
    exact = bench(tmp_path, merge=False)
    assert exact.run(SLOW[0], "2").ran == {"1", "2"}
    exact.engine.close()
    assert bench(tmp_path, merge=False).run(SLOW[0], "2").ran <= {"2"}


def test_what_an_exact_engine_stored_serves_all(tmp_path: Path) -> None:
    dear(tmp_path, SLOW[0], merge=False)
    for merge in (False, True):
        log = bench(tmp_path, merge=merge).run(SLOW[0], "2")
        assert log.ran <= {"2"}


def test_what_comes_of_an_inexact_result_from_disk_is_not_exact_either(tmp_path: Path) -> None:
    dear(tmp_path, *SLOW, merge=True)
    again = bench(tmp_path, merge=True)
    again.run(SLOW[0], "2")
    assert not entries(again, SLOW[0])["2"].exact
    again.engine.close()


def test_listing_the_disk_names_both_kinds_by_their_key(tmp_path: Path) -> None:
    dear(tmp_path, *SLOW, merge=True)
    disk = bench(tmp_path, merge=True).engine.parts.disk
    assert disk is not None
    assert all(bytes.fromhex(entry.key) for entry in disk.entries())
