"""Log lines: for people, or JSON for machines; each with the job it belongs to, none with a secret.

What else is known goes into `extra`: `log.info("job ended", extra={"state": "completed"})`.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final, TextIO

from server.answers import dump
from server.config import Settings

#: The job that the code at hand works for.
job: Final[ContextVar[str]] = ContextVar("job", default="")

#: What people wrote; only lines of a server that was told so carry it.
PRIVATE: Final = frozenset({"prompt", "workflow", "document", "body"})

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRETS: Final = (
    re.compile(r"(?i)(\btoken=)[^&\s\"'#;]+"),
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',]+"),
    re.compile(r"(?i)(safelight-token[=:]\s*)[^\s\"',;]+"),
    re.compile(r"(?i)(\b(?:auth_token|api_key)_comfy_org[\\\"']*\s*[:=]\s*[\\\"']*)[^\s\\\"',}]+"),
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HIDDEN: Final = "…"


class _Form(logging.Formatter):
    """What both forms share."""

    def __init__(self, secrets: Iterable[str] = (), *, private: bool = False) -> None:
        super().__init__()
        self._secrets = [each for each in secrets if each]
        self._private = private

    def facts(self, record: logging.LogRecord) -> dict[str, Any]:
        """What `extra` gave, without what is private."""
        found = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if not self._private:
            found = {name: value for name, value in found.items() if name not in PRIVATE}
        if current := job.get():
            found.setdefault("job", current)
        return found

    def trace(self, record: logging.LogRecord) -> str:
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        return "\n".join(parts + ([record.stack_info] if record.stack_info else []))

    def without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        for pattern in _SECRETS:
            text = pattern.sub(rf"\1{_HIDDEN}", text)
        return text


class TextForm(_Form):
    """`2026-01-31 12:00:00 info  job ended  job=… state=completed`."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        facts = " ".join(f"{name}={_value(value)}" for name, value in self.facts(record).items())
        line = f"{stamp} {record.levelname.lower():<7} {_one_line(record.getMessage())}"
        text = "\n".join(filter(None, [f"{line}  {facts}".rstrip(), self.trace(record)]))
        return self.without_secrets(text)


class JsonForm(_Form):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{stamp}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.without_secrets(record.getMessage()),
        }
        for name, value in self.facts(record).items():
            line.setdefault(name, self._plain(value))
        if trace := self.trace(record):
            line["trace"] = self.without_secrets(trace)
        return dump(line)

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.without_secrets(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def _value(value: Any) -> str:
    """A fact in a line of text: quoted where it would run into the next."""
    text = _text(value)
    return json.dumps(text) if isinstance(value, str) and re.search(r"[\s\"=]|^$", text) else _one_line(text)


def _one_line(text: str) -> str:
    """A client cannot write lines of its own into the log."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def set_up(settings: Settings, stream: TextIO | None = None) -> logging.Handler:
    """Log as the settings say, in the place of what was set up before; to standard error by default."""
    root, ours = logging.getLogger(), logging.getLogger("safelight")
    for handler in [each for each in root.handlers if isinstance(each.formatter, _Form)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(stream or sys.stderr)
    form = JsonForm if settings.log_json else TextForm
    handler.setFormatter(form([settings.token], private=settings.log_prompts))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(settings.log_level.upper())
    logging.getLogger("aiohttp.access").disabled = True  # its lines have queries in them
    return handler
