"""What a run would do, said before it does anything."""

from pathlib import Path

import pytest
from toys import TOYS, Graph, call, chain

from engine.plan import CacheMode, Plan
from engine.recollection import Recollection
from engine.testing import Bench


def planned(bench: Bench, graph: Graph, *wanted: str, mode: CacheMode = "use") -> Plan:
    validation = bench.engine.validate(graph, wanted)
    assert validation.errors == []
    return bench.engine.plan(validation.graph, validation.outputs, mode)


def test_at_first_everything_that_is_needed_is_missing_sources_first(bench: Bench) -> None:
    plan = planned(bench, chain(3) | {"aside": call("Number", value=9)}, "3")
    assert plan.missing == ("0", "1", "2", "3")
    assert plan.cached == ()


def test_the_walk_stops_where_a_result_is_found(bench: Bench) -> None:
    bench.run(chain(2), "2")
    plan = planned(bench, chain(4), "4")
    assert plan.missing == ("3", "4")
    assert set(plan.found) == {"2"}
    assert set(plan.cached) == {"0", "1", "2"}


def test_planning_changes_nothing(bench: Bench) -> None:
    assert planned(bench, chain(3), "3").missing == planned(bench, chain(3), "3").missing
    assert list((bench.home).iterdir()) == []


@pytest.mark.parametrize("mode", ["refresh", "off"])
def test_asked_to_run_again_everything_is_missing(bench: Bench, mode: CacheMode) -> None:
    bench.run(chain(2), "2")
    plan = planned(bench, chain(2), "2", mode=mode)
    assert plan.missing == ("0", "1", "2")
    assert plan.cached == ()


def test_refreshed_results_are_kept_and_those_without_cache_are_not(bench: Bench) -> None:
    bench.run(chain(2), "2", mode="off")
    assert len(bench.engine.parts.memory) == 0
    bench.run(chain(2), "2", mode="refresh")
    assert bench.run(chain(2), "2").ran == set()


def test_lazy_inputs_are_not_planned(bench: Bench) -> None:
    graph = {"a": call("Number"), "s": call("Switch", flag=True, on_true=["a", 0], on_false=1)}
    assert planned(bench, graph, "s").missing == ("s",)


def test_each_missing_node_has_a_reason(bench: Bench) -> None:
    graph = chain(1) | {"r": call("Roll"), "x": call("Add", a=["r", 0], b=["1", 0])}
    why = planned(bench, graph, "x").why
    assert dict(why) == {
        "0": "no result for these inputs",
        "1": "an input is computed: 0 (Number)",
        "r": "its class asks not to be cached",
        "x": "an input is computed: r (Roll), 1 (Add)",
    }
    assert set(planned(bench, graph, "x", mode="refresh").why.values()) == {"asked to run again"}
    assert set(planned(bench, graph, "x", mode="off").why.values()) == {"the cache is off"}


def test_results_on_disk_are_known_without_reading_them(tmp_path: Path) -> None:
    graph = {"a": call("Wait", seconds=0.025), "b": call("Join", left=["a", 0], right="")}
    first = Bench(tmp_path, TOYS, disk=True)
    with first.engine:
        first.run(graph, "b")
    second = Bench(tmp_path, TOYS, disk=True)
    with second.engine:
        plan = planned(second, graph, "b")
        assert (set(plan.stored), plan.missing, plan.cached) == ({"a"}, ("b",), ("a",))


def test_durations_give_an_estimate_also_after_a_restart(tmp_path: Path) -> None:
    first = Bench(tmp_path, TOYS, disk=True)
    with first.engine:
        assert first.engine.parts.durations.estimate("Wait") is None
        first.run({"a": call("Wait", seconds=0.03)}, "a")
    second = Bench(tmp_path, TOYS, disk=True)
    with second.engine:
        seconds = second.engine.parts.durations.estimate("Wait")
        assert seconds is not None
        assert 0.025 < seconds < 2


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"Wait": "soon"}', '{"Wait": null}', "null"])
def test_durations_that_cannot_be_read_start_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "durations.json").write_text(content)
    bench = Bench(tmp_path, TOYS, disk=True)
    with bench.engine:
        assert bench.engine.parts.durations.estimate("Wait") is None
