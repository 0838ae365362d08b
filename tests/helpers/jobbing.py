"""Jobs on a toy engine, without HTTP: `async with jobbing(tmp_path) as jobs: …`."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from toys import TOYS, Graph, call

from engine.engine import Engine
from engine.files import Files, make_folder
from engine.registry import Registry
from server.config import Settings
from server.jobs import Jobs
from server.runner import Runner
from server.store.database import Database
from server.store.jobs import State, Submission


def toy_engine(home: Path, output: Path = Path()) -> Engine:
    """An engine with toy nodes on a home."""
    files = Files(home, output)
    for folder in (files.output, files.temp, files.input, files.state):
        make_folder(folder)
    registry = Registry()
    registry.add(*TOYS, namespace="toys")
    return Engine.open(registry, files, device="cpu")


@asynccontextmanager
async def jobbing(
    home: Path, *, drain: float = 0, dies: bool = False, output: Path = Path(), **settings: Any
) -> AsyncIterator[Jobs]:
    """The jobs of a home, from start to drain; with `dies`, nothing is written after the block."""
    engine = toy_engine(home, output)
    database = Database(engine.files.state / "jobs.sqlite")
    runner = Runner()
    jobs = Jobs(database, engine, Settings(home=home, **settings), runner)
    await jobs.start()
    try:
        yield jobs
    finally:
        if dies:
            await asyncio.to_thread(database.close)
            jobs._draining = True
            tasks = list(jobs._tasks)
            for running in jobs._running.values():
                running.cancel("drained")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await jobs.drain(drain)
        await asyncio.to_thread(runner.close)
        await asyncio.to_thread(database.close)
        await asyncio.to_thread(engine.close)


async def begun(jobs: Jobs, count: int = 1) -> None:
    """Wait until so many jobs run."""
    while sum(job.state is State.RUNNING for job in jobs.running) < count:
        await asyncio.sleep(0.002)


def saving(text: str = "hello", **more: Any) -> Graph:
    """A job that writes a text at once."""
    return {"text": call("Text", value=text), "save": call("Save", text=["text", 0], **more)}


def sleeping(seconds: float, text: str = "slept") -> Graph:
    """A job that writes a text after a while."""
    return {
        "sleep": call("Sleep", seconds=seconds, value=text),
        "save": call("Save", text=["sleep", 0]),
    }


def submission(graph: Graph, *wanted: str, **more: Any) -> Submission:
    return Submission(**{"id": str(uuid.uuid4()), "graph": graph, "wanted": wanted, **more})
