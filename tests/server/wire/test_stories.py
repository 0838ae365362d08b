"""What clients are told of their jobs, and in which order."""

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

from toys import Graph, call, chain
from wiring import Listener, ended, get, listening, post, saving, sleeping, submit, wired

from server.keys import HUB


def test_a_good_run_is_told_from_its_start_to_its_end(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            assert me.told[0] == ("status", {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "me"})
            job = await submit(client, saving())
            await me.over(job)
            assert me.of(job) == [
                "execution_start", "execution_cached", "executing", "executing", "executed",
                "execution_success", "executing",
            ]  # fmt: skip
            said = me.all_of(job)
            assert [data["node"] for kind, data in said if kind == "executing"] == ["text", "save", None]
            assert next(data for kind, data in said if kind == "executed") == {
                "node": "save",
                "display_node": "save",
                "output": {"text": [{"filename": "text_00001_.txt", "subfolder": "", "type": "output"}]},
                "prompt_id": job,
            }
            states = [data["nodes"] for kind, data in said if kind == "progress_state"]
            assert states[-1]["save"] == {
                "value": 1, "max": 1, "state": "finished", "prompt_id": job, "node_id": "save",
                "display_node_id": "save", "parent_node_id": None, "real_node_id": "save",
            }  # fmt: skip
            assert said[0][1].keys() == {"prompt_id", "timestamp"}

    asyncio.run(go())


def test_the_last_word_comes_when_history_is_readable_and_the_queue_is_told(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            for number in range(5):
                job = await submit(client, saving(str(number)))
                await me.over(job)
                _, found = await get(client, f"/history/{job}")
                assert found[job]["status"]["completed"] is True
                await me.until("status", status={"exec_info": {"queue_remaining": 0}})

    asyncio.run(go())


def test_a_cached_run_shows_its_outputs_and_runs_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            await me.over(await submit(client, saving()))
            job = await submit(client, saving())
            await me.over(job)
            assert me.of(job, without=()) == [
                "execution_start", "execution_cached", "executed", "execution_success", "executing",
            ]  # fmt: skip
            cached = await me.until("execution_cached", prompt_id=job)
            assert set(cached["nodes"]) == {"text", "save"}
            assert [path.name for path in (tmp_path / "output").iterdir()] == ["text_00001_.txt"]

    asyncio.run(go())


def test_after_a_failure_the_sound_branch_ends_and_the_error_is_told_once(tmp_path: Path) -> None:
    graph = {
        **saving(),
        "sleep": call("Sleep", seconds=0.1, value="late"),
        "late": call("Save", text=["sleep", 0], filename_prefix="late"),
        "bad": call("Fail", value="x", message="no luck"),
        "lost": call("Save", text=["bad", 0], filename_prefix="lost"),
    }

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, graph)
            error = await me.until("execution_error", prompt_id=job)
            _, history = await get(client, f"/history/{job}")
            await me.over(job)
            kinds = me.of(job)
            assert kinds.count("execution_error") == 1
            assert kinds[-2:] == ["execution_error", "executing"]
            assert {data["node"] for kind, data in me.all_of(job) if kind == "executed"} == {"save", "late"}
            assert "execution_success" not in kinds
            assert (error["node_id"], error["node_type"]) == ("bad", "Fail")
            assert "no luck" in error["exception_message"]
            assert error["exception_type"] == "RuntimeError"
            assert error["executed"] == error["current_outputs"] == ["text"]  # by then
            assert error.keys() == {
                "prompt_id", "node_id", "node_type", "executed", "exception_message", "exception_type",
                "traceback", "current_inputs", "current_outputs", "timestamp",
            }  # fmt: skip
            entry = history[job]
            assert entry["status"]["status_str"] == "error"
            assert entry["status"]["completed"] is False
            assert [kind for kind, _ in entry["status"]["messages"]] == [
                "execution_start", "execution_cached", "execution_error",
            ]  # fmt: skip
            assert set(entry["outputs"]) == {"save", "late"}

    asyncio.run(go())


def test_an_interrupted_run_says_where_it_was(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me, listening(client, "other") as other:
            job = await submit(client, sleeping(30))
            await me.until("executing", node="sleep")
            assert await post(client, "/interrupt", {}) == (200, None)
            await me.over(job)
            assert me.of(job)[-2:] == ["execution_interrupted", "executing"]
            said = await me.until("execution_interrupted", prompt_id=job)
            assert (said["node_id"], said["node_type"]) == ("sleep", "Sleep")
            assert said.keys() == {"prompt_id", "node_id", "node_type", "executed", "timestamp"}
            entry = await ended(client, job)
            assert entry["status"]["status_str"] == "error"
            assert entry["status"]["messages"][-1][0] == "execution_interrupted"
            assert other.all_of(job) == []

    asyncio.run(go())


def test_nodes_of_an_expansion_are_told_as_the_node_that_people_see(tmp_path: Path) -> None:
    graph = {
        "count": call("Count", n=3),
        "text": call("Text", value="x"),
        "save": call("Picky", text=["text", 0], size=["count", 0]),
    }

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, graph)
            await me.over(job)
            said = [data for kind, data in me.all_of(job) if kind == "executing" and data["node"]]
            inner = [each for each in said if each["node"] not in graph]
            assert inner
            assert {each["display_node"] for each in inner} == {"count"}
            states = [data["nodes"] for kind, data in me.all_of(job) if kind == "progress_state"]
            known = {node: each for nodes in states for node, each in nodes.items() if node not in graph}
            assert {each["display_node_id"] for each in known.values()} == {"count"}
            assert "count" in {each["parent_node_id"] for each in known.values()}
            assert {each["real_node_id"] for each in known.values()} == known.keys()

    asyncio.run(go())


def test_a_blocked_branch_with_a_message_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    graph = {
        "gate": call("Gate", value="x", is_open=False, message="not today"),
        "shut": call("Save", text=["gate", 0], filename_prefix="shut"),
        **saving(),
    }

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, graph)
            await me.over(job)
            assert me.of(job)[-2:] == ["execution_success", "executing"]
            error = await me.until("execution_error", prompt_id=job)
            assert error["exception_type"] == "ExecutionBlocked"
            assert "not today" in error["exception_message"]
            assert me.kinds().count("execution_error") == 1
            assert (await ended(client, job))["status"]["status_str"] == "success"

    asyncio.run(go())


