"""The routes of the ecosystem's protocol, a file per noun.

Every route exists bare and under `/api`: `/prompt` and `/api/prompt`.
"""

from typing import Final

from aiohttp import web

TABLES: Final[tuple[web.RouteTableDef, ...]] = ()


def add_routes(app: web.Application) -> None:
    """Register every route, twice."""
    for table in TABLES:
        for route in table:
            assert isinstance(route, web.RouteDef)
            app.router.add_route(route.method, route.path, route.handler, **route.kwargs)
            app.router.add_route(route.method, f"/api{route.path}", route.handler, **route.kwargs)
