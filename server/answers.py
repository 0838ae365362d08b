"""JSON answers: always valid JSON, whatever the values were."""

import json
import math
from typing import Any

from aiohttp import web


def dump(value: Any) -> str:
    """Compact JSON in ASCII, of whatever a pack may show: NaN and infinities become null, objects texts."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=str, skipkeys=True)
    except ValueError:
        finite = _finite(value)
        return json.dumps(finite, separators=(",", ":"), allow_nan=False, default=str, skipkeys=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(text=dump(value), status=status, content_type="application/json")


def empty(status: int = 200) -> web.Response:
    return web.Response(status=status)
