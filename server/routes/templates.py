"""/workflow_templates: examples to begin with."""

import asyncio

from aiohttp import web

from server.answers import answer
from server.keys import ENGINE
from server.media import file_answer
from server.templates import template, templates

routes = web.RouteTableDef()


@routes.get("/workflow_templates")
async def get_templates(request: web.Request) -> web.Response:
    """The names of examples by pack."""
    return answer(await asyncio.to_thread(templates, request.app[ENGINE].files))


@routes.get("/workflow_templates/{pack}/{name}")
async def get_template(request: web.Request) -> web.FileResponse:
    """An example, or its picture."""
    asked = request.match_info
    path = await asyncio.to_thread(template, request.app[ENGINE].files, asked["pack"], asked["name"])
    return file_answer(path)
