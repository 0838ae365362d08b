"""The routes of the ecosystem's protocol, a file per noun.

Every route exists bare and under `/api`: `/prompt` and `/api/prompt`.  `/internal` is bare alone.
"""

from typing import Final

from aiohttp import web

from server import sign_in
from server.routes import (
    extensions,
    frontend,
    health,
    history,
    internal,
    jobs,
    models,
    objects,
    prompt,
    queue,
    settings,
    socket,
    system,
    templates,
    uploads,
    userdata,
    users,
    view,
)

TABLES: Final[tuple[web.RouteTableDef, ...]] = (
    prompt.routes,
    queue.routes,
    history.routes,
    jobs.routes,
    socket.routes,
    objects.routes,
    view.routes,
    uploads.routes,
    models.routes,
    userdata.routes,
    settings.routes,
    users.routes,
    system.routes,
    extensions.routes,
    templates.routes,
)

#: The front-end last: it takes what is left.
BARE: Final[tuple[web.RouteTableDef, ...]] = (
    internal.routes,
    health.routes,
    sign_in.routes,
    frontend.routes,
)


def add_routes(app: web.Application) -> None:
    """Register every route, most of them twice; what is read by GET is read by HEAD too."""
    for table in (*TABLES, *BARE):
        for route in table:
            assert isinstance(route, web.RouteDef)
            route.register(app.router)
            if table not in BARE:
                twin = web.RouteDef(route.method, f"/api{route.path}", route.handler, route.kwargs)
                twin.register(app.router)
