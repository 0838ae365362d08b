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


def test_a_plan_says_what_changed_since_a_node_last_ran(bench: Bench) -> None:
    graph = {"0": call("Number", value=1), "x": call("Add", a=["0", 0], b=5), "r": call("Roll")}
    assert dict(planned(bench, graph, "x", "r").why) == {
        "0": "it has not run here before",
        "x": "it has not run here before",
        "r": "its class asks not to be cached",
    }
    bench.run(graph, "x", "r")
    changed = graph | {"0": call("Number", value=2)}
    assert dict(planned(bench, changed, "x").why) == {
        "0": "value was 1",
        "x": "a comes from a changed 0",
    }
    changed["x"] = call("Add", a=["0", 0], b=6)
    assert planned(bench, changed, "x").why["x"] == "b was 5"


def test_a_plan_says_when_a_result_was_not_kept_and_when_none_is_looked_for(bench: Bench) -> None:
    bench.run(chain(1), "1")
    bench.engine.parts.memory.clear()
    assert set(planned(bench, chain(1), "1").why.values()) == {"its result was not kept"}
    assert set(planned(bench, chain(1), "1", mode="refresh").why.values()) == {"asked to run again"}
    assert set(planned(bench, chain(1), "1", mode="off").why.values()) == {"the cache is off"}


def test_what_nodes_were_given_is_remembered_over_restarts(tmp_path: Path) -> None:
    file = tmp_path / "recollection.json"
    for value, said in ((1, "it has not run here before"), (2, "value was 1")):
        bench = Bench(tmp_path, TOYS)
        bench.engine.parts.recollection = Recollection(file)
        graph = {"0": call("Number", value=value)}
        assert planned(bench, graph, "0").why == {"0": said}
        bench.run(graph, "0")
        bench.engine.close()


def test_a_file_of_recollections_that_is_broken_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "recollection.json"
    for text in ("{", "[1]", '{"Number 0": 3}'):
        file.write_text(text)
        assert Recollection(file).given == {}


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
