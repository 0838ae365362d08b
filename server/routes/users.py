"""/users: there is one, and nobody signs in."""

from aiohttp import web

from server.answers import answer

routes = web.RouteTableDef()


@routes.get("/users")
async def get_users(_request: web.Request) -> web.Response:
    """Files and settings are kept on the server, for the one user."""
    return answer({"storage": "server", "migrated": True})


@routes.post("/users")
async def post_user(_request: web.Request) -> web.Response:
    return answer({"error": "This server has a single user."}, 400)