def test_two_jobs_of_a_client_at_once_are_told_one_after_the_other(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path, jobs=2) as client, listening(client) as me:
            slow = await submit(client, sleeping(0.4, "slow"))
            quick = await submit(client, saving("quick"))
            await me.over(quick)
            told = [data["prompt_id"] for _, data in me.told if "prompt_id" in data]
            assert told == sorted(told, key=[slow, quick].index)
            for job in (slow, quick):
                assert me.of(job)[0] == "execution_start"
                assert me.of(job)[-2:] == ["execution_success", "executing"]
            begun = [(await ended(client, job))["status"]["messages"][0][1] for job in (slow, quick)]
            assert begun[1]["timestamp"] - begun[0]["timestamp"] < 350  # they did run at the same time

    asyncio.run(go())


def test_two_clients_hear_of_their_own_jobs_only(tmp_path: Path) -> None:
    async def go() -> None:
        async with (
            wired(tmp_path, jobs=2) as client,
            listening(client, "one") as one,
            listening(client, "two") as two,
        ):
            first = await submit(client, saving("1"), "one")
            second = await submit(client, saving("2"), "two")
            await one.over(first)
            await two.over(second)
            assert one.all_of(second) == []
            assert two.all_of(first) == []

    asyncio.run(go())


def test_of_a_job_without_a_client_everyone_hears_how_far_it_is_and_nothing_else(tmp_path: Path) -> None:
    async def go() -> None:
        async with (
            wired(tmp_path) as client,
            listening(client, "one") as one,
            listening(client, "two") as two,
        ):
            job = await submit(client, stepping(4, 0.12), "")
            await ended(client, job)
            for each in (one, two):
                assert set(each.of(job, without=())) == {"progress", "progress_state"}
                assert "binary" in each.kinds()
            job = await submit(client, sleeping(30), "")
            await running(client)
            await post(client, "/interrupt")
            for each in (one, two):
                await each.until("execution_interrupted", prompt_id=job)
                assert "executing" not in each.kinds()

    asyncio.run(go())


