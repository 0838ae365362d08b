"""The application put together: middlewares, routes, services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.engine import Engine
from server.config import Settings
from server.errors import errors
from server.jobs import Jobs
from server.keys import DATABASE, ENGINE, JOBS, SETTINGS
from server.routes import add_routes
from server.runner import Runner
from server.store.database import Database

#: Outermost first.
MIDDLEWARES: Final[tuple[Middleware, ...]] = (errors,)


def make_app(engine: Engine, settings: Settings) -> web.Application:
    """The server as an application; whoever runs it has opened the engine and closes it."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.max_body)
    app[SETTINGS] = settings
    app[ENGINE] = engine
    app.cleanup_ctx.append(services)
    add_routes(app)
    return app


async def services(app: web.Application) -> AsyncIterator[None]:
    """The queue and what it stands on, from start to drain."""
    engine, settings = app[ENGINE], app[SETTINGS]
    database = await asyncio.to_thread(Database, engine.files.state / "jobs.sqlite", durable=settings.durable)
    runner = Runner()
    jobs = Jobs(database, engine, settings, runner)
    app[DATABASE], app[JOBS] = database, jobs
    await jobs.start()
    yield
    await jobs.drain(settings.drain_seconds)
    await asyncio.to_thread(runner.close)
    await asyncio.to_thread(database.close)
