"""The last log lines, for clients that show them; nothing of tracebacks, which name files of the machine."""

import asyncio
import datetime as dt
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Final

from aiohttp import web

from engine.files import Files
from server.keys import HUB
from server.logs import TextForm
from server.refusal import conceal
from server.wire import frames

_LINES: Final = 1000
_LONGEST: Final = 2000
_SUBSCRIBERS: Final = 1000

#: The logger that all of Safelight writes to.
_LOGGER: Final = "safelight"


class _Short(TextForm):
    """Lines that end with the error instead of its trace."""

    def trace(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return f"{type(error).__name__}: {error}" if error else ""


class LogsRing(logging.Handler):
    """Keeps the newest lines as clients read them, and the clients that asked to be told of each.

    `tell` is called with every line, on whatever thread wrote it, while there are subscribers.
    """

    def __init__(self, files: Files, secrets: Iterable[str] = (), *, private: bool = False) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(_Short(secrets, private=private))
        self.lines: deque[dict[str, str]] = deque(maxlen=_LINES)
        self.subscribers: dict[str, None] = {}
        self.tell: Callable[[dict[str, str]], None] | None = None
        self._files = files

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = conceal(self.format(record), self._files)
        except Exception:  # noqa: BLE001  # arguments that do not fit their format, of a pack for instance
            message = "a line that cannot be written"
        time = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = {"t": time, "m": f"{message[:_LONGEST]}\n"}
        self.lines.append(line)
        if self.tell is not None and self.subscribers:
            self.tell(line)

    def subscribe(self, client: str, *, enabled: bool) -> None:
        """Remember or forget a client; the oldest is forgotten when there are too many."""
        self.subscribers.pop(client, None)
        if enabled:
            self.subscribers[client] = None
            if len(self.subscribers) > _SUBSCRIBERS:
                del self.subscribers[next(iter(self.subscribers))]


LOGS: Final = web.AppKey("logs", LogsRing)


async def keep_logs(app: web.Application) -> AsyncIterator[None]:
    """Listen to the log while the application runs, and tell subscribers on their sockets."""
    ring, loop, logger = app[LOGS], asyncio.get_running_loop(), logging.getLogger(_LOGGER)

    def tell(line: dict[str, str]) -> None:
        with suppress(RuntimeError):  # the loop has just been closed
            loop.call_soon_threadsafe(_tell, app, line)

    ring.tell = tell
    logger.addHandler(ring)
    yield
    logger.removeHandler(ring)


def _tell(app: web.Application, line: dict[str, str]) -> None:
    content = frames.text("logs", {"entries": [line]})
    for name in app[LOGS].subscribers:
        if HUB in app and (client := app[HUB].clients.get(name)) is not None:
            client.send(content)