def stepping(count: int, seconds: float) -> Graph:
    steps = call("Steps", count=count, seconds=seconds, preview=True)
    return {"steps": steps, "save": call("Save", text=["steps", 0])}


async def running(client: Any) -> None:
    while not (await get(client, "/queue"))[1]["queue_running"]:
        await asyncio.sleep(0.01)


def test_a_second_socket_of_the_same_id_takes_the_place_of_the_first(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as first:
            async with listening(client) as second:
                job = await submit(client, saving())
                await second.over(job)
                assert first.all_of(job) == []
                assert not first.socket.closed  # it would come back, and put the other out
            while client.app[HUB].clients:
                await asyncio.sleep(0.01)

    asyncio.run(go())


def test_who_comes_back_in_the_middle_of_a_run_is_told_where_it_stands(tmp_path: Path) -> None:
    graph = {
        **saving(),
        "steps": call("Steps", count=1000, seconds=0.005),
        "late": call("Save", text=["steps", 0], filename_prefix="late"),
    }

    async def go() -> None:
        async with wired(tmp_path) as client:
            async with listening(client) as before:
                job = await submit(client, graph)
                await before.until("executed", node="save")
                await before.until("progress", node="steps")
            async with listening(client) as after:
                state = await after.until("progress_state", prompt_id=job)
                assert state["nodes"]["steps"]["state"] == "running"
                assert state["nodes"]["save"]["state"] == "finished"
                assert after.of(job)[:3] == ["execution_start", "executed", "executing"]
                assert (await after.until("executing"))["node"] == "steps"
                await post(client, "/interrupt", {"prompt_id": job})
                await after.over(job)
                assert after.of(job)[-2:] == ["execution_interrupted", "executing"]

    asyncio.run(go())


def test_progress_comes_at_most_ten_times_a_second_and_ends_with_the_latest(tmp_path: Path) -> None:
    graph = {"steps": call("Steps", count=500, seconds=0.001), "save": call("Save", text=["steps", 0])}

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            begun = asyncio.get_running_loop().time()
            job = await submit(client, graph)
            await me.over(job)
            seconds = asyncio.get_running_loop().time() - begun
            for kind in ("progress", "progress_state"):
                said = [data for told, data in me.all_of(job) if told == kind]
                assert 0 < len(said) <= seconds * 10 + 3
            last = [data["nodes"] for kind, data in me.all_of(job) if kind == "progress_state"][-1]
            assert (last["steps"]["value"], last["steps"]["state"]) == (500, "finished")
            progress = await me.until("progress", prompt_id=job)
            assert progress.keys() == {"value", "max", "prompt_id", "node"}

    asyncio.run(go())


def test_a_thousand_nodes_are_told_in_less_than_two_megabytes(tmp_path: Path) -> None:
    graph = {**chain(1000, "SlowAdd"), "end": call("Picky", text="x", ratio=["1000", 0])}

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, graph)
            await me.over(job)
            assert me.of(job).count("executing") == len(graph) + 1
            assert me.received < 2_000_000
            assert max(len(data["nodes"]) for kind, data in me.told if kind == "progress_state") < 200

    asyncio.run(go())


def with_previews(home: Path, **flags: Any) -> list[tuple[str, Any]]:
    """What a client with these flags is told while previews are made."""

    async def go() -> list[tuple[str, Any]]:
        async with wired(home, preview_size=64) as client, listening(client, flags=flags or None) as me:
            await me.over(await submit(client, stepping(5, 0.15), prompt_id="p"))
            return me.told

    return asyncio.run(go())


def test_previews_are_plain_pictures_for_who_said_nothing(tmp_path: Path) -> None:
    frames = [data for kind, data in with_previews(tmp_path) if kind == "binary"]
    assert frames
    for frame in frames:
        assert struct.unpack(">II", frame[:8]) == (1, 1)
        assert frame[8:11] == b"\xff\xd8\xff"


