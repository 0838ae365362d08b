"""What goes wrong in a request, as an answer."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from wiring import get, post, saving, wired

from server.errors import errors
from server.keys import DATABASE

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
def test_a_disk_that_refuses_is_told_wherever_it_is_met_and_its_path_is_not() -> None:
    async def write(_: web.Request) -> web.Response:
        await asyncio.to_thread(FULL.write_bytes, b"x" * 100_000)
        return web.Response()

    async def go() -> None:
        app = web.Application(middlewares=[errors])
        app.router.add_get("/", write)
        async with TestClient(TestServer(app)) as client, client.get("/") as answer:
            assert answer.status == 507
            error = (await answer.json())["error"]
            assert error["message"] == "the server's disk refuses: No space left on device"
            assert (error["code"], error["hint"][:15]) == ("storage", "free some space")

    asyncio.run(go())


def test_a_prompt_that_cannot_be_written_down_is_refused_as_its_clients_read_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path) as client:
            assert client.app is not None
            full = client.app[DATABASE].write(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())
            await full
            status, body = await post(client, "/prompt", {"prompt": saving("x" * 400_000)})
            assert status == 507
            assert body["error"].keys() == {"type", "message", "details", "extra_info"}
            assert (body["error"]["type"], body["node_errors"]) == ("storage", {})
            assert "full" in body["error"]["message"]
            assert (await get(client, "/queue"))[1] == {"queue_running": [], "queue_pending": []}

    asyncio.run(go())
