"""A server with a page and a socket of its own, for tests of who is let in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jobbing import toy_engine
from serving import Client

from server.app import make_app
from server.config import Settings

PAGE = "/test/page"
SOCKET = "/test/socket"


async def page(request: web.Request) -> web.Response:
    kind = request.query.get("kind", "text/html")
    return web.Response(text="a page", content_type=kind)


async def socket(request: web.Request) -> web.WebSocketResponse:
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    await opened.send_str("hello")
    await opened.close()
    return opened


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write_eof(b"done")
    return response


async def broken(request: web.Request) -> web.Response:
    raise RuntimeError("a secret of " + request.path)


@asynccontextmanager
async def doors(home: Path, **settings: Any) -> AsyncIterator[Client]:
    """A client of such a server."""
    engine = toy_engine(home)
    app = make_app(engine, Settings(home=home, **settings))
    app.router.add_route("*", PAGE, page)
    app.router.add_get("/test/{name}/stream", stream)
    app.router.add_get("/test/broken", broken)
    app.router.add_get(SOCKET, socket)
    try:
        async with TestClient(TestServer(app)) as client:
            yield client
    finally:
        await asyncio.to_thread(engine.close)


async def ask(
    client: Client,
    path: str = PAGE,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    **more: Any,
) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and text of an answer; redirects are not followed."""
    async with client.request(method, path, headers=headers, allow_redirects=False, **more) as response:
        return response.status, response.headers, await response.text()


async def knock(client: Client, path: str = SOCKET, headers: Mapping[str, str] | None = None) -> int:
    """The status that the opening of a socket gets: 101 when it opens."""
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    async with client.get(path, headers={**upgrade, **(headers or {})}) as response:
        return response.status