def test_previews_say_whose_they_are_to_who_understands_it(tmp_path: Path) -> None:
    told = with_previews(tmp_path, supports_preview_metadata=True)
    flags = next(data for kind, data in told if kind == "feature_flags")
    assert flags["supports_preview_metadata"] is True
    frames = [data for kind, data in told if kind == "binary"]
    assert frames
    for frame in frames:
        kind, length = struct.unpack(">II", frame[:8])
        assert kind == 4
        assert json.loads(frame[8 : 8 + length]) == {
            "node_id": "steps", "prompt_id": "p", "display_node_id": "steps", "parent_node_id": None,
            "real_node_id": "steps", "image_type": "image/jpeg",
        }  # fmt: skip
        assert frame[8 + length :][:3] == b"\xff\xd8\xff"


def test_a_flag_that_is_not_quite_true_is_not_true(tmp_path: Path) -> None:
    frames = [data for kind, data in with_previews(tmp_path, supports_preview_metadata=1) if kind == "binary"]
    assert {frame[3] for frame in frames} == {1}


def pictures(me: Listener, job: str) -> list[tuple[str, bytes]]:
    """Delivered pictures, each with the node that was said to run when it came."""
    found, now = [], ""
    for kind, data in me.told:
        if kind == "executing":
            now = data["node"] if data["prompt_id"] == job else ""
        elif kind == "binary":
            found.append((now, data))
    return found


def test_pictures_without_files_come_while_their_node_runs(tmp_path: Path) -> None:
    graph = {
        "text": call("Text", value="x"),
        "pictures": call("Deliver", count=7, text=["text", 0]),
        **{f"other{number}": call("Save", text=["text", 0]) for number in range(3)},
    }

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, graph)
            await me.over(job)
            found = pictures(me, job)
            assert [node for node, _ in found] == ["pictures"] * 7
            assert {struct.unpack(">II", data[:8]) for _, data in found} == {(1, 2)}
            assert {data[8:16] for _, data in found} == {b"\x89PNG\r\n\x1a\n"}
            assert len({data for _, data in found}) == 7

    asyncio.run(go())


def test_pictures_of_a_second_job_wait_for_their_turn(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path, jobs=2) as client, listening(client) as me:
            slow = await submit(client, sleeping(0.3))
            quick = await submit(client, {"pictures": call("Deliver", count=3)})
            await me.over(quick)
            kinds = [kind for kind, _ in me.told]
            over = me.told.index(("executing", {"node": None, "prompt_id": slow}))
            assert kinds.count("binary") == 3
            assert kinds.index("binary") > over
            assert [node for node, _ in pictures(me, quick)] == ["pictures"] * 3

    asyncio.run(go())


def test_pictures_go_to_the_socket_that_is_there_when_they_come(tmp_path: Path) -> None:
    graph = {
        "sleep": call("Sleep", seconds=0.4, value="x"),
        "pictures": call("Deliver", count=2, text=["sleep", 0]),
    }

    async def go() -> None:
        async with wired(tmp_path) as client:
            async with listening(client) as before:
                job = await submit(client, graph)
                await before.until("executing", node="sleep")
            async with listening(client) as after:
                await after.over(job)
                assert [node for node, _ in pictures(after, job)] == ["pictures"] * 2

    asyncio.run(go())


def test_a_picture_that_cannot_be_made_ends_no_story(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, {"1": call("Unshowable")})
            await me.over(job)
            assert "binary" not in me.kinds()
            assert me.of(job)[-2:] == ["execution_success", "executing"]

    asyncio.run(go())


def test_what_json_cannot_hold_is_shown_all_the_same(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            job = await submit(client, {"1": call("Odd")})
            await me.over(job)
            shown = (await me.until("executed", prompt_id=job))["output"]["odd"]
            assert shown[:2] == [None, None]
            entry = await ended(client, job)
            assert entry["outputs"]["1"]["odd"][:2] == [None, None]

    asyncio.run(go())
