"""A run's spans, and the trace that other programs open."""

from typing import Any

from engine.testing import Bench
from engine.timeline import Timeline

GRAPH: dict[str, Any] = {
    "a": {"class_type": "Sleep", "inputs": {"seconds": 0.05, "value": "x"}},
    "b": {"class_type": "Sleep", "inputs": {"seconds": 0.05, "value": "y"}},
    "j": {"class_type": "Join", "inputs": {"left": ["a", 0], "right": ["b", 0]}},
}


def timeline(bench: Bench, graph: dict[str, Any], *wanted: str) -> Timeline:
    found = Timeline()
    for event in bench.run(graph, *wanted).events:
        found.listen(event)
    return found


def test_each_node_that_ran_has_a_span_within_the_run(bench: Bench) -> None:
    found = timeline(bench, GRAPH, "j")
    assert {span.node for span in found.spans} == {"a", "b", "j"}
    for span in found.spans:
        assert found.start <= span.start <= span.end <= found.end
    assert found.of("a")[0].seconds >= 0.05


def test_cached_nodes_are_named_and_have_no_span(bench: Bench) -> None:
    timeline(bench, GRAPH, "j")
    found = timeline(bench, GRAPH, "j")
    assert found.spans == []
    assert set(found.cached) == {"a", "b", "j"}


def test_a_failure_has_a_span_that_says_so(bench: Bench) -> None:
    found = timeline(bench, {"f": {"class_type": "Fail", "inputs": {}}}, "f")
    assert [span.kind for span in found.of("f")] == ["failed"]


def test_spans_that_overlap_are_in_rows_of_their_own(bench: Bench) -> None:
    trace = timeline(bench, GRAPH, "j").chrome_trace()
    events = {event["args"]["node"]: event for event in trace["traceEvents"]}
    assert events["a"]["tid"] != events["b"]["tid"]
    assert events["a"]["name"] == "Sleep"
    assert events["a"]["dur"] >= 50_000
    assert all(event["ph"] == "X" and event["ts"] >= 0 for event in events.values())


def test_a_span_says_what_its_values_hold_and_whether_another_run_made_them(bench: Bench) -> None:
    (event,) = (
        event
        for event in timeline(bench, GRAPH, "j").chrome_trace()["traceEvents"]
        if event["args"]["node"] == "j"
    )
    assert event["args"]["bytes"] > 0
    assert event["args"]["reused"] is False
