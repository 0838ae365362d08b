"""GET /system_stats: the machine and its device."""

import asyncio

from aiohttp import web

from server import machine
from server.answers import answer
from server.keys import ENGINE

routes = web.RouteTableDef()


@routes.get("/system_stats")
async def get_system_stats(request: web.Request) -> web.Response:
    system = await asyncio.to_thread(machine.system)
    return answer({"system": system, "devices": [machine.device(request.app[ENGINE].device)]})
