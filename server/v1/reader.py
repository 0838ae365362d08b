"""A reader of events, and its stream: server-sent events over HTTP."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from server.answers import dump
from server.v1.shape import Shape

#: How many events wait for a reader that is slow; then it has to go, and comes again by number.
MOST: Final = 512

#: Seconds that one write may take before the reader counts as gone.
_PATIENCE: Final = 30.0

_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # proxies pass events on at once
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event that can be sent; those with number 0 are never repeated.

    Most are never read, so a shape is made only when somebody does; `size` is about what it holds till then.
    """

    number: int
    kind: str
    shape: Callable[[], Shape]
    size: int = 400

    def lines(self) -> bytes:
        number = f"id: {self.number}\n" if self.number else ""
        return f"{number}event: {self.kind}\ndata: {dump(self.shape().model_dump())}\n\n".encode()


@dataclass(eq=False)
class Reader:
    """A bounded line of events on their way to one client."""

    previews: bool = False
    to_end: bool = False  # whether a job's end is the end of the stream
    closed: bool = False
    waiting: deque[Told] = field(default_factory=deque)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, told: Told) -> None:
        """Have an event wait; when too many do, previews go first, then the reader itself."""
        if self.closed or (told.kind == "preview" and (not self.previews or len(self.waiting) >= MOST // 4)):
            return
        if len(self.waiting) >= MOST:
            self.waiting = deque(each for each in self.waiting if each.kind != "preview")
        if len(self.waiting) >= MOST:
            self.close()
            return
        self.waiting.append(told)
        self.came.set()
        if self.to_end and told.kind == "ended":
            self.close()

    def close(self) -> None:
        self.closed = True
        self.came.set()

    async def take(self, seconds: float) -> list[Told]:
        """What waits, or nothing when nothing comes in that time."""
        try:
            async with asyncio.timeout(seconds):
                await self.came.wait()
        except TimeoutError:
            return []
        self.came.clear()
        taken, self.waiting = list(self.waiting), deque()
        return taken


async def stream(
    request: web.Request, past: list[Told], reader: Reader | None, heartbeat: float
) -> web.StreamResponse:
    """Send what has happened, then what happens, until the reader is closed."""
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    try:
        await _write(response, b"retry: 2000\n\n" + b"".join(told.lines() for told in past))
        while reader is not None:
            events = await reader.take(heartbeat)
            content = b"".join(told.lines() for told in events)
            if content or not reader.closed:
                await _write(response, content or b":\n\n")
            if reader.closed and not reader.waiting:
                break
    except TimeoutError:
        pass  # the client does not read: it may come again
    return response


async def _write(response: web.StreamResponse, content: bytes) -> None:
    async with asyncio.timeout(_PATIENCE):
        await response.write(content)
