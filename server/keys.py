"""The services of the application, by typed keys."""

from typing import Final

from aiohttp import web

from engine.engine import Engine
from server.config import Settings
from server.jobs import Jobs
from server.store.database import Database
from server.wire.hub import Hub

SETTINGS: Final = web.AppKey("settings", Settings)
#: Its registry and files are for everyone; runs and plans belong to the engine's own thread.
ENGINE: Final = web.AppKey("engine", Engine)
DATABASE: Final = web.AppKey("database", Database)
JOBS: Final = web.AppKey("jobs", Jobs)
HUB: Final = web.AppKey("hub", Hub)
