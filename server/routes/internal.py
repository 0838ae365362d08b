"""/internal: what front-ends ask beside the protocol.  These routes have no twin under /api."""

import asyncio
from typing import Final

from aiohttp import web

from server.answers import answer, empty
from server.bodies import json_object
from server.keys import ENGINE
from server.logs_ring import LOGS
from server.model_files import places
from server.refusal import Refusal
from server.stored_files import ROOTS, newest_first

routes = web.RouteTableDef()

#: Clients show lines as a terminal of this size would.
_SIZE: Final = {"cols": 120, "rows": 50}

_LONGEST_CLIENT: Final = 200


@routes.get("/internal/logs")
async def get_logs(request: web.Request) -> web.Response:
    """The last log lines as one text."""
    return answer("".join(line["m"] for line in request.app[LOGS].lines.copy()))


@routes.get("/internal/logs/raw")
async def get_raw_logs(request: web.Request) -> web.Response:
    return answer({"entries": list(request.app[LOGS].lines.copy()), "size": _SIZE})


@routes.patch("/internal/logs/subscribe")
async def patch_subscription(request: web.Request) -> web.Response:
    """Begin or cease to tell a client of new lines."""
    body = await json_object(request)
    client, enabled = body.get("clientId"), body.get("enabled")
    if not isinstance(client, str) or not 0 < len(client) <= _LONGEST_CLIENT or not isinstance(enabled, bool):
        raise Refusal(400, "invalid_body", "the body must be {clientId: a text, enabled: true or false}")
    request.app[LOGS].subscribe(client, enabled=enabled)
    return empty()


@routes.get("/internal/folder_paths")
async def get_folder_paths(request: web.Request) -> web.Response:
    """The places of every folder, as names."""
    files = request.app[ENGINE].files
    models = {folder: places(files, folder) for folder in files.models.places}
    return answer(models | {root: [root] for root in ROOTS})


@routes.get("/internal/files/{root}")
async def get_files(request: web.Request) -> web.Response:
    """The names in a folder, newest first."""
    if (root := ROOTS.get(request.match_info["root"])) is None:
        return answer({"error": "Invalid directory type"}, 400)
    return answer(await asyncio.to_thread(newest_first, request.app[ENGINE].files.root(root)))
