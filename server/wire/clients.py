"""Websocket clients: a bounded outbox each, so that a slow one holds up nobody.

What waits to be sent may give way to newer news of its kind (progress, the queue's length, previews).
Previews are not even made for a client that is behind, and one that is far behind is let go: it comes
back and is told where things stand.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode, web

log: Final = logging.getLogger("safelight.clients")

#: Bytes that wait for a client: no previews above the first, and no client above the second.
BEHIND: Final = 256 << 10
FAR_BEHIND: Final = 4 << 20

#: Pictures that were asked for may be large; they have a bound of their own.
MOST_PICTURES: Final = 256 << 20

#: A client that takes nothing for so long is gone.
SEND_SECONDS: Final = 60.0

#: Messages that are sent before others have their turn.
_TURN: Final = 64


@dataclass(eq=False, slots=True)
class _Entry:
    content: str | bytes  # nothing when it gave way to a later one
    key: str


class Client:
    """One socket, and what waits for it."""

    def __init__(self, client_id: str, socket: web.WebSocketResponse) -> None:
        self.id = client_id
        self.socket = socket
        self.previews_with_metadata = False
        self._entries: deque[_Entry] = deque()
        self._replaceable: dict[str, _Entry] = {}
        self._size = 0
        self._pictures = 0
        self._wake = asyncio.Event()
        self._closing = False

    @property
    def behind(self) -> bool:
        return self._size > BEHIND

    def send(self, content: str | bytes, key: str = "") -> None:
        """Have something sent.  What still waits under the same key is not sent then."""
        if self._closing:
            return
        if key and (waiting := self._replaceable.get(key)) is not None:
            self._size -= len(waiting.content)
            waiting.content = waiting.key = (
                ""  # its place is over: this one has to come after what is between
            )
        entry = _Entry(content, key)
        if key:
            self._replaceable[key] = entry
        self._entries.append(entry)
        self._size += len(content)
        self._wake.set()
        if self._size - self._pictures > FAR_BEHIND or self._pictures > MOST_PICTURES:
            log.info("client %s does not keep up and is let go", self.id[:40])
            self.stop()

    def send_picture(self, content: bytes) -> None:
        """Have a picture sent that was asked for: it is neither dropped nor a sign of being behind."""
        self._pictures += len(content)
        self.send(content, "")

    def stop(self) -> None:
        """Send nothing more; the pump ends and closes the socket."""
        self._closing = True
        self._entries.clear()
        self._replaceable.clear()
        self._size = self._pictures = 0
        self._wake.set()

    async def pump(self) -> None:
        """Send what waits, until the client is let go or gone."""
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            while not self._closing:
                while self._entries:
                    entry = self._take()
                    sent += 1
                    if sent % _TURN == 0:
                        await asyncio.sleep(0)  # sending alone gives way to nobody while there is room
                    if not entry.content:
                        continue
                    async with asyncio.timeout(SEND_SECONDS):
                        if isinstance(entry.content, str):
                            await self.socket.send_str(entry.content)
                        else:
                            await self.socket.send_bytes(entry.content)
                self._wake.clear()
                if not self._entries and not self._closing:
                    await self._wake.wait()
        self._closing = True
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                await self.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too far behind")

    def _take(self) -> _Entry:
        entry = self._entries.popleft()
        if entry.key:
            del self._replaceable[entry.key]
        self._size -= len(entry.content)
        if isinstance(entry.content, bytes) and not entry.key:
            self._pictures -= len(entry.content)
        return entry
