"""Which loaded models are kept."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.residency import Residency


@dataclass
class Loaded:
    name: str
    nbytes: int


@dataclass
class Shelf:
    """Recipes, and what was loaded for them."""

    loads: list[str] = field(default_factory=list)

    def recipe(self, name: str, nbytes: int = 100, error: Exception | None = None) -> "Recipe":
        return Recipe(self, name, nbytes, error)


@dataclass
class Recipe:
    shelf: Shelf
    name: str
    nbytes: int
    error: Exception | None

    @property
    def identity(self) -> str:
        return self.name

    def load(self) -> Loaded:
        self.shelf.loads.append(self.name)
        if self.error is not None:
            raise self.error
        return Loaded(self.name, self.nbytes)


async def here(load: Callable[[], Loaded]) -> Loaded:
    await asyncio.sleep(0.01)
    return load()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def use(residency: Residency, *recipes: Recipe) -> None:
    for recipe in recipes:
        async with residency.pin(recipe, here) as loaded:
            assert loaded.name == recipe.name


def test_what_is_loaded_stays_for_the_next_who_asks() -> None:
    shelf = Shelf()
    run(use(Residency(), shelf.recipe("a"), shelf.recipe("b"), shelf.recipe("a")))
    assert shelf.loads == ["a", "b"]


def test_what_was_not_used_longest_goes_when_room_is_needed() -> None:
    shelf, residency = Shelf(), Residency(budget=250)
    run(use(residency, *(shelf.recipe(name) for name in "abac")))
    assert residency.nbytes == 200
    run(use(residency, shelf.recipe("a"), shelf.recipe("c")))
    assert shelf.loads == ["a", "b", "c"]
    run(use(residency, shelf.recipe("b")))
    assert shelf.loads == ["a", "b", "c", "b"]


def test_what_is_in_use_stays_whatever_the_budget() -> None:
    shelf, residency = Shelf(), Residency(budget=150)

    async def main() -> None:
        async with residency.pin(shelf.recipe("a"), here) as a, residency.pin(shelf.recipe("b"), here):
            assert residency.nbytes == 200
            residency.free()
            assert residency.nbytes == 200
            assert a.name == "a"
        assert residency.nbytes == 100

    run(main())


def test_one_load_serves_all_who_ask_at_once() -> None:
    shelf, residency = Shelf(), Residency()

    async def main() -> None:
        await asyncio.gather(*(use(residency, shelf.recipe("a")) for _ in range(5)))

    run(main())
    assert shelf.loads == ["a"]


def test_a_load_that_fails_is_told_to_all_and_tried_again_by_the_next() -> None:
    shelf, residency = Shelf(), Residency()
    broken = shelf.recipe("a", error=ValueError("not a model"))

    async def main() -> None:
        ends = await asyncio.gather(*(use(residency, broken) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(end, ValueError) for end in ends)
        assert residency.nbytes == 0
        await use(residency, shelf.recipe("a"))

    run(main())
    assert shelf.loads == ["a", "a"]


def test_an_error_of_the_user_of_a_model_leaves_it_loaded() -> None:
    shelf, residency = Shelf(), Residency()

    async def main() -> None:
        with pytest.raises(KeyError):
            async with residency.pin(shelf.recipe("a"), here):
                raise KeyError
        await use(residency, shelf.recipe("a"))

    run(main())
    assert shelf.loads == ["a"]


def test_who_leaves_while_loading_does_not_take_it_from_the_others() -> None:
    shelf, residency = Shelf(), Residency()

    async def main() -> None:
        first = asyncio.ensure_future(use(residency, shelf.recipe("a")))
        second = asyncio.ensure_future(use(residency, shelf.recipe("a")))
        await asyncio.sleep(0.002)
        first.cancel()
        await second
        assert first.cancelled()

    run(main())
    assert shelf.loads == ["a"]


def test_the_last_who_leaves_while_loading_ends_the_load() -> None:
    shelf, residency = Shelf(), Residency()
    ended = []

    async def slowly(load: Callable[[], Loaded]) -> Loaded:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        return load()

    async def main() -> None:
        async def pinned() -> None:
            async with residency.pin(shelf.recipe("a"), slowly):
                pass

        waiting = asyncio.ensure_future(pinned())
        await asyncio.sleep(0.002)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ended == [True]
        assert residency.nbytes == 0
        await use(residency, shelf.recipe("a"))

    run(main())
    assert shelf.loads == ["a"]


def test_what_is_kept_serves_the_next_event_loop_too() -> None:
    shelf, residency = Shelf(), Residency()
    run(use(residency, shelf.recipe("a")))
    run(use(residency, shelf.recipe("a")))
    assert shelf.loads == ["a"]
    residency.free()
    run(use(residency, shelf.recipe("a")))
    assert shelf.loads == ["a", "a"]
