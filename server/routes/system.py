"""GET /system_stats: the machine and its device."""

import asyncio

from aiohttp import web

from server import machine
from server.answers import answer
from server.keys import ENGINE

routes = web.RouteTableDef()


@routes.get("/system_stats")
async def get_system_stats(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(machine.stats, request.app[ENGINE].device))
