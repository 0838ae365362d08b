"""The application put together: middlewares, routes, services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.engine import Engine
from server.access import access
from server.config import Settings
from server.errors import errors
from server.janitor import Janitor
from server.jobs import Jobs
from server.keys import DATABASE, ENGINE, HUB, JOBS, SETTINGS
from server.logs_ring import LOGS, LogsRing, keep_logs
from server.metrics import METRICS, Metrics, heartbeat
from server.observer import Observer
from server.routes import add_routes
from server.routes.frontend import FRONTEND, frontend
from server.routes.health import UNREADY
from server.runner import Runner
from server.security import refuse_open_doors, strangers, tell_browsers
from server.sign_in import ATTEMPTS, Attempts, signed_in
from server.store.database import Database
from server.v1.api import add_v1
from server.wire.hub import Hub

#: Outermost first.
MIDDLEWARES: Final[tuple[Middleware, ...]] = (access, errors, strangers, signed_in)


def make_app(engine: Engine, settings: Settings) -> web.Application:
    """The server as an application; whoever runs it has opened the engine and closes it.

    Raises:
        UserError: other machines could use it without a token, or the front-end is not there.
    """
    refuse_open_doors(settings)
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.max_body)
    app[SETTINGS] = settings
    app[ENGINE] = engine
    app[FRONTEND] = frontend(settings.frontend)
    app[METRICS] = Metrics()
    app[ATTEMPTS] = Attempts()
    app[UNREADY] = lambda: unready(app)
    app.on_response_prepare.append(tell_browsers)
    app.cleanup_ctx.append(heartbeat)
    app[LOGS] = LogsRing(engine.files, [settings.token], private=settings.log_prompts)
    app.cleanup_ctx.append(keep_logs)
    app.cleanup_ctx.append(services)
    app.on_shutdown.append(_let_clients_go)
    add_routes(app)
    add_v1(app)
    return app


def unready(app: web.Application) -> str:
    """Why the server takes no work now; empty when it does."""
    if JOBS not in app:
        return "the queue is not open yet"
    return "the server is stopping" if app[JOBS].draining else ""


async def _let_clients_go(app: web.Application) -> None:
    """Close the sockets, which would stay open for as long as the end allows."""
    if HUB in app:
        app[HUB].close()


async def services(app: web.Application) -> AsyncIterator[None]:
    """The queue and what it stands on, from start to drain."""
    engine, settings = app[ENGINE], app[SETTINGS]
    database = await asyncio.to_thread(Database, engine.files.state / "jobs.sqlite", durable=settings.durable)
    runner = Runner()
    jobs = Jobs(database, engine, settings, runner)
    hub = Hub(jobs, settings)
    jobs.listeners += [hub, Observer(app[METRICS])]
    app[METRICS].watch_queue(lambda: len(jobs.line), lambda: len(jobs.running))
    app[METRICS].watch_clients(lambda: len(hub.clients))
    app[DATABASE], app[JOBS], app[HUB] = database, jobs, hub
    await jobs.start()
    janitor = asyncio.create_task(Janitor(database, engine.files, settings).work(), name="janitor")
    yield
    janitor.cancel()
    await asyncio.wait({janitor})
    await jobs.drain(settings.drain_seconds)
    hub.close()
    await asyncio.to_thread(runner.close)
    await asyncio.to_thread(database.close)
