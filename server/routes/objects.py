"""GET /object_info: every node class, as editors need it."""

import asyncio
import hashlib
import logging
from typing import Final

from aiohttp import web

from engine.engine import Engine
from engine.errors import UserError
from server.answers import answer, dump
from server.keys import ENGINE
from server.wire.object_info import node_info, object_info

log: Final = logging.getLogger("safelight")

routes: Final = web.RouteTableDef()


@routes.get("/object_info")
async def get_object_info(request: web.Request) -> web.Response:
    """All classes; folders are listed anew, and a client that has the same answer already is told so."""
    text, tag = await asyncio.to_thread(_all, request.app[ENGINE])
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(text=text, content_type="application/json", headers={"ETag": tag})


def _all(engine: Engine) -> tuple[str, str]:
    found, left_out = object_info(engine.registry, engine.files)
    for each in left_out:
        log.warning("left out of object_info: %s", each)
    text = dump(found)
    return text, f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


@routes.get("/object_info/{class_type}")
async def get_node_info(request: web.Request) -> web.Response:
    """One class, or an empty object."""
    engine = request.app[ENGINE]
    spec = engine.registry.specs.get(request.match_info["class_type"])
    if spec is None:
        return answer({})
    try:
        return answer({spec.class_type: await asyncio.to_thread(node_info, spec, engine.files)})
    except UserError as error:
        log.warning("left out of object_info: %s", error)
        return answer({})
