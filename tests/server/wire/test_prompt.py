"""POST /prompt: what is queued, and what is said of prompts that cannot run."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from serving import Client
from toys import Graph, call
from wiring import ended, get, listening, post, saving, sleeping, submit, wired

ERROR = {"type", "message", "details", "extra_info"}


def answers(home: Path, *bodies: Any, **settings: Any) -> list[tuple[int, Any]]:
    """What a server says to each of some bodies."""

    async def go() -> list[tuple[int, Any]]:
        async with wired(home, **settings) as client:
            return [await post(client, "/prompt", body) for body in bodies]

    return asyncio.run(go())


def refused(home: Path, graph: Any, **more: Any) -> Any:
    """The body of a 400, its shape checked."""
    [(status, body)] = answers(home, {"prompt": graph, **more})
    assert status == 400
    assert body.keys() == {"error", "node_errors"}
    assert body["error"].keys() == ERROR
    for each in body["node_errors"].values():
        assert each.keys() == {"errors", "dependent_outputs", "class_type"}
        for error in each["errors"]:
            assert error.keys() == ERROR
    return body


def test_a_queued_prompt_is_answered_with_its_id_and_number(tmp_path: Path) -> None:
    (status, body), (_, second) = answers(tmp_path, {"prompt": saving()}, {"prompt": saving("again")})
    assert status == 200
    assert body.keys() == {"prompt_id", "number", "node_errors"}
    assert uuid.UUID(body["prompt_id"]).version == 4
    assert second["number"] == body["number"] + 1
    assert isinstance(body["number"], int)
    assert body["node_errors"] == {}


def test_both_ways_to_say_the_place_in_the_queue_are_answered_with_it(tmp_path: Path) -> None:
    found = answers(
        tmp_path,
        {"prompt": saving(), "number": -7.5},
        {"prompt": saving(), "number": "3"},
        {"prompt": saving(), "front": True},
        {"prompt": saving(), "front": False},
        {"prompt": saving(), "number": None, "front": None, "client_id": None, "extra_data": None},
    )
    assert [status for status, _ in found] == [200] * 5
    numbers = [body["number"] for _, body in found]
    assert numbers[:2] == [-7.5, 3]
    assert numbers[2] == -1
    assert numbers[3:] == [2, 3]


def test_the_queue_goes_by_number(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            await submit(client, sleeping(30), prompt_id="first")
            while not (await get(client, "/queue"))[1]["queue_running"]:
                await asyncio.sleep(0.01)
            await submit(client, saving(), prompt_id="second")
            await submit(client, saving(), prompt_id="front", front=True)
            await submit(client, saving(), prompt_id="far", number=100)
            await submit(client, saving(), prompt_id="between", number=1.5)
            _, queue = await get(client, "/queue")
            assert [item[1] for item in queue["queue_pending"]] == ["front", "between", "second", "far"]
            assert [item[0] for item in queue["queue_pending"]] == [-3, 1.5, 2, 100]

    asyncio.run(go())


def test_the_clients_own_id_is_kept_and_taken_once(tmp_path: Path) -> None:
    named = str(uuid.uuid4())
    found = answers(
        tmp_path,
        {"prompt": saving(), "prompt_id": named},
        {"prompt": saving(), "prompt_id": named},
        {"prompt": saving(), "prompt_id": "my-first"},
        {"prompt": saving(), "prompt_id": 7},
    )
    assert [status for status, _ in found] == [200, 409, 200, 200]
    assert found[0][1]["prompt_id"] == named
    assert found[1][1]["error"]["type"] == "duplicate_prompt_id"
    assert found[1][1].keys() == {"error", "node_errors"}
    assert [body["prompt_id"] for _, body in found[2:]] == ["my-first", "7"]


def test_only_the_chosen_outputs_run(tmp_path: Path) -> None:
    graph = {**saving(), "other": call("Save", text=["text", 0]), "broken": call("Save")}

    async def go() -> None:
        async with wired(tmp_path) as client:
            job = await submit(client, graph, partial_execution_targets=["other"])
            entry = await ended(client, job)
            assert set(entry["outputs"]) == {"other"}
            assert entry["prompt"][4] == ["other"]

    asyncio.run(go())


def test_what_came_along_is_kept_but_for_secrets(tmp_path: Path) -> None:
    extra = {
        "extra_pnginfo": {"workflow": {"id": "w1", "nodes": []}},
        "api_key_comfy_org": "secret",
        "auth_token_comfy_org": "secret",
        "mine": [1, 2],
    }

    async def go() -> None:
        async with wired(tmp_path) as client:
            job = await submit(client, saving(), "me", extra_data=extra)
            number, prompt_id, graph, kept, outputs = (await ended(client, job))["prompt"]
            assert (number, prompt_id, graph, outputs) == (1, job, saving(), ["save"])
            assert isinstance(kept.pop("create_time"), int)
            assert kept == {"client_id": "me", "extra_pnginfo": extra["extra_pnginfo"], "mine": [1, 2]}
            _, found = await get(client, "/api/jobs?workflow_id=w1")
            assert [each["id"] for each in found["jobs"]] == [job]

    asyncio.run(go())


def test_sound_outputs_run_and_the_others_are_told_with_a_200(tmp_path: Path) -> None:
    graph = {**saving(), "bad": call("Picky", text=["text", 0], size=99)}

    async def go() -> None:
        async with wired(tmp_path) as client:
            status, body = await post(client, "/prompt", {"prompt": graph})
            assert status == 200
            assert body.keys() == {"prompt_id", "number", "node_errors"}
            assert body["node_errors"].keys() == {"bad"}
            assert body["node_errors"]["bad"]["dependent_outputs"] == ["bad"]
            entry = await ended(client, body["prompt_id"])
            assert set(entry["outputs"]) == {"save"}
            assert entry["status"]["status_str"] == "success"

    asyncio.run(go())


def test_a_body_without_a_prompt_is_told_so(tmp_path: Path) -> None:
    [(status, body)] = answers(tmp_path, {"client_id": "me"})
    assert status == 400
    assert body["error"].keys() == ERROR
    assert (body["error"]["type"], body["error"]["extra_info"]) == ("no_prompt", {})
    assert body["node_errors"] == {}


@pytest.mark.parametrize(
    ("node", "class_type"), [({"inputs": {}}, None), ({"class_type": "Nope", "inputs": {}}, "Nope")]
)
def test_a_class_that_is_not_there_is_told_with_its_node(
    tmp_path: Path, node: dict[str, Any], class_type: str | None
) -> None:
    body = refused(tmp_path, {**saving(), "7": {**node, "_meta": {"title": "Mine"}}})
    assert body["error"]["type"] == "missing_node_type"
    assert body["error"]["extra_info"] == {"node_id": "7", "class_type": class_type, "node_title": "Mine"}
    assert "Node ID '#7'" in body["error"]["details"]
    assert class_type is None or class_type in body["error"]["message"]


def test_a_prompt_without_outputs_is_told_so(tmp_path: Path) -> None:
    for graph, more in (
        ({"1": call("Text")}, {}),
        ({}, {}),
        (saving(), {"partial_execution_targets": []}),
        (saving(), {"partial_execution_targets": ["nowhere"]}),
        (saving(), {"partial_execution_targets": ["text"]}),
    ):
        body = refused(tmp_path, graph, **more)
        assert body["error"]["type"] == "prompt_no_outputs", (graph, more, body)
        assert body["error"]["extra_info"] == {}


def picky(**inputs: Any) -> Graph:
    return {
        "text": call("Text", value="x"),
        "number": call("Number", value=3),
        "end": call("Picky", **{"text": ["text", 0], **inputs}),
    }


WRONG: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
    ("missing", {"text": ...}, "text", "required_input_missing", {}),
    (
        "link of one",
        {"text": ["text"]},
        "text",
        "bad_linked_input",
        {"received_value": ["text"]},
    ),
    (
        "mismatch",
        {"size": ["text", 0]},
        "size",
        "return_type_mismatch",
        {"received_type": "STRING", "linked_node": ["text", 0]},
    ),
    ("no number", {"size": "many"}, "size", "invalid_input_type", {"received_value": "many"}),
    ("too small", {"size": 0}, "size", "value_smaller_than_min", {"received_value": 0}),
    ("too big", {"size": 11}, "size", "value_bigger_than_max", {"received_value": 11}),
    ("not listed", {"mode": "medium"}, "mode", "value_not_in_list", {"received_value": "medium"}),
]


@pytest.mark.parametrize(
    ("changes", "name", "kind", "facts"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
def test_a_wrong_input_is_told_under_its_node(
    tmp_path: Path, changes: dict[str, Any], name: str, kind: str, facts: Mapping[str, Any]
) -> None:
    graph = picky(**{key: value for key, value in changes.items() if value is not ...})
    for key in (key for key, value in changes.items() if value is ...):
        del graph["end"]["inputs"][key]
    body = refused(tmp_path, graph)
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    assert body["error"]["extra_info"] == {}
    told = body["node_errors"]["end"]
    assert told["class_type"] == "Picky"
    assert told["dependent_outputs"] == ["end"]
    [error] = told["errors"]
    assert error["type"] == kind
    extra = error["extra_info"]
    assert extra["input_name"] == name
    assert isinstance(extra["input_config"], list)
    assert len(extra["input_config"]) == 2
    for fact, value in facts.items():
        assert extra[fact] == value
    assert error["details"].startswith(name)


def test_what_is_not_listed_is_told_with_the_list(tmp_path: Path) -> None:
    [error] = refused(tmp_path, picky(mode="medium"))["node_errors"]["end"]["errors"]
    assert error["extra_info"]["input_config"][0] == ["slow", "fast"]
    assert "medium" in error["details"]


def test_a_cycle_is_told_with_its_nodes(tmp_path: Path) -> None:
    graph = {
        "a": call("Join", left=["b", 0], right="x"),
        "b": call("Join", left=["a", 0], right="x"),
        "save": call("Save", text=["a", 0]),
    }
    body = refused(tmp_path, graph)
    errors = [error for each in body["node_errors"].values() for error in each["errors"]]
    assert {error["type"] for error in errors} == {"dependency_cycle"}
    assert "a (Join)" in body["error"]["details"]
    assert "b (Join)" in body["error"]["details"]


def test_errors_above_an_output_say_which_output_they_keep_from_running(tmp_path: Path) -> None:
    graph = {
        "text": call("Text", value=["nowhere", 0]),
        "one": call("Save", text=["text", 0]),
        "two": call("Picky", text=["text", 0], size=0),
    }
    body = refused(tmp_path, graph)
    assert body["node_errors"].keys() == {"text", "two"}
    assert body["node_errors"]["text"]["dependent_outputs"] == ["one", "two"]


def test_loose_values_of_scripts_are_taken(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            graph = picky(size="7", ratio="0.5", really=1, nonsense=[1, 2, 3])
            entry = await ended(client, await submit(client, graph))
            assert entry["outputs"]["end"]["text"] == ["x", 7, "slow", 0.5, True]

    asyncio.run(go())


def test_a_whole_saved_file_may_be_sent_in_the_place_of_a_body(tmp_path: Path) -> None:
    ((status, body),) = answers(tmp_path, saving())
    assert status == 200
    assert body["node_errors"] == {}


def test_scripts_that_send_no_content_type_or_another_one_are_heard(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            content = json.dumps({"prompt": saving()}).encode()
            for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream", ""):
                headers = {"Content-Type": kind} if kind else {}
                skipped = () if kind else ("Content-Type",)
                status, body = await post(
                    client, "/prompt", data=content, headers=headers, skip_auto_headers=skipped
                )
                assert status == 200, (kind, body)
            marked = "\ufeff".encode() + content
            assert (await post(client, "/prompt", data=marked))[0] in {200, 400}

    asyncio.run(go())


def test_every_route_is_there_bare_and_under_api(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for place in ("", "/api"):
                assert (await post(client, f"{place}/prompt", {"prompt": saving()}))[0] == 200
                for path in (
                    "prompt", "queue", "history", "history/x", "object_info", "object_info/Text",
                    "features", "settings", "extensions", "system_stats", "embeddings", "users",
                ):  # fmt: skip
                    assert (await get(client, f"{place}/{path}"))[0] == 200, path
                for path in ("queue", "interrupt", "free", "history"):
                    assert await post(client, f"{place}/{path}", {}) == (200, None)
                async with client.ws_connect(f"{place}/ws") as socket:
                    first = await socket.receive_json()
                    assert first["type"] == "status"
                    assert len(first["data"]["sid"]) == 32
            assert (await get(client, "/api/jobs"))[0] == 200
            assert (await get(client, "/nothing"))[0] == 404
            assert (await get(client, "/api/nothing"))[0] == 404

    asyncio.run(go())


def test_features_are_told_over_http_and_on_the_socket(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path, max_body=5 << 20) as client:
            _, flags = await get(client, "/features")
            assert flags["supports_preview_metadata"] is True
            assert flags["max_upload_size"] == 5 << 20
            async with listening(client, flags={}) as me:
                assert await me.until("feature_flags") == flags

    asyncio.run(go())


async def remaining(client: Client) -> int:
    _, found = await get(client, "/prompt")
    assert found.keys() == {"exec_info"}
    count: int = found["exec_info"]["queue_remaining"]
    return count


def test_how_long_the_queue_is_counts_what_runs_too(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            assert await remaining(client) == 0
            await submit(client, sleeping(30))
            await submit(client, saving())
            assert await remaining(client) == 2

    asyncio.run(go())
