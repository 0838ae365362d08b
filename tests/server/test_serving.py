"""The server as a process: how it begins, and how it ends."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from processes import NotStartedError, ServerProcess
from toys import Graph, call

PACK: Final = """
import asyncio

from engine.node import node


@node("Slow", category="tests")
async def slow(*, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"

"""


def home(folder: Path) -> Path:
    (folder / "packs").mkdir(parents=True)
    (folder / "packs" / "slow.py").write_text(PACK)
    return folder


def slow(seconds: float) -> Graph:
    return {"slow": call("Slow", seconds=seconds), "save": call("PreviewAny", source=["slow", 0])}


async def until_running(client: aiohttp.ClientSession, count: int) -> None:
    while True:
        async with client.get("/v1/queue") as answer:
            if len((await answer.json())["running"]) == count:
                return
        await asyncio.sleep(0.02)


async def last_words(client: aiohttp.ClientSession) -> list[str]:
    """What a socket is told until the server closes it."""
    async with client.ws_connect("/ws?clientId=me") as ws:
        return [json.loads(message.data)["type"] async for message in ws]


def test_who_waits_for_a_job_is_answered_although_the_server_was_told_to_stop(tmp_path: Path) -> None:
    async def go(server: ServerProcess) -> None:
        async def submit(seconds: float) -> Any:
            body = {"workflow": slow(seconds), "client_id": "me"}
            async with client.post("/v1/jobs", params={"wait": "60"}, json=body) as answer:
                return answer.status, (await answer.json())["state"]

        async with aiohttp.ClientSession(server.url) as client:
            told = asyncio.create_task(last_words(client))
            ended = asyncio.create_task(submit(1.0))
            await until_running(client, 1)
            put_back = [asyncio.create_task(submit(60)) for _ in range(2)]
            await until_running(client, 2)
            assert await asyncio.to_thread(server.stop) == 0
            assert await ended == (201, "completed")
            assert await asyncio.gather(*put_back) == [(202, "pending"), (202, "pending")]
            assert "execution_success" in await told

    with ServerProcess(home(tmp_path), ("--jobs", "2", "--drain-seconds", "2", "--no-warm-up")) as server:
        server.start().ready()
        asyncio.run(go(server))


def test_nothing_begins_after_the_server_was_told_to_stop(tmp_path: Path) -> None:
    async def go(server: ServerProcess) -> None:
        async with aiohttp.ClientSession(server.url) as client:
            for _ in range(2):
                async with client.post("/v1/jobs", json={"workflow": slow(0.5)}) as answer:
                    assert answer.status == 201
            await until_running(client, 1)

    with ServerProcess(home(tmp_path), ("--no-warm-up",)) as server:
        server.start().ready()
        asyncio.run(go(server))
        assert server.stop() == 0
        assert server.log.count("job started") == 1
        assert server.log.count("job completed") == 1


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            ServerProcess(tmp_path, ("--port", str(port))) as server,
            pytest.raises(NotStartedError) as raised,
        ):
            server.start().ready()
    assert str(raised.value).endswith(
        f"error: cannot listen on 127.0.0.1:{port}: another program does; --port takes another one\n"
    )
