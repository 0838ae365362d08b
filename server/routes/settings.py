"""/settings: what clients remember between visits."""

import asyncio

from aiohttp import web

from server.answers import answer, empty
from server.bodies import json_body, json_object
from server.keys import ENGINE
from server.user_files import merge_settings, read_settings, user_root

routes = web.RouteTableDef()


@routes.get("/settings")
async def get_settings(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(read_settings, user_root(request.app[ENGINE].files)))


@routes.get("/settings/{id}")
async def get_setting(request: web.Request) -> web.Response:
    """One setting; null when it was never set."""
    settings = await asyncio.to_thread(read_settings, user_root(request.app[ENGINE].files))
    return answer(settings.get(request.match_info["id"]))


@routes.post("/settings")
async def post_settings(request: web.Request) -> web.Response:
    """Change the settings that are given, and leave the others."""
    changes = await json_object(request)
    await asyncio.to_thread(merge_settings, user_root(request.app[ENGINE].files), changes)
    return empty()


@routes.post("/settings/{id}")
async def post_setting(request: web.Request) -> web.Response:
    """Change one setting; the body is its value."""
    changes = {request.match_info["id"]: await json_body(request)}
    await asyncio.to_thread(merge_settings, user_root(request.app[ENGINE].files), changes)
    return empty()
