"""Values are let go after their last use."""

import asyncio
import gc
import weakref
from typing import Any

from toys import THING, Thing, call

from engine.node import Lazy, node
from engine.testing import Bench

born: list["weakref.ref[Thing]"] = []


@node("Born", category="test", cache=False)
def bear(*, label: str = "") -> THING:
    """A thing that the test holds weakly."""
    thing = Thing(label)
    born.append(weakref.ref(thing))
    return thing


@node("Alive", category="test", cache=False)
def alive(*, after: Any) -> int:
    """How many of them are alive."""
    del after
    return sum(each() is not None for each in born)


@node("LabelLater", category="test", cache=False)
async def label_later(*, thing: Lazy[THING], wanted: bool) -> str:
    """What a thing says, perhaps."""
    return (await thing).label if wanted else ""


@node("LabelThread", category="test", lane="cpu", cache=False)
def label_thread(*, thing: THING) -> str:
    """What a thing says, on a thread."""
    return thing.label


@node("LabelDevice", category="test", lane="gpu", cache=False)
def label_device(*, thing: THING) -> str:
    """What a thing says, on the device's thread."""
    return thing.label


def run(bench: Bench, label: dict[str, Any], *, wanted: tuple[str, ...] = ("alive",)) -> Any:
    born.clear()
    if "LabelLater" not in bench.engine.registry:
        bench.engine.registry.add(bear, alive, label_later, label_thread, label_device, namespace="test")
    graph = {"thing": call("Born"), "label": label, "wait": call("Wait", seconds=0.01, value=["label", 0])}
    graph["alive"] = call("Alive", after=["wait", 0])
    return bench.run(graph, *wanted).outputs["alive"][0]


def test_a_value_is_gone_when_its_last_consumer_is_done(bench: Bench) -> None:
    for class_type in ("Label", "LabelThread", "LabelDevice"):
        assert run(bench, call(class_type, thing=["thing", 0])) == 0


def test_a_value_that_is_wanted_stays_to_the_end(bench: Bench) -> None:
    assert run(bench, call("Label", thing=["thing", 0]), wanted=("thing", "alive")) == 1


def test_a_lazy_value_is_gone_when_the_one_who_may_await_it_is_done(bench: Bench) -> None:
    assert run(bench, call("LabelLater", thing=["thing", 0], wanted=True)) == 0
    assert run(bench, call("LabelLater", thing=["thing", 0], wanted=False)) == 0


def test_only_the_cache_keeps_values_after_a_run(bench: Bench) -> None:
    thing = weakref.ref(bench.run({"1": call("Make")}, "1").outputs["1"][0])
    gc.collect()
    assert thing() is not None
    bench.engine.parts.memory.clear()
    gc.collect()
    assert thing() is None


def test_a_lane_that_waits_for_work_holds_nothing_of_the_last(bench: Bench) -> None:
    async def main() -> "weakref.ref[Thing]":
        thing = await bench.engine.parts.lanes.device.call(lambda: Thing("x"))
        return weakref.ref(thing)

    thing = asyncio.run(main())
    asyncio.run(bench.engine.parts.lanes.device.call(lambda: None))
    gc.collect()
    assert thing() is None
