"""The last log lines, for clients that show them; nothing of tracebacks, which name files of the machine."""

import datetime as dt
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from aiohttp import web

_LINES: Final = 1000
_LONGEST: Final = 2000
_SUBSCRIBERS: Final = 1000

#: The logger that all of Safelight writes to.
_LOGGER: Final = "safelight"


class Line(NamedTuple):
    time: str
    message: str


class LogsRing(logging.Handler):
    """Keeps the newest lines, and the clients that asked to be told of each.

    `tell` is called with every line, on whatever thread wrote it, while there are subscribers.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[Line] = deque(maxlen=_LINES)
        self.subscribers: dict[str, None] = {}
        self.tell: Callable[[Line], None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  # arguments that do not fit their format, of a pack for instance
            message = str(record.msg)
        if record.exc_info and (error := record.exc_info[1]):
            message += f" ({type(error).__name__}: {error})"
        time = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = Line(time, f"{record.levelname.lower()}: {message[:_LONGEST]}\n")
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
    """Listen to the log while the application runs."""
    logger = logging.getLogger(_LOGGER)
    logger.addHandler(app[LOGS])
    yield
    logger.removeHandler(app[LOGS])
