"""A server in the process of a test: `async with serving(engine) as client: await client.get("/…")`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from engine.engine import Engine
from server.app import make_app
from server.config import Settings

Client = TestClient[Request, Application]


@asynccontextmanager
async def serving(engine: Engine, **settings: Any) -> AsyncIterator[Client]:
    """A client of a server with these settings."""
    app = make_app(engine, Settings(**settings))
    async with TestClient(TestServer(app)) as client:
        yield client
