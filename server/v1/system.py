"""/v1/system: what this server is and how it is set."""

import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from aiohttp import web

from engine.engine import machine_bytes
from server.keys import ENGINE, JOBS, SETTINGS
from server.machine import free_bytes
from server.v1.operation import Operations
from server.v1.shape import Shape

operations: Final = Operations("system")


class Memory(Shape):
    """Bytes of memory."""

    total: int
    """Of the machine."""
    free: int
    results: int
    """Held by kept results."""
    models: int
    """Held by loaded models."""


class System(Shape):
    """What this server is and how it is set."""

    version: str
    device: str
    jobs: int
    """How many jobs run at once."""
    running: int
    pending: int
    paused: bool
    exact: bool
    """Whether the work of different jobs is never merged."""
    nodes: int
    """How many node classes there are."""
    memory: Memory
    max_json: int
    """Bytes of the largest JSON body."""
    max_upload: int
    """Bytes of the largest upload."""


@operations("GET", "/system", System)
async def get_system(request: web.Request) -> System:
    """Tell what this server is and how it is set."""
    engine, jobs, settings = request.app[ENGINE], request.app[JOBS], request.app[SETTINGS]
    return System(
        version=release(),
        device=engine.device,
        jobs=settings.jobs,
        running=len(jobs.running),
        pending=len(jobs.line),
        paused=jobs.paused,
        exact=settings.exact or settings.jobs == 1,
        nodes=len(engine.registry.specs),
        memory=Memory(
            total=machine_bytes(),
            free=await asyncio.to_thread(free_bytes),
            results=engine.parts.memory.nbytes,
            models=engine.parts.residency.nbytes,
        ),
        max_json=settings.max_json,
        max_upload=settings.max_body,
    )


def release() -> str:
    """The version of Safelight; of a clone that was never installed, none."""
    try:
        return version("safelight")
    except PackageNotFoundError:
        return "0"
