"""Whatever a client sends, it is answered in JSON with what is wrong, and the server goes on."""

import asyncio
import io
import json
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Client
from toys import call
from wiring import ended, get, listening, post, saving, submit, wired
from yarl import URL

POSTS = ("/prompt", "/queue", "/interrupt", "/free", "/history", "/api/jobs/cancel", "/settings")

BROKEN: Mapping[str, bytes] = {
    "nothing": b"",
    "a brace": b"{",
    "words": b"hello",
    "half a string": b'{"prompt": "',
    "two values": b"{} {}",
    "no UTF-8": b'{"prompt": "\xff\xfe"}',
    "zeros": b"\x00" * 64,
    "half a character": b'{"prompt": {}, "client_id": "\\ud83d"}',
    "half a character in bytes": b'{"prompt": {}, "client_id": "\xed\xa0\xbd"}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"prompt":' * 100_000 + b"{}" + b"}" * 100_000,
    "deep prompt": b'{"prompt":{"1":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}",
    "many digits": b'{"prompt": {}, "number": ' + b"9" * 5000 + b"}",
    "a form": b"prompt=%7B%7D&client_id=me",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"prompt"',
    "NaN": b'{"prompt": NaN}',
}


async def told(client: Client, path: str, content: bytes, kind: str = "application/json") -> tuple[int, Any]:
    return await post(client, path, data=io.BytesIO(content), headers={"Content-Type": kind})


@pytest.mark.parametrize("path", POSTS)
def test_bodies_that_are_no_json_objects_are_refused_in_json(tmp_path: Path, path: str) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for name, content in BROKEN.items():
                if path not in {"/prompt", "/api/jobs/cancel"} and name in {"nothing", "NaN"}:
                    continue
                if path not in {"/prompt", "/api/jobs/cancel"} and name in {"deep prompt", "many digits"}:
                    continue
                status, body = await told(client, path, content)
                assert status == 400, (name, status, body)
                assert body["error"], name
                if path == "/prompt":
                    assert body["error"].keys() == {"type", "message", "details", "extra_info"}, name
                    assert body["node_errors"] == {}
            await still_works(client)

    asyncio.run(go())


async def still_works(client: Client) -> None:
    job = await submit(client, saving())
    assert (await ended(client, job))["status"]["completed"]


def test_a_body_over_the_limit_is_refused_whether_its_length_is_said_or_not(tmp_path: Path) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b"x" * 50_000

    async def go() -> None:
        async with wired(tmp_path, max_json=1 << 20) as client:
            for content in (io.BytesIO(b'{"prompt": {"1": "' + b"x" * (1 << 20) + b'"}}'), chunks()):
                status, body = await post(client, "/prompt", data=content)
                assert status == 413
                assert body["error"]["type"] == "too_large"
                assert "1048576" in body["error"]["message"]
            await still_works(client)

    asyncio.run(go())


def test_a_graph_of_too_many_nodes_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path, max_nodes=10) as client:
            graph = {str(number): call("Text") for number in range(11)}
            status, body = await post(client, "/prompt", {"prompt": graph})
            assert (status, body["error"]["type"]) == (413, "too_many_nodes")

    asyncio.run(go())


FIELDS: list[dict[str, Any]] = [
    {"prompt": None},
    {"prompt": []},
    {"prompt": "x"},
    {"prompt": 3},
    {"prompt": True},
    {"prompt": {"1": None}},
    {"prompt": {"1": []}},
    {"prompt": {"1": "Text"}},
    {"prompt": {"1": {"class_type": 3, "inputs": {}}}},
    {"prompt": {"1": {"class_type": ["Text"], "inputs": {}}}},
    {"prompt": {"1": {"class_type": {"a": 1}}}},
    {"prompt": {"1": {"class_type": "Text", "inputs": []}}},
    {"prompt": {"1": {"class_type": "Save", "inputs": {"text": {}}}}},
    {"prompt": {"1": {"class_type": "Save", "inputs": {"text": [{}, 0]}}}},
    {"prompt": {"1": {"class_type": "Save", "inputs": {"text": [[], []]}}}},
    {"prompt": {"1": {"class_type": "Save", "inputs": {"text": ["1", "x"]}}}},
    {"prompt": {"1": {"class_type": "Save", "inputs": {"text": ["1", 1e300]}}}},
    {"prompt": {"_workflow": 3, "1": {"class_type": "Save"}}},
    {"prompt": {"_workflow": {"version": "x"}}},
    {"prompt": {"nodes": 3, "links": "x"}},
    {"prompt": {"nodes": [3, None, {"id": {}}], "links": [[1], "x", None]}},
    {"prompt": {"nodes": [], "links": [], "definitions": {"subgraphs": [{"id": 3}]}}},
    {"number": "abc"},
    {"number": []},
    {"number": True},
    {"number": "nan"},
    {"number": 10**400},
    {"client_id": 3},
    {"client_id": ["x"]},
    {"client_id": "x" * 5000},
    {"prompt_id": ""},
    {"prompt_id": {}},
    {"prompt_id": 1.5},
    {"prompt_id": True},
    {"prompt_id": "x" * 5000},
    {"prompt_id": "a\nb"},
    {"extra_data": []},
    {"extra_data": "x"},
    {"extra_data": 3},
    {"partial_execution_targets": "save"},
    {"partial_execution_targets": {"save": 1}},
    {"partial_execution_targets": [None]},
    {"partial_execution_targets": [["save"]]},
]


