"""Several devices: one lane each, and jobs go where their model is."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from engine.engine import Engine
from engine.files import Files
from engine.node import Context, node
from engine.registry import Hooks, Registry

MB = 10**6


@dataclass
class Loaded:
    name: str
    device: str
    nbytes: int


@dataclass
class World:
    """What was loaded where, and which thread computed with it."""

    loads: list[tuple[str, str]] = field(default_factory=list)
    used: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Recipe:
    world: World
    name: str
    device: str
    expected: int

    @property
    def identity(self) -> tuple[str, str]:
        return self.name, self.device

    @property
    def label(self) -> str:
        return self.name

    def load(self) -> Loaded:
        self.world.loads.append((self.name, self.device))
        return Loaded(self.name, self.device, self.expected)


WORLD = World()


@node("Compute", category="toys", cache=False)
async def compute(ctx: Context, *, model: str, seconds: float = 0.01, megabytes: int = 100) -> str:
    """Computes with a model for a while, and says where."""

    def place(device: str) -> Recipe:
        return Recipe(WORLD, model, device, megabytes * MB)

    async with ctx.resident(place) as loaded:
        assert loaded.device == ctx.device_name

        def work() -> str:
            WORLD.used.append((model, loaded.device, threading.current_thread().name))
            threading.Event().wait(seconds)
            return loaded.device

        return await ctx.device.call(work)


@pytest.fixture
def world() -> World:
    WORLD.loads.clear()
    WORLD.used.clear()
    return WORLD


def opened(home: Path, device: str = "gpu:0,gpu:1", megabytes: int = 150, **hooks: Any) -> Engine:
    registry = Registry()
    registry.add(compute, namespace="test")
    budget: Callable[[], int] = lambda: megabytes * MB  # noqa: E731
    registry.hooks = replace(Hooks(), model_memory=lambda _device: budget, **hooks)
    return Engine.open(registry, Files(home), device=device, disk=False)


async def run(engine: Engine, **inputs: Any) -> str:
    graph = {"1": {"class_type": "Compute", "inputs": inputs}}
    validation = engine.validate(graph, ["1"])
    assert not validation.errors, validation.errors
    result = await engine.run(engine.plan(validation.graph, ["1"]))
    value: str = result.values("1")[0][0]
    return value


def test_each_device_has_a_lane_of_its_own(tmp_path: Path, world: World) -> None:
    async def main(engine: Engine) -> list[str]:
        return await asyncio.gather(*(run(engine, model=name, seconds=0.05) for name in "ab"))

    with opened(tmp_path) as engine:
        assert sorted(asyncio.run(main(engine))) == ["gpu:0", "gpu:1"]
    assert {(device, thread) for _, device, thread in world.used} == {
        ("gpu:0", "lane-gpu:0"),
        ("gpu:1", "lane-gpu:1"),
    }


def test_jobs_go_where_their_model_is(tmp_path: Path, world: World) -> None:
    async def main(engine: Engine) -> None:
        for name in "abababab":
            await run(engine, model=name)

    with opened(tmp_path, megabytes=150) as engine:
        asyncio.run(main(engine))
        report = engine.parts.devices.report()
    held = {name: [each.label for each in models] for name, models in report.items()}
    assert held == {"gpu:0": ["a"], "gpu:1": ["b"], "host": []}
    assert sorted(world.loads) == [("a", "gpu:0"), ("b", "gpu:1")]


def test_an_idle_device_with_room_takes_some_of_what_many_want(tmp_path: Path, world: World) -> None:
    async def main(engine: Engine) -> list[str]:
        return await asyncio.gather(*(run(engine, model="a", seconds=0.03) for _ in range(6)))

    with opened(tmp_path) as engine:
        assert set(asyncio.run(main(engine))) == {"gpu:0", "gpu:1"}
    assert sorted(world.loads) == [("a", "gpu:0"), ("a", "gpu:1")]


def test_a_device_is_not_emptied_to_help_another(tmp_path: Path, world: World) -> None:
    async def main(engine: Engine) -> None:
        await run(engine, model="a")
        await run(engine, model="b")
        await asyncio.gather(*(run(engine, model="a", seconds=0.02) for _ in range(6)))

    with opened(tmp_path) as engine:
        asyncio.run(main(engine))
    assert sorted(world.loads) == [("a", "gpu:0"), ("b", "gpu:1")]


def test_what_fits_on_no_device_beside_others_waits_and_all_get_their_turn(
    tmp_path: Path, world: World
) -> None:
    async def main(engine: Engine) -> list[str]:
        return await asyncio.gather(*(run(engine, model=name) for name in "abcabcabc"))

    with opened(tmp_path, device="gpu:0") as engine:
        assert asyncio.run(main(engine)) == ["gpu:0"] * 9
        assert engine.parts.residency.nbytes <= 150 * MB
    assert len(world.loads) == 3


def test_models_can_be_let_go_all_or_by_name_and_memory_goes_back_to_the_system(
    tmp_path: Path, world: World
) -> None:
    given_back: list[bool] = []

    async def main(engine: Engine) -> None:
        for name in "ab":
            await run(engine, model=name)

    with opened(tmp_path, give_back=lambda: given_back.append(True)) as engine:
        asyncio.run(main(engine))
        residency = engine.parts.residency
        assert residency.unload("a") == 1
        assert residency.unload("a") == 0
        assert residency.nbytes == 100 * MB
        residency.free()
        assert residency.nbytes == 0
    assert len(given_back) == 2
    assert len(world.loads) == 2


def test_the_next_model_is_loaded_while_the_device_computes(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, loading = threading.Event(), threading.Event()
    overlapped: list[bool] = []
    real = Recipe.load

    def load(recipe: Recipe) -> Loaded:
        if recipe.name == "b":
            loading.set()
            overlapped.append(computing.wait(5))
        return real(recipe)

    monkeypatch.setattr(Recipe, "load", load)

    async def main(engine: Engine) -> None:
        first = asyncio.ensure_future(run(engine, model="a", seconds=0.1))
        while not world.used:
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(run(engine, model="b"))
        assert await asyncio.to_thread(loading.wait, 5)
        assert not first.done()
        computing.set()
        await asyncio.gather(first, second)

    with opened(tmp_path, device="gpu:0", megabytes=1000) as engine:
        asyncio.run(main(engine))
    assert overlapped == [True]
