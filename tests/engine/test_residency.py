"""Which loaded models are kept."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.residency import Residency
from engine.turns import Account

MB = 10**6


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
    expected: int = 0

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


# Who may load next: models that do not fit beside each other.


@dataclass
class Machine:
    """A memory of so many MB, the models that jobs load into it, and the most that was ever in it."""

    budget: int
    seconds: float = 0.01
    shelf: Shelf = field(default_factory=Shelf)
    most: int = 0

    def __post_init__(self) -> None:
        self.residency = Residency(self.budget * MB)

    def sized(self, name: str, nbytes: int = 100) -> "Recipe":
        recipe = self.shelf.recipe(name, nbytes * MB)
        recipe.expected = nbytes * MB
        return recipe

    async def load(self, load: Callable[[], Loaded]) -> Loaded:
        await asyncio.sleep(self.seconds)
        return load()

    async def use(self, account: Account, name: str, nbytes: int = 100, seconds: float = 0.005) -> str:
        """One call of a job that needs a model."""
        holder = object()
        async with self.residency.pin(self.sized(name, nbytes), self.load, account, holder) as loaded:
            self.most = max(self.most, self.residency.nbytes // MB)
            await asyncio.sleep(seconds)
            return loaded.name

    async def job(self, *names: str) -> list[str]:
        account = Account()
        used = [await self.use(account, name) for name in names]
        self.residency.ended(account)
        return used


def test_three_jobs_over_three_models_load_each_once_on_a_device_of_half_their_size() -> None:
    machine = Machine(budget=150)

    async def main() -> None:
        jobs = [["a"] * 4, ["b"] * 4, ["c"] * 4]
        assert await asyncio.gather(*(machine.job(*names) for names in jobs)) == jobs

    run(main())
    assert len(machine.shelf.loads) == 3
    assert machine.most <= 150


def test_three_jobs_that_each_use_three_models_load_each_once() -> None:
    machine = Machine(budget=150)

    async def main() -> None:
        ends = await asyncio.gather(*(machine.job("text", "unet", "vae") for _ in range(3)))
        assert list(ends) == [["text", "unet", "vae"]] * 3

    run(main())
    assert machine.shelf.loads == ["text", "unet", "vae"]
    assert machine.most <= 150


def test_who_needs_nothing_moved_goes_before_who_does_and_not_for_ever() -> None:
    machine, order = Machine(budget=150), []

    async def main() -> None:
        async def named(name: str, model: str, since: float, nbytes: int = 100) -> None:
            await machine.use(Account(since=since), model, nbytes)
            order.append(name)

        first = asyncio.ensure_future(named("first", "a", 0.0))
        await asyncio.sleep(0.002)
        waiting = [
            asyncio.ensure_future(named(name, model, since))
            for name, model, since in (("other", "b", 1.0), ("same", "a", 2.0))
        ]
        await asyncio.gather(first, *waiting)
        assert order == ["first", "same", "other"]
        order.clear()

        stream = [asyncio.ensure_future(named("stream", "b", 3.0))]  # one after the other, without end
        late = asyncio.ensure_future(named("late", "a", 4.0))
        while not late.done():
            stream.append(asyncio.ensure_future(named("stream", "b", 5.0)))
            await asyncio.sleep(0.003)
            assert len(stream) < 200
        await asyncio.gather(*stream)

    run(main())
    assert "late" in order


def test_the_oldest_of_equals_goes_first() -> None:
    machine, order = Machine(budget=100), []

    async def main() -> None:
        async def named(model: str, since: float) -> None:
            await machine.use(Account(since=since), model)
            order.append(model)

        first = asyncio.ensure_future(named("a", 0.0))
        await asyncio.sleep(0.002)
        others = [asyncio.ensure_future(named(name, since)) for name, since in (("c", 3.0), ("b", 2.0))]
        for waiter in machine.residency._waiting:
            waiter.began = 0.0
        await asyncio.gather(first, *others)

    run(main())
    assert order[0] == "a"
    assert machine.most <= 100


def test_a_call_that_holds_a_model_never_waits_for_room_so_that_nobody_waits_in_a_circle() -> None:
    machine = Machine(budget=150)

    async def both(one: str, other: str) -> None:
        account, holder = Account(), object()
        async with machine.residency.pin(machine.sized(one), machine.load, account, holder):
            await asyncio.sleep(0.01)
            async with machine.residency.pin(machine.sized(other), machine.load, account, holder):
                pass

    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(both("a", "b"), both("b", "a"), both("c", "d")), 5)

    run(main())
    assert machine.residency.nbytes <= 150 * MB


def test_a_job_that_holds_everything_and_waits_for_itself_is_let_in_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.residency.LONGEST", 0.03)
    machine, account = Machine(budget=100), Account()

    async def outer() -> str:
        async with machine.residency.pin(machine.sized("a"), machine.load, account, "outer"):
            return await machine.use(account, "b")  # another call of the same job, that this one waits for

    run(_within_seconds(outer(), "b"))
    assert machine.shelf.loads == ["a", "b"]


async def _within_seconds(work: Coroutine[Any, Any, str], expected: str) -> None:
    assert await asyncio.wait_for(work, 5) == expected


def test_who_gives_up_waiting_makes_way() -> None:
    machine = Machine(budget=100)

    async def main() -> None:
        first = asyncio.ensure_future(machine.use(Account(), "a", seconds=0.05))
        await asyncio.sleep(0.002)
        second = asyncio.ensure_future(machine.use(Account(), "b"))
        third = asyncio.ensure_future(machine.use(Account(), "c"))
        await asyncio.sleep(0.002)
        second.cancel()
        assert list(await asyncio.wait_for(asyncio.gather(first, third), 5)) == ["a", "c"]

    run(main())
    assert machine.shelf.loads == ["a", "c"]


def test_a_model_that_is_larger_than_the_memory_is_loaded_alone() -> None:
    machine = Machine(budget=100)

    async def main() -> None:
        ends = await asyncio.gather(machine.use(Account(), "a", 300), machine.use(Account(), "b", 300))
        assert list(ends) == ["a", "b"]

    run(main())
    assert machine.most == 300


def test_a_model_that_can_do_with_less_is_asked_to() -> None:
    machine, given = Machine(budget=100), []

    def within(nbytes: int) -> Recipe:
        given.append(nbytes // MB)
        return machine.sized("a in blocks", nbytes // MB)

    async def main() -> None:
        recipe: Any = machine.sized("a", 300)
        recipe.within = within
        async with machine.residency.pin(recipe, machine.load, Account(), object()) as loaded:
            assert loaded.name == "a in blocks"

    run(main())
    assert given == [100]
    assert machine.residency.nbytes == 100 * MB


# A memory behind: what leaves the device stays in the host's memory.


def test_a_model_comes_from_the_memory_behind_and_is_read_from_disk_once() -> None:
    disk, moves = Shelf(), []

    def moved(host: Loaded) -> Loaded:
        moves.append(host.name)
        return Loaded(f"{host.name} on the device", host.nbytes)

    def placed(name: str) -> Any:
        recipe: Any = Recipe(disk, f"{name} on the device", 100, None)
        recipe.source, recipe.load = disk.recipe(name), moved
        return recipe

    host = Residency(1000)
    device = Residency(150, behind=host)

    async def main() -> None:
        for name in "abab":
            async with device.pin(placed(name), here) as loaded:
                assert loaded.name == f"{name} on the device"

    run(main())
    assert disk.loads == ["a", "b"]
    assert moves == ["a", "b", "a", "b"]
    assert (device.nbytes, host.nbytes) == (100, 200)


# A memory that is full.


def test_a_load_that_finds_no_room_lets_go_of_what_is_idle_and_is_tried_once_more() -> None:
    shelf, released = Shelf(), []
    residency = Residency(1000, released=lambda: released.append(True))

    async def main() -> None:
        await use(residency, shelf.recipe("a"))
        tight = shelf.recipe("b", error=MemoryError())

        async def load(make: Callable[[], Loaded]) -> Loaded:
            tight.error = None if released else tight.error
            return make()

        async with residency.pin(tight, load) as loaded:
            assert loaded.name == "b"

    run(main())
    assert shelf.loads == ["a", "b", "b"]
    assert residency.nbytes == 100


def test_a_load_that_finds_no_room_at_all_is_told_with_what_is_in_use_and_harms_nothing() -> None:
    shelf, residency = Shelf(), Residency(1000)

    async def main() -> None:
        async with residency.pin(shelf.recipe("a", 50_000_000), here):
            with pytest.raises(
                MemoryError, match=r"model b beside what is in use \(50 MB\); use a smaller one"
            ):
                await use(residency, shelf.recipe("b", error=MemoryError()))
        await use(residency, shelf.recipe("c"))

    run(main())
    assert shelf.loads == ["a", "b", "b", "c"]


def test_the_budget_is_measured_before_the_first_load() -> None:
    shelf, residency = Shelf(), Residency(measure=lambda: 150)
    run(use(residency, shelf.recipe("a"), shelf.recipe("b")))
    assert residency.budget == 150
    assert residency.nbytes == 100


# What is told, and letting go of one.


def test_a_report_says_what_is_there_and_why() -> None:
    shelf, residency = Shelf(), Residency()

    async def main() -> None:
        await use(residency, shelf.recipe("a"))
        account = Account()
        async with residency.pin(shelf.recipe("b", 300), here, account, 1):
            told = residency.report()
            assert [(each.label, each.nbytes, each.pins) for each in told] == [("b", 300, 1), ("a", 100, 0)]
            assert told[0].why == "in use by 1"
            assert told[1].why == "used 0 s ago, and there is room"
        assert "may again" in residency.report()[0].why
        residency.ended(account)
        assert "there is room" in residency.report()[0].why

    run(main())


def test_one_model_can_be_let_go_if_nobody_uses_it() -> None:
    shelf, residency, released = Shelf(), Residency(), []
    residency.released = lambda: released.append(True)

    async def main() -> None:
        async with residency.pin(shelf.recipe("a"), here):
            await use(residency, shelf.recipe("b"))
            assert not residency.unload("a")
            assert residency.unload("b")
            assert not residency.unload("b")
        assert [each.label for each in residency.report()] == ["a"]

    run(main())
    assert released == [True]


def test_a_thousand_jobs_over_ten_models_leave_nothing_behind() -> None:
    machine = Machine(budget=350, seconds=0)

    async def main() -> None:
        for index in range(1000):
            account = Account()
            await machine.use(account, str(index % 10), seconds=0)
            machine.residency.ended(account)

    run(main())
    residency = machine.residency
    assert len(residency.report()) == 3
    assert (residency._waiting, residency._coming, residency._holding) == ([], {}, {})
    assert not any(each.users for each in residency._kept.values())
