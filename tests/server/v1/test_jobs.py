"""Jobs of our own API."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from described import FAILING, described, running, saving, sleeping
from toys import call

from engine.files import Files
from engine.node import node


def test_a_job_is_accepted_where_it_can_be_found_and_ends_with_its_files(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("POST", "/v1/jobs", json={"workflow": saving(), "metadata": {"of": "me"}})
            assert reply.status == 201
            assert reply.headers["Location"] == f"/v1/jobs/{reply.json['id']}"
            job = await api.ended(reply.json["id"])
            assert (job["state"], job["attempts"], job["metadata"]) == ("completed", 1, {"of": "me"})
            (file,) = job["outputs"]["save"]["text"]
            assert file["url"] == f"/view?filename={file['filename']}&subfolder=&type=output"
            assert await (await api.client.get(file["url"])).text() == "hello"

    asyncio.run(go())


def test_who_waits_is_answered_with_the_end(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("POST", "/v1/jobs", params={"wait": "20"}, json={"workflow": saving()})
            assert (reply.status, reply.json["state"]) == (201, "completed")
            headers = {"Prefer": "respond-async, wait=20"}
            reply = await api("POST", "/v1/jobs", headers=headers, json={"workflow": saving("other")})
            assert (reply.status, reply.json["state"]) == (201, "completed")
            reply = await api("POST", "/v1/jobs", params={"wait": "0.01"}, json={"workflow": sleeping()})
            assert reply.status == 202
            assert reply.json["ended"] is None

    asyncio.run(go())


def test_values_are_put_in_by_name_and_by_node(tmp_path: Path) -> None:
    named = {**saving(), "_workflow": {"version": 1, "inputs": {"words": ["text", "value"]}}}

    async def go() -> None:
        async with described(tmp_path) as api:
            for inputs in ({"words": "by name"}, {"text.value": "by node"}):
                job = await api.submit(named, inputs=inputs)
                (file,) = (await api.ended(job["id"]))["outputs"]["save"]["text"]
                assert (tmp_path / "output" / file["filename"]).read_text() == next(iter(inputs.values()))

    asyncio.run(go())


def test_the_outputs_that_are_named_run_and_no_others(tmp_path: Path) -> None:
    graph = {**saving(), "other": call("Save", text=["text", 0])}

    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(graph, outputs=["other"])
            assert list((await api.ended(job["id"]))["outputs"]) == ["other"]

    asyncio.run(go())


@node("Careful", category="toys", output_node=True)
def careful(*, name: str) -> None:
    """Looks whether a file is there."""


@careful.check
def file_is_there(files: Files, name: str) -> Mapping[str, str]:
    return {"name": f"no file {name!r} in {files.input}"}


def test_problems_name_no_folder_of_the_machine(tmp_path: Path) -> None:
    graph = {"careful": call("Careful", name="x.png")}
    message = "no file 'x.png' in home/input"

    async def go() -> None:
        async with described(tmp_path) as api:
            api.engine.registry.add(careful, namespace="careful")
            for path in ("/v1/jobs", "/v1/plan"):
                reply = await api("POST", path, json={"workflow": graph})
                assert reply.error["message"].endswith(f"node careful (Careful), name: {message}")
                assert [each["message"] for each in reply.error["problems"]] == [message]
            reply = await api("POST", "/v1/check", json={"workflow": graph})
            assert [each["message"] for each in reply.json["problems"]] == [message]

    asyncio.run(go())


def test_everything_that_is_wrong_with_a_workflow_is_told_at_once(tmp_path: Path) -> None:
    graph = {
        "number": call("Number", value=5000),
        "text": call("Tex", value="x"),
        "save": call("Save", text=["nowhere", 0]),
        "add": call("Add", a=["number", 0]),
    }
    body = {"workflow": graph, "inputs": {"add.c": 1, "words": "x"}, "outputs": ["save", "add"]}

    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("POST", "/v1/jobs", json=body)
            assert (reply.status, reply.error["code"]) == (422, "invalid_workflow")
            found = {(each["code"], each["node"], each["name"]) for each in reply.error["problems"]}
            assert found == {
                ("unknown_input", "", "add.c"),
                ("unknown_input", "", "words"),
                ("value_bigger_than_max", "number", ""),
                ("missing_node_type", "text", ""),
                ("bad_linked_input", "save", ""),
            }
            by_node = {each["node"]: each for each in reply.error["problems"]}
            assert by_node["number"]["path"] == ["number", "inputs", "value"]
            assert "'Text'" in by_node["text"]["hint"]
            assert (await api("GET", "/v1/jobs")).json["total"] == 0

    asyncio.run(go())


def test_what_was_mended_is_told_with_the_job(tmp_path: Path) -> None:
    graph = {"add": call("Number", value="7"), "save": call("Save", text=["text", 0]), **saving()}

    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(graph)
            (warning,) = job["warnings"]
            assert (warning["severity"], warning["node"], warning["input"]) == ("warning", "add", "value")

    asyncio.run(go())


def test_every_mistake_of_a_request_is_told_with_its_place(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            body = {"workflo": {}, "priority": "high", "cache": "sometimes", "front": 1}
            reply = await api("POST", "/v1/jobs", params={"wait": "soon"}, json=body)
            assert (reply.status, reply.error["code"]) == (422, "invalid_request")
            told = {tuple(each["loc"]): each["message"] for each in reply.error["problems"]}
            assert set(told) == {
                ("query", "wait"),
                ("body", "workflow"),
                ("body", "workflo"),
                ("body", "priority"),
                ("body", "cache"),
                ("body", "front"),
            }
            assert "did you mean 'workflow'?" in told["body", "workflo"]

    asyncio.run(go())


def test_bodies_that_are_no_json_objects_are_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for body in (b"", b"{", b"[]", b"\xff", b"17", b"null", b'{"workflow": ' + b"[" * 100_000):
                assert (await api("POST", "/v1/jobs", data=body)).status == 400
            unsound: tuple[dict[str, Any], ...] = ({}, {"1": 7}, {"nodes": 3}, {"_workflow": []})
            for workflow in unsound:
                reply = await api("POST", "/v1/jobs", json={"workflow": workflow})
                assert (reply.status, reply.error["code"]) == (422, "invalid_workflow")
            deep: Any = []
            for _ in range(400):
                deep = [deep]
            reply = await api("POST", "/v1/jobs", json={"workflow": {"1": deep}, "inputs": {"a": 1}})
            assert (reply.status, reply.error["code"]) == (400, "too_deep")

    asyncio.run(go())


def test_the_same_request_with_the_same_key_is_the_same_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            headers, body = {"Idempotency-Key": "order 17"}, {"workflow": saving()}
            first = await api("POST", "/v1/jobs", headers=headers, json=body)
            again = await api("POST", "/v1/jobs", headers=headers, json=body)
            assert (first.status, again.status) == (201, 200)
            assert first.json["id"] == again.json["id"]
            assert "Idempotent-Replay" not in first.headers
            assert again.headers["Idempotent-Replay"] == "true"
            other = await api("POST", "/v1/jobs", headers=headers, json={"workflow": saving("x")})
            assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
            assert (await api("GET", "/v1/jobs")).json["total"] == 1

    asyncio.run(go())


def test_requests_that_come_at_once_with_one_key_make_one_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            headers, body = {"Idempotency-Key": "k"}, {"workflow": saving()}
            replies = await asyncio.gather(
                *(api("POST", "/v1/jobs", headers=headers, json=body) for _ in range(8))
            )
            assert len({reply.json["id"] for reply in replies}) == 1
            assert sorted(reply.status for reply in replies) == [200] * 7 + [201]

    asyncio.run(go())


def test_halves_of_characters_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    lone = "\ud800"

    async def go() -> None:
        async with described(tmp_path) as api:
            for body in (
                {"workflow": {**saving(), "_workflow": {"version": 1, "id": lone}}},
                {"workflow": {**saving(), lone: call("Text")}},
                {"workflow": saving(), "metadata": {lone: 1}},
                {"workflow": saving(), "client_id": lone},
            ):
                assert (await api("POST", "/v1/jobs", json=body)).status == 400

    asyncio.run(go())


def test_a_key_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            headers = {"Idempotency-Key": "x" * 256}
            reply = await api("POST", "/v1/jobs", json={"workflow": saving()}, headers=headers)
            assert reply.status == 422

    asyncio.run(go())


def test_jobs_are_listed_by_state_in_pages(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            done = [await api.submit(saving(str(number))) for number in range(3)]
            for job in done:
                await api.ended(job["id"])
            failed = await api.submit(FAILING)
            await api.ended(failed["id"])
            page = (await api("GET", "/v1/jobs", params={"limit": "2", "offset": "1", "order": "asc"})).json
            assert [job["id"] for job in page["jobs"]] == [done[1]["id"], done[2]["id"]]
            assert page["total"] == 4
            for states, count in (("failed", 1), ("failed,completed", 4), ("pending", 0)):
                assert (await api("GET", "/v1/jobs", params={"state": states})).json["total"] == count
            assert (await api("GET", "/v1/jobs", params={"state": ""})).status == 422
            reply = await api("GET", "/v1/jobs", params={"state": "lost", "limit": "0", "sort": "age"})
            assert reply.status == 422
            assert len(reply.error["problems"]) == 3

    asyncio.run(go())


def test_pending_jobs_know_their_place_and_can_be_moved(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            assert (await api("POST", "/v1/queue/pause")).json["paused"]
            first, second, third = [await api.submit(saving(text)) for text in "abc"]
            assert [first["position"], second["position"], third["position"]] == [0, 1, 2]
            moved = await api("POST", f"/v1/jobs/{third['id']}/move", json={"to": "front"})
            assert moved.json["position"] == 0
            moved = await api("POST", f"/v1/jobs/{second['id']}/move", json={"before": third["id"]})
            assert moved.json["position"] == 0
            moved = await api("POST", f"/v1/jobs/{first['id']}/move", json={"priority": 5})
            assert (moved.json["position"], moved.json["priority"]) == (0, 5)
            queue = (await api("GET", "/v1/queue", params={"limit": "2"})).json
            assert [job["id"] for job in queue["pending"]] == [first["id"], second["id"]]
            assert queue["pending_count"] == 3
            assert not (await api("POST", "/v1/queue/resume")).json["paused"]
            await api.ended(third["id"])

    asyncio.run(go())


def test_moves_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await api("POST", "/v1/queue/pause")
            job = await api.submit(saving())
            for body in ({}, {"to": "side"}, {"before": job["id"], "to": "front"}, {"priority": 10**6}):
                assert (await api("POST", f"/v1/jobs/{job['id']}/move", json=body)).status == 422
            reply = await api("POST", f"/v1/jobs/{job['id']}/move", json={"before": "nobody"})
            assert (reply.status, reply.error["code"]) == (409, "not_pending")
            assert (await api("POST", "/v1/jobs/nobody/move", json={"to": "front"})).status == 404

    asyncio.run(go())


def test_a_job_can_be_cancelled_retried_and_forgotten(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(sleeping())
            path = f"/v1/jobs/{job['id']}"
            await running(api, job["id"])
            assert (await api("DELETE", path)).status == 409
            assert (await api("GET", f"{path}/timeline")).status == 409
            cancelled = await api("POST", f"{path}/cancel", params={"wait": "20"})
            assert cancelled.json["state"] == "cancelled"
            assert (await api("POST", f"{path}/cancel")).status == 200
            assert (await api("POST", f"{path}/retry")).json["state"] in {"pending", "running"}
            assert (await api("POST", f"{path}/retry")).status == 409
            await api("POST", f"{path}/cancel", params={"wait": "20"})
            assert (await api("DELETE", path)).status == 204
            assert (await api("GET", path)).status == 404

    asyncio.run(go())


def test_a_job_that_has_completed_is_neither_cancelled_nor_retried(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(saving())
            await api.ended(job["id"])
            for action in ("cancel", "retry"):
                assert (await api("POST", f"/v1/jobs/{job['id']}/{action}")).status == 409

    asyncio.run(go())


def test_a_failed_job_says_where_and_why(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(FAILING)
            job = await api.ended(job["id"])
            assert job["state"] == "failed"
            assert (job["failure"]["node"], job["failure"]["class_type"]) == ("fail", "Fail")
            assert "broken on purpose" in job["failure"]["message"]
            assert len(job["failures"]) == 1

    asyncio.run(go())


def test_a_job_has_its_graph_and_its_timeline(tmp_path: Path) -> None:
    document = {**saving(), "_workflow": {"version": 1, "outputs": {"file": "save"}}}

    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(document)
            ended = await api.ended(job["id"])
            assert ended["results"]["file"][0]["filename"] == "text_00001_.txt"
            graph = (await api("GET", f"/v1/jobs/{job['id']}/workflow")).json
            assert graph == saving()
            trace = (await api("GET", f"/v1/jobs/{job['id']}/timeline")).json
            assert {event["name"] for event in trace["traceEvents"]} == {"Text", "Save"}

    asyncio.run(go())


def test_jobs_that_nobody_knows_are_not_found(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for method, path in (
                ("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/workflow"),
                ("GET", "/timeline"), ("GET", "/events"),
            ):  # fmt: skip
                for name in ("nobody", "%FF", "a%2Fb", "%00", "\N{SNOWMAN}"):
                    reply = await api(method, f"/v1/jobs/{name}{path}")
                    assert reply.status == 404, (method, name, path)

    asyncio.run(go())


def test_what_is_not_routed_is_answered_in_json(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for method, path, status in (("GET", "/v1/nothing", 404), ("PATCH", "/v1/jobs", 405)):
                response = await api.client.request(method, path)
                assert response.status == status
                assert "message" in (await response.json())["error"]

    asyncio.run(go())
