"""GET /ws: what happens, as it happens.  GET /features: what this server can do."""

import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from server.answers import answer
from server.config import Settings
from server.errors import Refusal
from server.keys import HUB, SETTINGS
from server.wire import frames
from server.wire.clients import Client

routes: Final = web.RouteTableDef()

#: Bytes of a message from a client; only a list of flags is ever read.
_MAX_MESSAGE: Final = 1 << 20


def features(settings: Settings) -> dict[str, Any]:
    return {"supports_preview_metadata": True, "max_upload_size": settings.max_body}


@routes.get("/features")
async def get_features(request: web.Request) -> web.Response:
    return answer(features(request.app[SETTINGS]))


@routes.get("/ws")
async def get_ws(request: web.Request) -> web.StreamResponse:
    """A socket for as long as its client stays."""
    socket = web.WebSocketResponse(heartbeat=30, max_msg_size=_MAX_MESSAGE, compress=False)
    if not socket.can_prepare(request):
        raise Refusal(426, "upgrade_required", "this address is a websocket", "connect with ws://")
    client_id = request.query.get("clientId") or uuid.uuid4().hex
    if len(client_id) > 200:
        raise Refusal(400, "invalid_query", "clientId must be at most 200 characters")
    await socket.prepare(request)
    client = Client(client_id, socket)
    hub = request.app[HUB]
    hub.join(client)
    pump = asyncio.create_task(client.pump())
    try:
        await _listen(client, features(request.app[SETTINGS]))
    finally:
        hub.leave(client)
        client.stop()
        with suppress(ConnectionError):
            await pump
    return socket


async def _listen(client: Client, flags: dict[str, Any]) -> None:
    """Read to the end; only a first message with feature flags means anything."""
    first = True
    async for message in client.socket:
        if message.type is WSMsgType.TEXT and first:
            said = _flags(message.data)
            if said is not None:
                client.previews_with_metadata = said.get("supports_preview_metadata") is True
                client.send(frames.text("feature_flags", flags))
        first = False


def _flags(text: str) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "feature_flags":
        return None
    data = message.get("data")
    return data if isinstance(data, dict) else {}
