"""The application put together: middlewares, routes, services."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.engine import Engine
from server.config import Settings
from server.errors import errors
from server.keys import ENGINE, SETTINGS
from server.routes import add_routes

#: Outermost first.
MIDDLEWARES: Final[tuple[Middleware, ...]] = (errors,)


def make_app(engine: Engine, settings: Settings) -> web.Application:
    """The server as an application; whoever runs it has opened the engine and closes it."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.max_body)
    app[SETTINGS] = settings
    app[ENGINE] = engine
    add_routes(app)
    return app
