"""Where code runs: the device's generators, whose equal asks become one call, and the pools."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from engine.drives import Story
from engine.lanes import DeviceLane, Lanes, Room
from engine.turns import Account

Steps = Generator[Sequence[Any], Sequence[Any], Any]


def _open() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Model:
    """Something that answers rows, and remembers how they were put together."""

    batches: list[list[Any]]
    hold: threading.Event = field(default_factory=_open)  # answers wait for it
    entered: threading.Event = field(default_factory=threading.Event)

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        self.batches.append(list(rows))
        self.entered.set()
        self.hold.wait(5)
        return [row * 10 for row in rows]


@dataclass
class Ask:
    key: Hashable
    call: Callable[[Sequence[Any]], Sequence[Any]]
    row: Any


def adder(model: Model, name: int, steps: int = 3, key: Hashable = "k") -> Steps:
    """Asks `steps` times about its own name, and gives the sum of the answers."""
    total = 0
    for step in range(steps):
        [answer] = yield [Ask(key, model, name * 100 + step)]
        total += answer
    return total


def slowly(rows: Sequence[Any]) -> Sequence[Any]:
    time.sleep(0.001)
    return rows


def run(lane: DeviceLane, *steps: Steps) -> list[Any]:
    """Drive generators that are all there before the lane looks at the first."""

    async def main() -> list[Any]:
        gate = Model([], hold=threading.Event())
        holding = asyncio.ensure_future(lane.drive(adder(gate, 0, steps=1)))
        await asyncio.to_thread(gate.entered.wait, 5)
        driving = [asyncio.ensure_future(lane.drive(each)) for each in steps]
        await asyncio.sleep(0)
        gate.hold.set()
        await holding
        return await asyncio.gather(*driving, return_exceptions=True)

    try:
        return asyncio.run(main())
    finally:
        lane.close()


def expected(name: int, steps: int = 3) -> int:
    return sum((name * 100 + step) * 10 for step in range(steps))


def test_a_generator_is_sent_the_answers_to_what_it_asks() -> None:
    model = Model([])
    assert run(DeviceLane(), adder(model, 1)) == [expected(1)]
    assert model.batches == [[100], [101], [102]]


def test_asks_of_one_step_are_answered_in_their_order_with_one_call_for_each_key() -> None:
    one, two = Model([]), Model([])

    def steps() -> Steps:
        return (yield [Ask("a", one, 1), Ask("b", two, 2), Ask("a", one, 3)])

    assert run(DeviceLane(), steps()) == [[10, 20, 30]]
    assert (one.batches, two.batches) == ([[1, 3]], [[2]])


def test_merging_makes_one_call_of_equal_keys_of_different_generators() -> None:
    model = Model([])
    lane = DeviceLane(merge=True)
    assert run(lane, *(adder(model, name) for name in (1, 2, 3))) == [expected(name) for name in (1, 2, 3)]
    assert model.batches == [[100, 200, 300], [101, 201, 301], [102, 202, 302]]
    assert lane.calls == 4  # and the call that held the lane


def test_merging_keeps_different_keys_apart() -> None:
    model = Model([])
    run(DeviceLane(merge=True), adder(model, 1, key="a"), adder(model, 2, key="b"))
    assert all(len(batch) == 1 for batch in model.batches)


def test_generators_of_different_lengths_merge_as_long_as_they_last() -> None:
    model = Model([])
    results = run(DeviceLane(merge=True), adder(model, 1, steps=1), adder(model, 2, steps=3))
    assert results == [expected(1, 1), expected(2, 3)]
    assert [len(batch) for batch in model.batches] == [2, 1, 1]


def test_without_merging_the_oldest_goes_on_alone_to_its_end() -> None:
    model = Model([])
    assert run(DeviceLane(), adder(model, 1), adder(model, 2)) == [expected(1), expected(2)]
    assert model.batches == [[100], [101], [102], [200], [201], [202]]


def test_a_generator_that_never_asks_gives_its_value() -> None:
    def steps() -> Steps:
        return 5
        yield []

    def nothing() -> Steps:
        answers = yield []
        return answers

    assert run(DeviceLane(), steps(), nothing()) == [5, []]


# What goes wrong.


def failing(error: BaseException, *, after: int = 0) -> Steps:
    for _ in range(after):
        yield [Ask("k", Model([]), 0)]
    raise error
    yield []


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), MemoryError()])
def test_an_exception_in_a_generator_ends_it_alone(error: BaseException, after: int, merge: bool) -> None:
    model = Model([])
    bad, good = run(DeviceLane(merge=merge), failing(error, after=after), adder(model, 2))
    assert bad is error or (isinstance(error, SystemExit) and "SystemExit" in str(bad))
    assert good == expected(2)


@pytest.mark.parametrize("merge", [False, True])
def test_an_exception_in_a_call_ends_those_who_asked(merge: bool) -> None:
    def broken(_rows: Sequence[Any]) -> Sequence[Any]:
        raise ValueError("out of memory")

    def steps() -> Steps:
        yield [Ask("broken", broken, 1)]

    model = Model([])
    one, two, good = run(DeviceLane(merge=merge), steps(), steps(), adder(model, 3))
    assert isinstance(one, ValueError)
    assert isinstance(two, ValueError)
    assert good == expected(3)


def test_a_generator_may_catch_what_its_call_raised_and_ask_for_less() -> None:
    def large(rows: Sequence[int]) -> Sequence[int]:
        if max(rows) > 2:
            raise MemoryError
        return rows

    def steps() -> Steps:
        size = 8
        while True:
            try:
                return (yield [Ask("k", large, size)])
            except MemoryError:
                size //= 2

    assert run(DeviceLane(), steps()) == [[2]]


@pytest.mark.parametrize("answers", [[], [1, 2, 3], None, 5])
def test_a_call_that_answers_the_wrong_number_of_rows_ends_those_who_asked(answers: Any) -> None:
    def steps() -> Steps:
        yield [Ask("wrong", lambda _rows: answers, 1)]

    model = Model([])
    bad, good = run(DeviceLane(merge=True), steps(), adder(model, 2))
    assert isinstance(bad, ValueError | TypeError)
    assert good == expected(2)


@pytest.mark.parametrize("asks", [None, 5])
def test_a_generator_that_asks_nothing_sensible_ends_alone(asks: Any) -> None:
    def steps() -> Steps:
        yield asks

    model = Model([])
    bad, good = run(DeviceLane(merge=True), steps(), adder(model, 2))
    assert isinstance(bad, TypeError)
    assert good == expected(2)


def test_when_the_lane_itself_breaks_all_who_wait_hear_of_it_and_the_next_one_is_served() -> None:
    lane, model = DeviceLane(merge=True), Model([])

    def steps() -> Steps:
        yield [Ask([], model, 1)]  # type: ignore[arg-type]  # a key that cannot be a key

    async def main() -> Any:
        ends = await asyncio.gather(lane.drive(steps()), lane.drive(adder(model, 2)), return_exceptions=True)
        return ends, await lane.drive(adder(model, 3))

    (bad, _), after = asyncio.run(main())
    lane.close()
    assert isinstance(bad, TypeError)
    assert after == expected(3)


def test_a_scope_that_cannot_be_entered_is_told_each_time() -> None:
    def scope() -> Any:
        raise ValueError("no such device")

    lane = DeviceLane(scope=scope)

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match="no such device"):
                await lane.call(lambda: 1)

    asyncio.run(main())
    lane.close()


def test_everything_runs_on_one_thread_inside_the_scope() -> None:
    said: list[str] = []

    @contextmanager
    def scope() -> Iterator[None]:
        said.append(threading.current_thread().name)
        yield
        said.append("left")

    lane = DeviceLane("cuda", scope=scope)

    async def main() -> list[str]:
        return [await lane.call(lambda: threading.current_thread().name) for _ in range(3)]

    assert asyncio.run(main()) == ["lane-cuda"] * 3
    lane.close()
    assert said == ["lane-cuda", "left"]


# Merging as far as it pays.


@dataclass
class Sized(Ask):
    size: int = 1
    alone: str = ""


def asking(model: Callable[[Sequence[Any]], Sequence[Any]], name: int, steps: int = 3, **kinds: Any) -> Steps:
    total = 0
    for step in range(steps):
        [answer] = yield [Sized(kinds.get("key", "k"), model, name * 100 + step, **_said(kinds))]
        total += answer
    return total


def _said(kinds: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kinds.items() if name != "key"}


def stories(lane: DeviceLane, *steps: Steps) -> tuple[list[Any], list[Story]]:
    """The ends of generators that are all there at once, and what became of their asks."""
    told = [Story() for _ in steps]

    async def main() -> list[Any]:
        gate = Model([], hold=threading.Event())
        holding = asyncio.ensure_future(lane.drive(adder(gate, 0, steps=1, key="gate")))
        await asyncio.to_thread(gate.entered.wait, 5)
        accounts = [Account(since=float(index)) for index in range(len(steps))]
        driving = [
            asyncio.ensure_future(lane.drive(each, account, story))
            for each, account, story in zip(steps, accounts, told, strict=True)
        ]
        await asyncio.sleep(0)
        gate.hold.set()
        await holding
        return await asyncio.gather(*driving, return_exceptions=True)

    try:
        return asyncio.run(main()), told
    finally:
        lane.close()


def test_no_call_is_larger_than_it_may_be_and_the_oldest_are_in_it() -> None:
    model = Model([])
    steps = [asking(model, name, size=2) for name in (1, 2, 3, 4)]
    results, told = stories(DeviceLane(merge=True, most=4), *steps)
    assert results == [expected(name) for name in (1, 2, 3, 4)]
    assert model.batches[0] == [100, 200]
    assert all(len(batch) <= 2 for batch in model.batches)
    assert model.batches.index([102, 202]) < model.batches.index([302, 402])
    assert "no larger call has paid so far" in str(told[2])


def test_a_batch_stops_growing_when_larger_calls_are_slower() -> None:
    sizes: list[int] = []

    def slow_together(rows: Sequence[int]) -> Sequence[int]:
        sizes.append(len(rows))
        time.sleep(0.002 * len(rows) ** 2)
        return [row * 10 for row in rows]

    steps = [asking(slow_together, name, steps=12) for name in range(1, 5)]
    results, _ = stories(DeviceLane(merge=True), *steps)
    assert results == [expected(name, 12) for name in range(1, 5)]
    assert max(sizes) == 4  # it was tried
    assert sizes.count(1) > 24  # and given up


def test_who_must_be_alone_is_and_says_why() -> None:
    model = Model([])
    steps = [asking(model, 1, alone="its patches look at other rows"), asking(model, 2), asking(model, 3)]
    results, told = stories(DeviceLane(merge=True), *steps)
    assert results == [expected(name) for name in (1, 2, 3)]
    assert all(len(batch) == 1 for batch in model.batches if batch[0] < 200)
    assert [story.exact for story in told] == [True, False, False]
    assert "apart from others: its patches look at other rows" in str(told[0])
    assert "3 of them shared by up to 2" in str(told[1])


class Named(NamedTuple):
    model: str
    size: int


def test_keys_that_say_what_they_are_made_of_tell_why_calls_go_apart() -> None:
    model = Model([])
    steps = [asking(model, 1, key=Named("a", 8)), asking(model, 2, key=Named("a", 16))]
    _, told = stories(DeviceLane(merge=True), *steps)
    assert str(told[0]) == "3 calls; apart from others: other size"
    assert all(story.exact for story in told)


def test_first_questions_go_before_others_where_calls_are_shared() -> None:
    sampler, text = Model([]), Model([])
    steps = [asking(sampler, 1), asking(text, 2, steps=1, key="text"), asking(sampler, 3)]
    stories(DeviceLane(merge=True), *steps)
    assert sampler.batches == [[100, 300], [101, 301], [102, 302]]
    assert text.batches == [[200]]


def test_an_account_pays_for_its_share_of_a_call() -> None:
    def slow(rows: Sequence[int]) -> Sequence[int]:
        time.sleep(0.02)
        return rows

    lane, accounts = DeviceLane(merge=True), [Account(since=0.0), Account(since=1.0)]

    async def main() -> None:
        await asyncio.gather(
            *(
                lane.drive(asking(slow, 1, size=size), account)
                for account, size in zip(accounts, (3, 1), strict=True)
            )
        )

    asyncio.run(main())
    lane.close()
    assert 0.05 < sum(each.had for each in accounts) < 0.5
    assert accounts[0].had > accounts[1].had


def test_a_long_job_gives_way_to_a_short_one_even_where_nothing_is_shared() -> None:
    lane, order = DeviceLane(), []
    long, short = Account(since=0.0), Account(since=time.perf_counter())
    long.charge(100.0, time.perf_counter())

    def said(name: str) -> Callable[[Sequence[Any]], Sequence[Any]]:
        def call(rows: Sequence[Any]) -> Sequence[Any]:
            order.append(name)
            return rows

        return call

    async def main() -> None:
        gate = Model([], hold=threading.Event())
        holding = asyncio.ensure_future(lane.drive(adder(gate, 0, steps=1)))
        await asyncio.to_thread(gate.entered.wait, 5)
        ends = [
            asyncio.ensure_future(lane.drive(asking(said("long"), 1), long)),
            asyncio.ensure_future(lane.drive(asking(said("short"), 1), short)),
        ]
        await asyncio.sleep(0)
        gate.hold.set()
        await asyncio.gather(holding, *ends)

    asyncio.run(main())
    lane.close()
    assert order == ["short"] * 3 + ["long"] * 3


def test_seconds_that_are_known_late_are_waited_for_by_nobody() -> None:
    asked: list[int] = []

    def stopwatch() -> Callable[[], float | None]:
        looks = [0]

        def read() -> float | None:
            looks[0] += 1
            asked.append(looks[0])
            return 0.01 if looks[0] > 2 else None

        return read

    account, model = Account(), Model([])
    lane = DeviceLane(stopwatch=stopwatch)
    assert asyncio.run(lane.drive(asking(model, 1, steps=6), account)) == expected(1, 6)
    lane.close()
    assert 0.02 <= account.had <= 0.05


# A device that breaks, or is full.


def picky(bad: int) -> Callable[[Sequence[int]], Sequence[int]]:
    def call(rows: Sequence[int]) -> Sequence[int]:
        if any(row // 100 == bad for row in rows):
            raise RuntimeError("device-side assert")
        return [row * 10 for row in rows]

    return call


def test_a_shared_call_that_fails_is_made_again_for_each_and_only_the_culprit_ends() -> None:
    call = picky(2)
    results, told = stories(DeviceLane(merge=True), *(asking(call, name) for name in (1, 2, 3)))
    assert results[0] == expected(1)
    assert isinstance(results[1], RuntimeError)
    assert results[2] == expected(3)
    assert "1 made again after a failure" in str(told[0])


def test_a_device_that_is_gone_fails_those_who_ask_it_and_no_others() -> None:
    def gone(_rows: Sequence[Any]) -> Sequence[Any]:
        raise RuntimeError("device lost")

    model = Model([])
    steps = [asking(gone, 1), asking(gone, 2), asking(model, 3, key="elsewhere")]
    results, _ = stories(DeviceLane(merge=True), *steps)
    assert [str(each) for each in results[:2]] == ["device lost"] * 2
    assert results[2] == expected(3)


@dataclass
class Full:
    """A device that holds so many rows, less what lies about on it."""

    room: int
    litter: int = 0
    sizes: list[int] = field(default_factory=list)
    cleared: int = 0

    def __call__(self, rows: Sequence[int]) -> Sequence[int]:
        self.sizes.append(len(rows))
        if len(rows) > self.room - self.litter:
            raise MemoryError("full")
        return [row * 10 for row in rows]

    def make(self) -> bool:
        self.cleared += 1
        was, self.litter = self.litter, 0
        return was > 0


def test_when_the_device_is_full_room_is_made_first() -> None:
    full = Full(room=4, litter=2)
    lane = DeviceLane(merge=True, room=Room(make=full.make))
    results, _ = stories(lane, *(asking(full, name) for name in (1, 2, 3, 4)))
    assert results == [expected(name) for name in (1, 2, 3, 4)]
    assert full.sizes[:2] == [4, 4]
    assert full.cleared == 1


def test_then_the_call_is_cut_in_two_and_stays_so() -> None:
    full = Full(room=2)
    lane = DeviceLane(merge=True, room=Room(make=full.make))
    results, _ = stories(lane, *(asking(full, name, steps=4) for name in (1, 2, 3, 4)))
    assert results == [expected(name, 4) for name in (1, 2, 3, 4)]
    assert full.sizes.count(4) == 1
    assert full.sizes.count(2) == 8


def test_who_does_not_fit_alone_hears_of_it_and_the_others_go_on() -> None:
    full = Full(room=1)

    def wide() -> Steps:
        return (yield [Ask("k", full, 900), Ask("k", full, 901)])

    lane = DeviceLane(merge=True, room=Room(make=full.make))
    results, _ = stories(lane, asking(full, 1), wide(), asking(full, 3))
    assert (results[0], results[2]) == (expected(1), expected(3))
    assert isinstance(results[1], MemoryError)


def test_cancelling_one_of_a_batch_leaves_the_others_as_they_were() -> None:
    lane, model = DeviceLane(merge=True), Model([])

    def slow(rows: Sequence[int]) -> Sequence[int]:
        time.sleep(0.002)
        return model(rows)

    async def main() -> list[Any]:
        driving = [asyncio.ensure_future(lane.drive(asking(slow, name, steps=20))) for name in (1, 2, 3)]
        await asyncio.sleep(0.01)
        driving[1].cancel()
        return await asyncio.gather(*driving, return_exceptions=True)

    results = asyncio.run(main())
    lane.close()
    assert (results[0], results[2]) == (expected(1, 20), expected(3, 20))
    assert isinstance(results[1], asyncio.CancelledError)
    assert [len(batch) for batch in model.batches].count(2) > 5


# Cancelling and closing.


@pytest.mark.parametrize("merge", [False, True])
def test_cancelling_closes_the_generator_and_waits_for_it(merge: bool) -> None:
    lane, closed = DeviceLane(merge=merge), threading.Event()

    def steps() -> Steps:
        try:
            while True:
                yield [Ask("slow", slowly, 0)]
        finally:
            time.sleep(0.05)
            closed.set()

    async def main() -> Any:
        driving = asyncio.ensure_future(lane.drive(steps()))
        other = asyncio.ensure_future(lane.drive(adder(Model([]), 2)))
        await asyncio.sleep(0.02)
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        assert closed.is_set()
        return await other

    assert asyncio.run(main()) == expected(2)
    lane.close()


def test_a_generator_that_is_cancelled_while_it_waits_never_begins() -> None:
    lane, model, begun = DeviceLane(), Model([], hold=threading.Event()), []

    def steps() -> Steps:
        begun.append(1)
        yield [Ask("k", model, 1)]

    async def main() -> None:
        first = asyncio.ensure_future(lane.drive(adder(model, 1, steps=1)))
        await asyncio.to_thread(model.entered.wait, 5)
        second = asyncio.ensure_future(lane.drive(steps()))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0.01)
        model.hold.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(main())
    lane.close()
    assert begun == []


def test_a_generator_that_cannot_be_closed_does_not_hold_up_the_others() -> None:
    lane = DeviceLane()

    def steps() -> Steps:
        with suppress(GeneratorExit):
            while True:
                yield [Ask("slow", slowly, 0)]
        yield []  # where it should have ended

    async def main() -> Any:
        driving = asyncio.ensure_future(lane.drive(steps()))
        await asyncio.sleep(0.01)
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        return await lane.drive(adder(Model([]), 2))

    assert asyncio.run(main()) == expected(2)
    lane.close()


def test_closing_lets_what_is_there_come_to_its_end_and_takes_no_more() -> None:
    lane, model = DeviceLane(), Model([])

    async def main() -> Any:
        driving = asyncio.ensure_future(lane.drive(adder(model, 1, steps=50)))
        await asyncio.sleep(0.005)
        await asyncio.to_thread(lane.close)
        result = await driving
        with pytest.raises(RuntimeError, match="closed"):
            await lane.drive(adder(model, 2))
        return result

    assert asyncio.run(main()) == expected(1, 50)
    lane.close()


# The pools.


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    lanes = Lanes()
    yield lanes
    lanes.close()


@pytest.mark.parametrize("lane", ["cpu", "io", "gpu"])
def test_a_function_runs_where_it_belongs(lanes: Lanes, lane: str) -> None:
    name = asyncio.run(lanes.run(lane, lambda: threading.current_thread().name))
    assert name.startswith("lane-device" if lane == "gpu" else lane)


@pytest.mark.parametrize("lane", ["cpu", "io", "gpu"])
@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), StopIteration()])
def test_what_a_function_raises_reaches_its_caller(lanes: Lanes, lane: str, error: BaseException) -> None:
    def broken() -> int:
        raise error

    async def main() -> BaseException | None:
        try:
            await asyncio.wait_for(lanes.run(lane, broken), 5)
        except Exception as raised:  # noqa: BLE001
            return raised
        return None

    raised = asyncio.run(main())
    assert raised is error or (isinstance(raised, RuntimeError) and not isinstance(error, ValueError))


def test_cancelling_waits_for_a_function_that_has_begun(lanes: Lanes) -> None:
    done = threading.Event()

    def work() -> None:
        time.sleep(0.05)
        done.set()

    async def main() -> None:
        running = asyncio.ensure_future(lanes.run("cpu", work))
        await asyncio.sleep(0.01)
        running.cancel()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert done.is_set()

    asyncio.run(main())


def test_the_event_loop_goes_on_while_a_lane_works(lanes: Lanes) -> None:
    async def turns(work: Awaitable[Any]) -> int:
        count, running = 0, asyncio.ensure_future(work)
        while not running.done():
            await asyncio.sleep(0.001)
            count += 1
        return count

    for lane in ("cpu", "io", "gpu"):
        assert asyncio.run(turns(lanes.run(lane, lambda: time.sleep(0.05)))) > 5
