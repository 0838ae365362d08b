"""Clients that do not keep up hold up nobody, and a busy server goes on listening."""

import asyncio
import io
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from serving import Client
from toys import Graph, call, chain
from wiring import ended, get, listening, post, saving, submit, wired

from server.keys import HUB
from server.wire.clients import BEHIND, FAR_BEHIND
from server.wire.hub import Hub

NEWS = {"text": "x" * 100_000}


@asynccontextmanager
async def deaf(client: Client, name: str = "deaf") -> AsyncIterator[None]:
    """A socket that nobody reads from, with little room on the way."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (client.host, client.port))
    request = (
        f"GET /ws?clientId={name} HTTP/1.1\r\nHost: {client.host}:{client.port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await asyncio.get_running_loop().sock_sendall(raw, request.encode())
    hub = hub_of(client)
    while name not in hub.clients:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        raw.close()


def hub_of(client: Client) -> Hub:
    assert client.app is not None
    return client.app[HUB]


async def until_behind(hub: Hub, name: str) -> None:
    for _ in range(500):
        if hub.clients[name].behind:
            return
        hub.broadcast("news", NEWS)
        await asyncio.sleep(0.001)
    raise AssertionError("it keeps up")


def test_a_client_far_behind_is_let_go_and_the_others_hear_everything(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me, deaf(client):
            hub = hub_of(client)
            slow = hub.clients["deaf"]
            said = 0
            while not slow._closing:
                hub.broadcast("news", NEWS)
                said += 1
                await asyncio.sleep(0.001)
                assert slow._size <= FAR_BEHIND + len(NEWS["text"]) + 1000
                assert said < 1000
            assert slow._size == 0
            await me.until("news", said)
            await me.over(await submit(client, saving()))

    asyncio.run(go())


def test_a_client_that_is_behind_is_spared_previews_and_old_progress(tmp_path: Path) -> None:
    steps = call("Steps", count=200, seconds=0.005, preview=True)
    graph = {"steps": steps, "save": call("Save", text=["steps", 0])}

    async def go() -> None:
        async with wired(tmp_path) as client, deaf(client):
            hub = hub_of(client)
            slow = hub.clients["deaf"]
            await until_behind(hub, "deaf")
            before = slow._size
            job = await submit(client, graph, "deaf")
            await ended(client, job)
            assert before > BEHIND
            assert slow._size - before < 5_000
            assert not any(isinstance(entry.content, bytes) for entry in slow._entries)
            waiting = [entry for entry in slow._entries if entry.content and "progress" in entry.key]
            assert len(waiting) <= 2

    asyncio.run(go())


def test_what_gives_way_to_newer_news_is_told_in_its_place(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            mine = hub_of(client).clients["me"]
            mine.send('{"type":"progress","data":{"value":1}}', "progress")
            mine.send('{"type":"executing","data":{"node":"b"}}')
            mine.send('{"type":"progress","data":{"value":2}}', "progress")
            await me.until("progress", value=2)
            assert me.kinds()[-2:] == ["executing", "progress"]

    asyncio.run(go())


# The loop.


class Longest:
    """The callback that worked longest on this loop, in CPU time: a busy machine cannot stretch it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.what = ""
        thread, run = threading.get_ident(), asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            before = time.thread_time()
            run(handle)
            spent = time.thread_time() - before
            if spent > self.seconds and threading.get_ident() == thread:
                self.seconds, self.what = spent, repr(handle)

        monkeypatch.setattr(asyncio.Handle, "_run", timed)


def test_the_loop_goes_on_whatever_is_asked_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No callback works for long: the bound is generous, a blocked loop is far beyond it."""
    large: Graph = {**chain(5000), "end": call("Picky", text="x", ratio=["5000", 0])}

    async def asked(url: str) -> None:
        async with aiohttp.ClientSession(url) as session:

            async def ask(method: str, path: str, **options: Any) -> None:
                async with session.request(method, path, **options) as response:
                    await response.read()
                    assert response.status == 200, path

            await ask("POST", "/prompt", json={"prompt": large, "client_id": "me"})
            bodies = [{"prompt": saving(str(number))} for number in range(100)]
            await asyncio.gather(*(ask("POST", "/prompt", json=body) for body in bodies))
            form = aiohttp.FormData()
            form.add_field("image", io.BytesIO(os.urandom(20 << 20)), filename="noise.bin.txt")
            async with session.post("/upload/image", data=form) as response:
                assert response.status in {200, 400}
            for path in ("/object_info", "/queue", "/history", "/api/jobs", "/prompt"):
                await ask("GET", path)

    async def go() -> None:
        async with wired(tmp_path) as client, listening(client) as me:
            longest = Longest(monkeypatch)
            url = str(client.make_url("/"))
            await asyncio.to_thread(lambda: asyncio.run(asked(url)))
            await me.until("execution_success")
            while (await get(client, "/prompt"))[1]["exec_info"]["queue_remaining"]:
                await asyncio.sleep(0.02)
            assert longest.seconds < 0.2, longest.what

    asyncio.run(go())


def test_many_sockets_are_told_and_let_go(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            async with aiohttp.ClientSession() as session:
                url = client.make_url("/ws")
                sockets = [await session.ws_connect(url) for _ in range(50)]
                await ended(client, await submit(client, saving(), ""))
                for each in sockets:
                    assert (await each.receive_json())["type"] == "status"
                for each in sockets:
                    await each.close()
            async with asyncio.timeout(5):
                while hub_of(client).clients:
                    await asyncio.sleep(0.01)
            assert (await post(client, "/queue", {}))[0] == 200

    asyncio.run(go())