def test_fields_of_the_wrong_kind_are_told(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for fields in FIELDS:
                content = json.dumps({"prompt": saving(), **fields}).encode()
                status, body = await told(client, "/prompt", content)
                assert status == 400, (fields, status, body)
                assert body["error"].keys() == {"type", "message", "details", "extra_info"}
                assert body["error"]["message"]
                field = next(iter(fields))
                assert field == "prompt" or field in body["error"]["message"] + body["error"]["type"]
            await still_works(client)

    asyncio.run(go())


def test_odd_fields_that_mean_no_harm_are_taken(tmp_path: Path) -> None:
    taken: list[dict[str, Any]] = [
        {"extra_data": {"extra_pnginfo": 3}},
        {"extra_data": {"extra_pnginfo": {"workflow": "x", "other": [1]}}},
        {"extra_data": {"extra_pnginfo": {"workflow": {"id": "\u0000😀"}}}},
        {"front": "yes"},
        {"number": -0.0},
        {"number": 1e308},
        {"unknown": {"a": 1}},
        {"client_id": ""},
        {"client_id": "😀"},
        {"partial_execution_targets": ["save", "save"]},
    ]

    async def go() -> None:
        async with wired(tmp_path) as client:
            for fields in taken:
                content = json.dumps({"prompt": saving(), **fields}).encode()
                status, body = await told(client, "/prompt", content)
                assert status == 200, (fields, body)
                entry = await ended(client, body["prompt_id"])
                assert entry["status"]["completed"], fields
                for path in ("/history", "/queue", "/api/jobs", f"/api/jobs/{body['prompt_id']}"):
                    assert (await get(client, path))[0] == 200, fields

    asyncio.run(go())


def test_names_of_nodes_may_be_anything(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for name in ("", " ", "a b", "é😀", "x" * 1000, "../..", "\x00", "__proto__"):
                graph = {"t": call("Text"), name: call("Save", text=["t", 0])}
                status, body = await told(client, "/prompt", json.dumps({"prompt": graph}).encode())
                assert status in {200, 400}, (name, body)
                if status == 200:
                    entry = await ended(client, body["prompt_id"])
                    assert entry["status"]["status_str"] in {"success", "error"}
                    assert "mistake in Safelight" not in json.dumps(entry), name
            await still_works(client)

    asyncio.run(go())


def test_query_values_that_make_no_sense_are_told(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for query in (
                "max_items=x",
                "offset=1.5",
                "max_items=%00",
                f"offset={'9' * 5000}",
                "max_items=--1",
            ):
                status, body = await get(client, f"/history?{query}")
                assert (status, body["error"]["code"]) == (400, "invalid_query"), query
            assert (await get(client, "/history?max_items=&offset="))[0] == 200
            assert (await get(client, f"/ws?clientId={'x' * 300}"))[0] in {400, 426}
            status, body = await get(client, "/ws")
            assert status == 426
            assert body["error"]["code"] == "upgrade_required"

    asyncio.run(go())


def test_deletions_of_what_is_no_list_of_ids_are_told(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for path in ("/queue", "/history"):
                for delete in ("x", {"a": 1}, [1], [None], [["x"]], 3):
                    status, body = await post(client, path, {"delete": delete})
                    assert status == 400, (path, delete)
                    assert "delete" in body["error"]["message"]
                odd = json.dumps({"delete": ["", "\x00", "x" * 10_000]}).encode()
                assert (await told(client, path, odd))[0] == 200
            odd_names: tuple[Any, ...] = (3, [], {}, "\x00", True)
            for named in odd_names:
                content = json.dumps({"prompt_id": named}).encode()
                assert (await told(client, "/interrupt", content))[0] == 200
            for path in ("/history/%ED%A0%80", "/history/%00", "/object_info/%00", "/object_info/%FF"):
                url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
                async with client.session.get(url) as response:
                    assert response.status == 200
                    assert await response.json() == {}

    asyncio.run(go())


def test_methods_that_a_route_lacks_are_refused_in_json(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for method, path in (("PUT", "/prompt"), ("DELETE", "/api/queue"), ("PATCH", "/history/x")):
                async with client.request(method, path) as response:
                    assert response.status == 405
                    assert (await response.json())["error"]["code"] == "method_not_allowed"
            async with client.head("/queue") as response:
                assert response.status == 200

    asyncio.run(go())


# Sockets.


def test_a_socket_that_sends_rubbish_is_told_on_as_before(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            for text in (
                "",
                "{",
                "null",
                "3",
                "[" * 100_000,
                '{"type": 3}',
                '{"type": "feature_flags", "data": 3}',
            ):
                await me.socket.send_str(text)
            await me.socket.send_bytes(b"\x00\xff" * 100)
            await me.socket.send_str(json.dumps({"type": "feature_flags", "data": {}}))
            await me.over(await submit(client, saving()))
            assert "feature_flags" not in me.kinds()  # only a first message counts

    asyncio.run(go())


def test_first_messages_that_are_no_flags_do_no_harm(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            for text in (
                '{"type": "feature_flags"}',
                '{"type": "feature_flags", "data": []}',
                "[]",
                "{",
                "\x00",
            ):
                async with listening(client) as me:
                    await me.socket.send_str(text)
                    await me.over(await submit(client, saving()))

    asyncio.run(go())


def test_frames_that_break_the_protocol_or_are_too_large_end_that_socket_alone(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client, "other") as other:
            for rubbish in (
                b"\xff" * 64,
                b"GET / HTTP/1.1\r\n\r\n",
                b"\x81\xff" + struct.pack(">Q", 1 << 40),
            ):
                reader, writer = await raw_socket(client)
                writer.write(rubbish)
                await writer.drain()
                async with asyncio.timeout(5):
                    while await reader.read(1 << 16):
                        pass
                writer.close()
            async with listening(client, "big") as big:
                await big.socket.send_str("x" * (2 << 20))
                async with asyncio.timeout(5):
                    while not big.socket.closed:
                        await asyncio.sleep(0.01)
            await other.over(await submit(client, saving(), "other"))

    asyncio.run(go())


def test_sockets_that_are_half_closed_or_cut_are_forgotten(tmp_path: Path) -> None:
    from server.keys import HUB

    async def go() -> None:
        async with wired(tmp_path) as client:
            for _ in range(5):
                _, writer = await raw_socket(client, "half")
                writer.write_eof()
                _, cut = await raw_socket(client, "cut")
                linger = struct.pack("ii", 1, 0)
                cut.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                cut.transport.abort()
                await submit(client, saving(), "cut")
                writer.close()
            async with asyncio.timeout(5):
                while client.app[HUB].clients:
                    await asyncio.sleep(0.01)
            # Requests that end in the middle of their body.
            for _ in range(5):
                _, writer = await asyncio.open_connection(client.host, client.port)
                writer.write(
                    f"POST /prompt HTTP/1.1\r\nHost: {client.host}\r\nContent-Length: 99\r\n\r\n{{".encode()
                )
                await writer.drain()
                writer.close()
            await still_works(client)

    asyncio.run(go())


async def raw_socket(client: Client, name: str = "raw") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A websocket of bytes, its first message read."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        f"GET /ws?clientId={name} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"}}")
    return reader, writer


# Bodies that nobody thought of.

_TEXTS = st.one_of(
    st.sampled_from(
        ["Text", "Save", "Join", "Picky", "Add", "Number", "text", "save", "1", "2", "value", ""]
    ),
    st.text(max_size=5),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_VALUES = _JSON | st.tuples(_TEXTS, st.integers(-1, 2)).map(list)
_NODE = st.fixed_dictionaries(
    {"class_type": _TEXTS, "inputs": st.dictionaries(_TEXTS, _VALUES, max_size=4)},
    optional={"_meta": _JSON, "mode": _JSON},
)
_GRAPH = st.dictionaries(_TEXTS, _NODE | _JSON, max_size=6)
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "prompt": _GRAPH | _JSON,
        "client_id": _TEXTS | _JSON,
        "prompt_id": _TEXTS | _JSON,
        "number": _JSON,
        "front": _JSON,
        "extra_data": _JSON | st.fixed_dictionaries({"extra_pnginfo": _JSON}),
        "partial_execution_targets": _JSON | st.lists(_TEXTS, max_size=2),
    },
)


def test_any_body_is_answered_with_json_and_a_status_that_blames_the_right_one(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        context = wired(tmp_path)
        client = runner.run(context.__aenter__())

        @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.one_of(_BODY, _GRAPH, _JSON), st.sampled_from(["/prompt", "/prompt", "/queue", "/history"]))
        def fuzz(body: Any, path: str) -> None:
            async def ask() -> None:
                status, answer = await told(client, path, json.dumps(body, ensure_ascii=True).encode())
                assert status in {200, 400, 409}, (status, answer)
                if path == "/prompt" and status == 200:
                    assert answer.keys() == {"prompt_id", "number", "node_errors"}
                    entry = await ended(client, answer["prompt_id"])
                    assert "mistake in Safelight" not in json.dumps(entry)
                elif path == "/prompt":
                    assert answer.keys() == {"error", "node_errors"}
                    assert answer["error"]["type"]

            runner.run(ask())

        try:
            fuzz()
            runner.run(still_works(client))
        finally:
            runner.run(context.__aexit__(None, None, None))
