"""Jobs on a toy engine, without HTTP: `async with jobbing(tmp_path) as jobs: …`."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from toys import TOYS, Graph

from engine.engine import Engine
from engine.files import Files, make_folder
from engine.registry import Registry
from server.config import Settings
from server.jobs import Jobs
from server.runner import Runner
from server.store.database import Database
from server.store.jobs import Submission


def toy_engine(home: Path) -> Engine:
    """An engine with toy nodes on a home."""
    files = Files(home)
    for folder in (files.output, files.temp, files.input, files.state):
        make_folder(folder)
    registry = Registry()
    registry.add(*TOYS, namespace="toys")
    return Engine.open(registry, files, device="cpu")


@asynccontextmanager
async def jobbing(home: Path, **settings: Any) -> AsyncIterator[Jobs]:
    """The jobs of a home, from start to drain."""
    engine = toy_engine(home)
    database = Database(engine.files.state / "jobs.sqlite")
    runner = Runner()
    jobs = Jobs(database, engine, Settings(home=home, **settings), runner)
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.drain(0)
        await asyncio.to_thread(runner.close)
        await asyncio.to_thread(database.close)
        await asyncio.to_thread(engine.close)


def submission(graph: Graph, *wanted: str, **more: Any) -> Submission:
    return Submission(**{"id": str(uuid.uuid4()), "graph": graph, "wanted": wanted, **more})
