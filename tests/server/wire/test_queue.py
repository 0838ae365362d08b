"""What waits, runs and has run, over the protocol: /queue, /interrupt, /free, /history, /api/jobs."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

from serving import Client
from toys import call
from wiring import ended, get, listening, post, saving, sleeping, submit, wired


async def running(client: Client, job: str) -> None:
    """Wait until a job runs."""
    while job not in [item[1] for item in (await get(client, "/queue"))[1]["queue_running"]]:
        await asyncio.sleep(0.01)


async def waiting(client: Client) -> list[str]:
    return [item[1] for item in (await get(client, "/queue"))[1]["queue_pending"]]


def test_the_queue_shows_what_runs_and_what_waits_as_it_was_sent(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            first = await submit(client, sleeping(30), "me")
            second = await submit(client, saving(), "")
            await running(client, first)
            status, queue = await get(client, "/queue")
            assert status == 200
            assert queue.keys() == {"queue_running", "queue_pending"}
            [item], [later] = queue["queue_running"], queue["queue_pending"]
            assert [item[0], item[1], item[2], item[4]] == [1, first, sleeping(30), ["save"]]
            assert item[3]["client_id"] == "me"
            assert (later[1], later[3].keys()) == (second, {"create_time"})

    asyncio.run(go())


def test_pending_prompts_can_be_deleted_and_the_queue_cleared(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            first = await submit(client, sleeping(30))
            await running(client, first)
            jobs = [await submit(client, saving(str(number))) for number in range(4)]
            assert await post(client, "/queue", {"delete": [jobs[1], "nobody", first]}) == (200, None)
            assert await waiting(client) == [jobs[0], jobs[2], jobs[3]]
            assert await post(client, "/queue", {"clear": True}) == (200, None)
            assert await waiting(client) == []
            _, queue = await get(client, "/queue")
            assert [item[1] for item in queue["queue_running"]] == [first]
            await me.until("status", status={"exec_info": {"queue_remaining": 1}})
            assert (await get(client, f"/history/{jobs[1]}"))[1] == {}
            assert all(me.all_of(job) == [] for job in jobs)

    asyncio.run(go())


def test_interrupt_without_an_id_stops_the_oldest_and_with_one_only_that(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path, jobs=3) as client:
            jobs = []
            for number in range(3):
                jobs.append(await submit(client, sleeping(30, str(number)), ""))
                await running(client, jobs[-1])
            pending = await submit(client, saving(), "")
            assert await post(client, "/interrupt", {"prompt_id": pending}) == (200, None)
            assert await post(client, "/interrupt", {"prompt_id": "nobody"}) == (200, None)
            assert await waiting(client) == [pending]
            assert await post(client, "/interrupt", {"prompt_id": jobs[1]}) == (200, None)
            await ended(client, jobs[1])
            await ended(client, pending)
            assert await post(client, "/interrupt") == (200, None)
            entry = await ended(client, jobs[0])
            assert entry["status"]["messages"][-1][0] == "execution_interrupted"
            _, queue = await get(client, "/queue")
            assert [item[1] for item in queue["queue_running"]] == [jobs[2]]
            await post(client, "/interrupt", {"prompt_id": None})
            await ended(client, jobs[2])
            assert await post(client, "/interrupt", {}) == (200, None)  # nothing runs

    asyncio.run(go())


def test_free_lets_results_go_and_leaves_what_runs_alone(tmp_path: Path) -> None:
    graph = {"make": call("Make", label="x"), "label": call("Label", thing=["make", 0])}
    graph["end"] = call("Picky", text=["label", 0])

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            await me.over(await submit(client, graph))
            for body in ({}, {"unload_models": True}, {"free_memory": False}):
                assert await post(client, "/free", body) == (200, None)
            again = await submit(client, graph)
            await me.over(again)
            assert set((await me.until("execution_cached", prompt_id=again))["nodes"]) == set(graph)
            assert await post(client, "/free", {"unload_models": True, "free_memory": True}) == (200, None)
            anew = await submit(client, graph)
            await me.over(anew)
            assert "make" not in (await me.until("execution_cached", prompt_id=anew))["nodes"]

    asyncio.run(go())


def test_history_is_a_page_of_what_has_run_the_oldest_first(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            jobs = [await submit(client, saving(str(number)), prompt_id=f"p{number}") for number in range(5)]
            await ended(client, jobs[-1])

            async def page(query: str) -> list[str]:
                status, found = await get(client, f"/history{query}")
                assert status == 200
                return list(found)

            assert await page("") == jobs
            assert await page("?max_items=2") == jobs[3:]
            assert await page("?max_items=2&offset=1") == jobs[1:3]
            assert await page("?offset=3") == jobs[3:]
            assert await page("?max_items=0") == []
            assert await page("?max_items=100&offset=-1") == jobs
            entry = (await get(client, "/history/p2"))[1]["p2"]
            assert entry.keys() == {"prompt", "outputs", "status", "meta"}
            assert entry["prompt"][:3] == [3, "p2", saving("2")]
            assert entry["status"].keys() == {"status_str", "completed", "messages"}
            assert entry["outputs"]["save"]["text"][0]["filename"].endswith(".txt")
            assert entry["meta"] == {
                "save": {
                    "node_id": "save", "display_node": "save", "parent_node": None, "real_node_id": "save",
                }
            }  # fmt: skip

    asyncio.run(go())


def test_history_of_a_prompt_is_empty_until_it_has_ended(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            job = await submit(client, sleeping(30))
            await running(client, job)
            assert await get(client, f"/history/{job}") == (200, {})
            assert await get(client, "/history/nobody") == (200, {})
            assert await get(client, "/history/%F0%9F%98%80") == (200, {})

    asyncio.run(go())


def test_history_can_be_deleted_and_cleared_and_files_stay(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            jobs = [await submit(client, saving(str(number))) for number in range(3)]
            await ended(client, jobs[-1])
            assert await post(client, "/history", {"delete": [jobs[0], "nobody"]}) == (200, None)
            assert list((await get(client, "/history"))[1]) == jobs[1:]
            assert await post(client, "/history", {"clear": True}) == (200, None)
            assert (await get(client, "/history"))[1] == {}
            assert len(list((tmp_path / "output").iterdir())) == 3

    asyncio.run(go())


def test_jobs_are_listed_with_filters_orders_and_pages(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            good = await submit(client, saving())
            slow = await submit(client, sleeping(0.2))
            bad = await submit(client, {"1": call("Fail"), "2": call("Save", text=["1", 0])})
            stopped = await submit(client, sleeping(30, "a"))
            await running(client, stopped)
            await post(client, "/interrupt", {})
            await ended(client, stopped)
            runs = await submit(client, sleeping(30, "b"))
            await running(client, runs)
            waits = await submit(client, saving("later"))

            async def ids(query: str) -> list[str]:
                status, found = await get(client, f"/api/jobs{query}")
                assert status == 200
                return [each["id"] for each in found["jobs"]]

            assert await ids("") == [waits, runs, stopped, bad, slow, good]
            assert await ids("?sort_order=asc") == [good, slow, bad, stopped, runs, waits]
            assert await ids("?status=completed") == [slow, good]
            assert await ids("?status=in_progress,pending&limit=200&offset=0") == [waits, runs]
            assert await ids("?status=failed,cancelled") == [stopped, bad]
            done = await ids("?status=completed&sort_by=execution_duration&sort_order=asc")
            assert done == [good, slow]
            assert await ids("?workflow_id=none") == []
            _, found = await get(client, "/api/jobs?limit=2&offset=1")
            assert [each["id"] for each in found["jobs"]] == [runs, stopped]
            assert found["pagination"] == {"offset": 1, "limit": 2, "total": 6, "has_more": True}
            _, found = await get(client, "/api/jobs?limit=2&offset=4")
            assert found["pagination"]["has_more"] is False

    asyncio.run(go())


def test_a_job_is_told_whole(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            extra = {"extra_pnginfo": {"workflow": {"id": "w"}}}
            job = await submit(client, saving(), extra_data=extra)
            await ended(client, job)
            _, found = await get(client, f"/api/jobs/{job}")
            assert found.keys() == {
                "id", "status", "priority", "create_time", "execution_start_time", "execution_end_time",
                "outputs_count", "previewable_outputs_count", "workflow_id", "outputs", "execution_status",
                "workflow",
            }  # fmt: skip
            assert (found["id"], found["status"], found["workflow_id"]) == (job, "completed", "w")
            assert found["create_time"] <= found["execution_start_time"] <= found["execution_end_time"]
            assert found["outputs_count"] == 1
            assert found["workflow"]["prompt"] == saving()
            bad = await submit(client, {"1": call("Fail"), "2": call("Save", text=["1", 0])})
            await ended(client, bad)
            _, found = await get(client, f"/api/jobs/{bad}")
            assert found["status"] == "failed"
            assert found["execution_error"]["node_id"] == "1"
            assert await get(client, "/api/jobs/nobody") == (404, {"error": "Job not found"})

    asyncio.run(go())


def test_jobs_are_cancelled_wherever_they_stand(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            done = await submit(client, saving())
            await ended(client, done)
            runs = await submit(client, sleeping(30))
            await running(client, runs)
            waits = [await submit(client, saving(str(number))) for number in range(3)]

            async def cancel(path: str, body: Any = None) -> tuple[int, Any]:
                return await post(client, f"/api/jobs/{path}", body)

            yes, no = (200, {"cancelled": True}), (200, {"cancelled": False})
            assert await cancel(f"{waits[0]}/cancel") == yes
            assert await cancel(f"{waits[0]}/cancel") == no
            assert await cancel(f"{done}/cancel") == no
            assert await cancel("nobody/cancel") == no
            assert await cancel("cancel", {"job_ids": [done, waits[1]]}) == yes
            assert await cancel("cancel", {"job_ids": [done, str(uuid.uuid4())]}) == no
            assert await cancel("cancel", {"job_ids": []}) == no
            assert await cancel(f"{runs}/cancel") == yes
            await ended(client, runs)
            await ended(client, waits[2])
            _, found = await get(client, "/api/jobs?status=cancelled")
            assert {each["id"] for each in found["jobs"]} == {runs, waits[0], waits[1]}

    asyncio.run(go())


def test_wrong_parameters_of_jobs_are_told_as_these_routes_word_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for query in (
                "status=done", "sort_by=size", "sort_order=up", "limit=0", "limit=-1", "limit=x",
                "offset=-1", "offset=1.5", f"limit={'9' * 5000}", "status=%FF", "offset=%00",
                f"offset={1 << 70}",
            ):  # fmt: skip
                status, found = await get(client, f"/api/jobs?{query}")
                assert status == 400, query
                assert found.keys() == {"error"}
                assert isinstance(found["error"], str)
            bodies: tuple[Any, ...] = ([], {}, {"job_ids": "x"}, {"job_ids": {}}, {"job_ids": None}, 3)
            for body in bodies:
                status, found = await post(client, "/api/jobs/cancel", body)
                assert (status, found.keys()) == (400, {"error"})
            upper = str(uuid.uuid4()).upper()
            status, found = await post(client, "/api/jobs/cancel", {"job_ids": ["x", 3, upper]})
            assert (status, found["invalid_ids"]) == (400, ["x", "3", upper])
            assert (await post(client, "/api/jobs/cancel", data=b"{"))[0] == 400

    asyncio.run(go())
