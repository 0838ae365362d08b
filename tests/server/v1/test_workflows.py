"""Saved workflows, and their use as functions."""

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from described import Api, described, png
from PIL import Image
from toys import call

PAINTING: dict[str, Any] = {
    "9": call("Paint", size=4, colour="red"),
    "_workflow": {
        "version": 1,
        "title": "A painting",
        "description": "One colour.",
        "inputs": {
            "size": {"at": ["9", "size"], "order": 2, "title": "Side", "help": "Pixels of a side."},
            "colour": {"at": ["9", "colour"], "order": 1},
        },
        "outputs": {"picture": "9"},
    },
}
MEASURING: dict[str, Any] = {
    "1": call("Width", image="none.png"),
    "_workflow": {"version": 1, "inputs": {"picture": ["1", "image"]}, "outputs": {"width": ["1", 0]}},
}


async def save(api: Api, name: str, document: dict[str, Any]) -> str:
    """Save a workflow; its version."""
    reply = await api("PUT", f"/v1/workflows/{name}", json=document)
    assert reply.status == 201, reply.json
    return reply.headers["ETag"]


async def run(api: Api, name: str, **body: Any) -> Any:
    return await api("POST", f"/v1/workflows/{name}/run", json=body)


def test_a_saved_workflow_is_listed_read_changed_and_deleted(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            path = "/v1/workflows/a painting"
            tag = await save(api, "a painting", PAINTING)
            assert json.loads((tmp_path / "workflows" / "a painting.json").read_text()) == PAINTING
            listed = (await api("GET", "/v1/workflows")).json["workflows"]
            (entry,) = [each for each in listed if not each["shipped"]]
            assert (entry["title"], entry["inputs"]) == ("A painting", ["colour", "size"])
            assert (entry["outputs"], entry["etag"]) == (["picture"], tag)
            reply = await api("GET", entry["url"])
            assert (reply.json, reply.headers["ETag"]) == (PAINTING, tag)
            assert (await api("GET", path, headers={"If-None-Match": tag})).status == 304
            changed = await api("PUT", path, json={**PAINTING, "10": call("Paint")})
            assert changed.status == 200
            assert changed.headers["ETag"] != tag
            assert (await api("DELETE", path)).status == 204
            assert (await api("GET", path)).status == 404

    asyncio.run(go())


def test_the_address_of_a_saved_workflow_is_a_plain_one(tmp_path: Path) -> None:
    graph = {"text": call("Text", value="hello"), "save": call("Save", text=["text", 0])}

    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("PUT", "/v1/workflows/naïve (1)+2", json=graph)
            assert reply.status == 201
            assert reply.json["name"] == "naïve (1)+2"
            assert reply.json["url"] == reply.headers["Location"] == "/v1/workflows/na%C3%AFve%20%281%29%2B2"
            assert (await api("GET", reply.json["url"])).json == graph

    asyncio.run(go())


def test_a_version_that_has_changed_is_not_written_over(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            path = "/v1/workflows/mine"
            tag = await save(api, "mine", PAINTING)
            new = (await api("PUT", path, json=MEASURING, headers={"If-Match": tag})).headers["ETag"]
            for method in ("PUT", "DELETE"):
                reply = await api(method, path, json=PAINTING, headers={"If-Match": tag})
                assert (reply.status, reply.error["code"]) == (412, "changed")
            once = {"If-None-Match": "*"}
            assert (await api("PUT", path, json=PAINTING, headers=once)).status == 412
            assert (await api("PUT", "/v1/workflows/other", json=PAINTING, headers=once)).status == 201
            assert (
                await api("PUT", "/v1/workflows/no", json=PAINTING, headers={"If-Match": "*"})
            ).status == 412
            assert (await api("DELETE", path, headers={"If-Match": new})).status == 204

    asyncio.run(go())


def test_workflows_that_come_along_can_be_hidden_but_not_deleted(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            path = "/v1/workflows/text_to_image"
            shipped = (await api("GET", path)).json
            assert (await api("DELETE", path)).status == 403
            await save(api, "text_to_image", PAINTING)
            assert (await api("GET", path)).json == PAINTING
            assert (await api("DELETE", path)).status == 204
            assert (await api("GET", path)).json == shipped

    asyncio.run(go())


def test_unsound_workflows_are_saved_and_their_problems_told(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("PUT", "/v1/workflows/draft", json={"1": call("Nothing")})
            assert reply.status == 201
            assert [each["code"] for each in reply.json["problems"]] == ["missing_node_type"]

    asyncio.run(go())


@pytest.mark.parametrize("name", ["..%2Fx", ".hidden", "a%2Fb", "%20", "x" * 200, "con", "%FF", "a%00b"])
def test_names_that_would_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("PUT", f"/v1/workflows/{name}", json=PAINTING)
            assert reply.status in {400, 404}, reply.json
            assert (await api("GET", f"/v1/workflows/{name}")).status == 404

    asyncio.run(go())
    assert not list(tmp_path.rglob("*x.json"))


def test_what_is_no_workflow_is_not_saved(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for body in (b"[]", b"x", b"", b'{"1": NaN}'):
                assert (await api("PUT", "/v1/workflows/x", data=body)).status == 400
            reply = await api("PUT", "/v1/workflows/x", json={"_workflow": {"version": 99}})
            assert (reply.status, reply.error["code"]) == (400, "invalid_document")
            for depth in (300, 900, 5000, 100_000):
                deep = '{"1": ' + "[" * depth + "]" * depth + "}"
                assert (await api("PUT", "/v1/workflows/x", data=deep)).status == 400
            assert not (tmp_path / "workflows").exists()

    asyncio.run(go())


def test_a_file_that_is_broken_is_listed_and_not_served(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            (tmp_path / "workflows").mkdir()
            (tmp_path / "workflows" / "torn.json").write_text('{"1": ')
            listed = (await api("GET", "/v1/workflows")).json["workflows"]
            (torn,) = [each for each in listed if each["name"] == "torn"]
            assert "not JSON" in torn["broken"]
            for path in ("", "/schema"):
                assert (await api("GET", f"/v1/workflows/torn{path}")).status == 400
            assert (await run(api, "torn")).status == 400

    asyncio.run(go())


def test_the_schema_says_what_the_nodes_say(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "painting", PAINTING)
            schema = (await api("GET", "/v1/workflows/painting/schema")).json
            assert (schema["title"], schema["description"]) == ("A painting", "One colour.")
            assert list(schema["properties"]) == ["colour", "size"]
            assert schema["properties"]["size"] == {
                "title": "Side",
                "description": "Pixels of a side.",
                "type": "integer",
                "minimum": 1,
                "maximum": 256,
                "default": 4,
                "x-order": 1,
                "x-at": ["9", "size"],
            }
            assert schema["properties"]["colour"]["enum"] == ["red", "blue"]
            validator = jsonschema_rs.validator_for(schema)
            assert validator.is_valid({"size": 8})
            assert not validator.is_valid({"size": 8000})
            assert not validator.is_valid({"sise": 8})

    asyncio.run(go())


def test_the_schema_looks_into_sub_graphs(tmp_path: Path) -> None:
    inner = {
        "graph": {"p": call("Paint", size=9)},
        "inputs": {"side": {"type": "INT", "to": [["p", "size"]]}},
    }
    document = {
        "1": call("subgraph:s"),
        "_workflow": {"version": 1, "inputs": {"side": ["1", "side"]}, "subgraphs": {"s": inner}},
    }

    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "nested", document)
            side = (await api("GET", "/v1/workflows/nested/schema")).json["properties"]["side"]
            assert (side["type"], side["maximum"], side["default"]) == ("integer", 256, 9)

    asyncio.run(go())


def test_every_workflow_that_comes_along_has_a_schema(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for entry in (await api("GET", "/v1/workflows")).json["workflows"]:
                schema = (await api("GET", f"{entry['url']}/schema")).json
                assert list(schema["properties"]) == entry["inputs"]

    asyncio.run(go())


def test_a_workflow_is_called_like_a_function(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "painting", PAINTING)
            reply = await run(api, "painting", inputs={"size": 16, "colour": "blue"})
            (file,) = reply.json["outputs"]["picture"]
            with Image.open(tmp_path / "output" / file["filename"]) as picture:
                assert (picture.size, picture.getpixel((0, 0))) == ((16, 16), (0, 0, 255))
            job = (await api("GET", reply.json["url"])).json
            assert (job["workflow"], job["state"]) == ("painting", "completed")
            assert (await api("GET", "/v1/jobs", params={"workflow": "painting"})).json["total"] == 1

    asyncio.run(go())


def test_a_call_needs_no_body_and_its_answer_can_be_a_picture(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "painting", PAINTING)
            path = "/v1/workflows/painting/run"
            assert (await api("POST", path)).json["state"] == "completed"
            for request in ({"headers": {"Accept": "image/png"}}, {"json": {"images": "bytes"}}):
                reply = await api("POST", path, **request)
                assert reply.headers["Content-Type"] == "image/png"
                with Image.open(io.BytesIO(reply.body)) as picture:
                    assert picture.size == (4, 4)
            inline = (await run(api, "painting", images="base64")).json["outputs"]["picture"][0]
            assert base64.b64decode(inline["base64"])[:4] == b"\x89PNG"

    asyncio.run(go())


def test_two_pictures_cannot_be_one_answer(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "two", {"9": call("Paint", count=2)})
            reply = await run(api, "two", images="bytes")
            assert (reply.status, reply.error["code"]) == (406, "not_one_picture")
            assert len((await run(api, "two")).json["outputs"]["9"]) == 2

    asyncio.run(go())


def test_inputs_that_are_wrong_are_told_by_their_names_all_at_once(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "painting", PAINTING)
            reply = await run(api, "painting", inputs={"size": 999, "colour": "bleu", "siz": 1})
            assert reply.status == 422
            problems = {each["name"]: each for each in reply.error["problems"]}
            assert set(problems) == {"size", "colour", "siz"}
            assert problems["size"]["code"] == "value_bigger_than_max"
            assert "did you mean 'blue'?" in problems["colour"]["hint"]
            assert "did you mean 'size'?" in problems["siz"]["message"]

    asyncio.run(go())


@pytest.mark.parametrize("form", ["data", "base64", "name"])
def test_a_picture_is_given_inline_or_by_its_name(tmp_path: Path, form: str) -> None:
    content = base64.b64encode(png(12)).decode()
    given: dict[str, Any] = {
        "data": f"data:image/png;base64,{content}",
        "base64": {"base64": content},
        "name": "there.png",
    }

    async def go() -> None:
        async with described(tmp_path) as api:
            (tmp_path / "input" / "there.png").write_bytes(png(12))
            await save(api, "measure", MEASURING)
            for _ in range(2):
                assert (await run(api, "measure", inputs={"picture": given[form]})).json["outputs"] == {
                    "width": [12]
                }
            assert len(list((tmp_path / "input").iterdir())) == (1 if form == "name" else 2)

    asyncio.run(go())


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AAAA",
        "data:image/png;base64,!!",
        {"base64": "AAAA"},
        {"base64": 7},
        {"base64": "AAAA", "size": 7},
        "none.png",
        "../x.png",
        17,
    ],
)
def test_pictures_that_are_none_are_told_by_their_input(tmp_path: Path, value: Any) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "measure", MEASURING)
            reply = await run(api, "measure", inputs={"picture": value})
            assert reply.status == 422
            assert {each["name"] for each in reply.error["problems"]} == {"picture"}
            assert not list((tmp_path / "input").iterdir())

    asyncio.run(go())


def test_a_call_that_takes_longer_than_it_waits_gives_its_job(tmp_path: Path) -> None:
    document = {"s": call("Sleep", seconds=30), "save": call("Save", text=["s", 0])}

    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "slow", document)
            reply = await run(api, "slow", wait=0.05)
            assert reply.status == 202
            assert reply.headers["Location"] == reply.json["url"]
            await api("POST", f"{reply.json['url']}/cancel")

    asyncio.run(go())


def test_a_call_whose_nodes_fail_is_refused_with_the_reason(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "failing", {"f": call("Fail"), "s": call("Save", text=["f", 0])})
            reply = await run(api, "failing")
            assert (reply.status, reply.error["code"]) == (422, "job_failed")
            assert "broken on purpose" in reply.error["message"]
            assert (await api("GET", f"/v1/jobs/{reply.error['job']}")).json["state"] == "failed"

    asyncio.run(go())


def test_a_call_that_comes_again_with_its_key_runs_once(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            await save(api, "painting", PAINTING)
            headers = {"Idempotency-Key": "k"}
            replies = [await api("POST", "/v1/workflows/painting/run", headers=headers) for _ in range(2)]
            assert replies[0].json["job"] == replies[1].json["job"]
            assert replies[0].json["outputs"] == replies[1].json["outputs"]
            other = await api(
                "POST", "/v1/workflows/painting/run", headers=headers, json={"inputs": {"size": 5}}
            )
            assert other.status == 409

    asyncio.run(go())


def test_a_workflow_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await run(api, "text_to_imag")
            assert (reply.status, reply.error["code"]) == (404, "unknown_workflow")
            assert "'text_to_image'" in reply.error["hint"]

    asyncio.run(go())
