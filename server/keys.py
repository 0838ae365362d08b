"""The services of the application, by typed keys."""

from typing import Final

from aiohttp import web

from engine.engine import Engine
from server.config import Settings

SETTINGS: Final = web.AppKey("settings", Settings)
#: Its registry and files are for everyone; runs and plans belong to the engine's own thread.
ENGINE: Final = web.AppKey("engine", Engine)
