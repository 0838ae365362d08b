"""What is counted, and how operators ask."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from doors import PAGE, SOCKET, ask, doors
from jobbing import submission
from prometheus_client.parser import text_string_to_metric_families
from toys import call

from server.keys import JOBS
from server.metrics import METRICS, Metrics
from server.routes.health import UNREADY


def samples(page: bytes | str) -> Mapping[str, float]:
    """Every sample by its name and labels, as they stand in the page: `name{a=x,b=y}`."""
    text = page.decode() if isinstance(page, bytes) else page
    found = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {
        f"{each.name}{{{_labels(each.labels)}}}": each.value for each in found if "_created" not in each.name
    }


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))


def counted(metrics: Metrics) -> Mapping[str, float]:
    return samples(metrics.page()[0])


def test_jobs_are_counted_by_how_they_ended_and_timed() -> None:
    metrics = Metrics()
    metrics.job_started(3.0)
    metrics.job_ended("completed", 4.0)
    metrics.job_ended("cancelled")
    found = counted(metrics)
    assert found["safelight_jobs_total{state=completed}"] == 1
    assert found["safelight_jobs_total{state=cancelled}"] == 1
    assert found["safelight_job_wait_seconds_sum{}"] == 3
    assert found["safelight_job_run_seconds_sum{}"] == 4
    assert found["safelight_job_run_seconds_count{}"] == 1


def test_lengths_are_asked_for_when_somebody_looks() -> None:
    metrics, line, clients = Metrics(), [1, 2], ["a"]
    metrics.watch_queue(lambda: len(line), lambda: 1)
    metrics.watch_clients(lambda: len(clients))
    line.append(3)
    found = counted(metrics)
    assert found["safelight_jobs_pending{}"] == 3
    assert found["safelight_jobs_running{}"] == 1
    assert found["safelight_websocket_clients{}"] == 1


def test_nodes_are_hits_or_misses_and_cost_time_when_computed() -> None:
    metrics = Metrics()
    metrics.node_finished("KSampler", 2.0)
    metrics.node_finished("KSampler", 9.0, cached=True)
    found = counted(metrics)
    assert found["safelight_nodes_total{cache=miss}"] == found["safelight_nodes_total{cache=hit}"] == 1
    assert found["safelight_node_seconds_total{class_type=KSampler}"] == 2


def test_two_servers_in_a_process_count_for_themselves() -> None:
    one, other = Metrics(), Metrics()
    one.job_ended("completed")
    assert "safelight_jobs_total{state=completed}" not in counted(other)


def test_requests_are_counted_by_route_and_never_by_path(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            await ask(client, "/test/one/stream")
            await ask(client, "/test/two/stream")
            await ask(client, "/nowhere/1")
            await ask(client, "/nowhere/2")
            await ask(client, PAGE, method="TRACE")
            await ask(client, PAGE, {"Host": "evil.example"})
            await ask(client, "/nowhere/3", method="DELETE")
            async with client.ws_connect(SOCKET) as socket:
                assert await socket.receive_str() == "hello"
            _, told, text = await ask(client, "/metrics")
            assert told["Content-Type"].startswith("text/plain; version=")
            found = samples(text)
            name = "safelight_http_requests_total{method=%s,route=%s,status=%s}"
            assert found[name % ("GET", "/test/{name}/stream", 200)] == 2
            assert [value for key, value in found.items() if "status=404" in key] == [2]
            assert found[name % ("DELETE", "none", 405)] == 1
            assert found[name % ("other", PAGE, 200)] == 1
            assert found[name % ("GET", PAGE, 421)] == 1
            assert found[name % ("GET", "/test/socket", 101)] == 1
            assert found["safelight_http_request_seconds_count{route=/test/{name}/stream}"] == 2
            assert "safelight_http_request_seconds_count{route=/test/socket}" not in found
            assert not [key for key in found if "nowhere" in key or "/test/one" in key]

    asyncio.run(go())


def test_a_scraper_that_asks_for_openmetrics_gets_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
            _, told, text = await ask(client, "/metrics", accept)
            assert told["Content-Type"].startswith("application/openmetrics-text")
            assert text.endswith("# EOF\n")

    asyncio.run(go())


def test_the_lag_of_the_loop_is_measured_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.metrics._BEAT", 0.001)

    async def go() -> None:
        async with doors(tmp_path) as client:
            app = client.app
            assert app is not None
            for _ in range(1000):
                found = counted(app[METRICS])
                if found["safelight_loop_lag_seconds_count{}"] > 2:
                    return
                await asyncio.sleep(0.005)
            raise AssertionError(found)

    asyncio.run(go())


def test_a_server_that_answers_is_healthy_and_ready_when_nothing_is_in_the_way(tmp_path: Path) -> None:
    async def go(client: Any) -> None:
        assert await json(client, "/health") == (200, {"status": "ok"})
        assert await json(client, "/ready") == (200, {"status": "ready"})
        client.app._state[UNREADY] = lambda: "the disk is full"
        assert await json(client, "/ready") == (503, {"status": "not ready", "reason": "the disk is full"})
        assert await json(client, "/health") == (200, {"status": "ok"})
        assert (await ask(client, "/api/health"))[0] == 404

    async def json(client: Any, path: str) -> tuple[int, Any]:
        async with client.get(path) as response:
            return response.status, await response.json()

    async def opened() -> None:
        async with doors(tmp_path) as client:
            await go(client)

    asyncio.run(opened())


def test_a_job_is_counted_from_the_line_to_its_end(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            app = client.app
            assert app is not None
            jobs = app[JOBS]
            graph = {
                "1": call("Number", value=1),
                "2": call("Add", a=["1", 0], b=1),
                "3": call("Fail", value=["2", 0]),
            }
            for wanted in ("2", "2", "3"):
                job, _ = await jobs.submit(submission(graph, wanted))
                await jobs.wait(job.id, 10)
            found = counted(app[METRICS])
            assert found["safelight_jobs_total{state=completed}"] == 2
            assert found["safelight_jobs_total{state=failed}"] == 1
            assert found["safelight_job_wait_seconds_count{}"] == 3
            assert found["safelight_job_run_seconds_count{}"] == 3
            assert found["safelight_nodes_total{cache=miss}"] == 2
            assert found["safelight_nodes_total{cache=hit}"] >= 2
            assert found["safelight_jobs_pending{}"] == found["safelight_jobs_running{}"] == 0

    asyncio.run(go())
