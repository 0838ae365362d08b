"""Jobs over HTTP to a server that is killed again and again, and what has become of each of them.

Each job writes two files: one as soon as it can, one after a dear node that many jobs share and a slow
one.  Files are written slowly, so that kills find them half-written.
"""

import asyncio
import json
import random
import sqlite3
import time
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from processes import ServerProcess

#: Nodes of a pack in the home.
PACK: Final = '''
"""Nodes that take their time, for a server that is killed."""

import time

from engine.node import Context, node


@node("CrashText", category="crash")
def text(*, value: str = "") -> str:
    """A text."""
    return value


@node("CrashSlow", category="crash", lane="io")
def slow(*, value: str, milliseconds: float = 1.0) -> str:
    """A text after a while."""
    time.sleep(milliseconds / 1000)
    return value


@node("CrashDear", category="crash", lane="io")
def dear(ctx: Context, *, kind: int = 0) -> str:
    """What many jobs need and nobody wants to wait for twice."""
    time.sleep(0.08)
    with (ctx.files.home / "dear.log").open("a") as log:
        log.write(f"{kind}\\n")
    return f"dear {kind}"


@node("CrashJoin", category="crash")
def join(*, left: str, right: str) -> str:
    """Two texts as one."""
    return left + right


@node("CrashSave", category="crash", output_node=True, lane="io")
def save(ctx: Context, *, text: str, filename_prefix: str = "crash") -> None:
    """Writes a text file, slowly."""
    claim = ctx.claim(filename_prefix, ".txt")
    with claim as part, part.open("w") as file:
        for letter in range(0, len(text), 16):
            file.write(text[letter : letter + 16])
            file.flush()
            time.sleep(0.0005)
    ctx.show("text", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])
'''

KINDS: Final = 7


def make_home(home: Path) -> None:
    """A home with the pack."""
    packs = home / "packs"
    packs.mkdir(parents=True, exist_ok=True)
    (packs / "crash.py").write_text(PACK)


def contents(number: int) -> tuple[str, str]:
    """What a job's two files hold."""
    return f"first of {number}" + "." * 40, f"second of {number}, dear {number % KINDS}"


def graph(number: int, milliseconds: float) -> dict[str, Any]:
    def call(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    first, second = contents(number)
    return {
        "first": call("CrashSave", text=first, filename_prefix="first"),
        "dear": call("CrashDear", kind=number % KINDS),
        "slow": call(
            "CrashSlow", value=second.removesuffix(f"dear {number % KINDS}"), milliseconds=milliseconds
        ),
        "join": call("CrashJoin", left=["slow", 0], right=["dear", 0]),
        "second": call("CrashSave", text=["join", 0], filename_prefix="second"),
    }


@dataclass
class Report:
    """How it went."""

    jobs: int = 0
    kills: int = 0
    while_starting: int = 0
    completed: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    answers_lost: int = 0
    set_aside: int = 0
    dear: int = 0
    again: int = 0
    history: bool = False
    integrity: str = ""
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong or self.half) and (
            self.completed == self.jobs and self.history and self.integrity == "ok"
        )

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs, {self.kills} kills ({self.while_starting} while starting, "
            f"{self.answers_lost} answers lost): {self.completed} completed, {len(self.lost)} lost, "
            f"{len(self.duplicated)} files twice, {len(self.wrong)} wrong, {len(self.half)} half-written; "
            f"{self.again} jobs ran again, {self.set_aside} set aside and retried, "
            f"{self.dear} dear computations of {KINDS} kinds; "
            f"history {'whole' if self.history else 'NOT WHOLE'}, database {self.integrity}; "
            f"{self.seconds:.0f} s"
        )


@dataclass
class Crash:
    """The whole of it; `async with` nothing: `await Crash(...)()`."""

    home: Path
    jobs: int
    kills: int
    seed: int = 0
    flags: tuple[str, ...] = ("--device", "cpu", "--log-level", "warning", "--no-warm-up")

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.report = Report(jobs=self.jobs, kills=self.kills)
        self.ids: list[str] = []
        self._server = ServerProcess(self.home, self.flags)
        self._up = asyncio.Event()
        self._killed = 0

    async def __call__(self) -> Report:
        start = time.monotonic()
        make_home(self.home)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._kill_again_and_again())
                    group.create_task(self._submit_all(session))
                await self._finish(session)
                await self._read_history(session)
            assert await asyncio.to_thread(self._server.stop) == 0
        finally:
            await asyncio.to_thread(self._server.kill)
        self._look_at_files()
        self._look_at_database()
        self.report.seconds = time.monotonic() - start
        return self.report

    async def _kill_again_and_again(self) -> None:
        """Kills at random moments: most while jobs run, some while the server starts."""
        for _ in range(self.kills):
            self._server.start()
            if self.random.random() < 0.1:
                self.report.while_starting += 1
                await asyncio.sleep(self.random.uniform(0, 1.0))
            else:
                await asyncio.to_thread(self._server.ready)
                self._up.set()
                await asyncio.sleep(self.random.uniform(0, 0.4))
            self._up.clear()
            await asyncio.to_thread(self._server.kill)
            self._killed += 1
        self._server.start()
        await asyncio.to_thread(self._server.ready)
        self._up.set()

    async def _submit_all(self, session: aiohttp.ClientSession) -> None:
        """All jobs, about as many between two kills as between two others."""
        for number in range(self.jobs):
            while self._killed < self.kills and number > 5 + (self._killed + 1) * self.jobs / (
                self.kills + 1
            ):
                await asyncio.sleep(0.002)
            self.ids.append(str(uuid.uuid4()))
            body = {"prompt": graph(number, self.random.uniform(1, 50)), "prompt_id": self.ids[-1]}
            await self._submit(session, body)

    async def _submit(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> None:
        """One job, until the server has said that it has it."""
        sent_before = False
        while True:
            await self._up.wait()
            try:
                async with session.post(f"{self._server.url}/prompt", json=body) as response:
                    answer = await response.json()
            except (aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError):
                sent_before = True
                await asyncio.sleep(0.005)
                continue
            if response.status == 200:
                return
            if response.status == 409 and sent_before:  # it was accepted, and the answer died
                self.report.answers_lost += 1
                return
            raise AssertionError(answer)

    async def _finish(self, session: aiohttp.ClientSession) -> None:
        """Wait for the line to be empty; what was set aside is retried."""
        while True:
            while await self._remaining(session):
                await asyncio.sleep(0.05)
            waiting = await asyncio.to_thread(self._set_aside)
            if not waiting:
                return
            self.report.set_aside += len(waiting)
            for job_id in waiting:
                async with session.post(f"{self._server.url}/v1/jobs/{job_id}/retry") as response:
                    assert response.status < 300, await response.text()

    async def _remaining(self, session: aiohttp.ClientSession) -> int:
        async with session.get(f"{self._server.url}/prompt") as response:
            answer = await response.json()
        return int(answer["exec_info"]["queue_remaining"])

    async def _read_history(self, session: aiohttp.ClientSession) -> None:
        """What each job is said to have done, and whether the files it names hold that."""
        async with session.get(f"{self._server.url}/history?max_items={self.jobs + 10}") as response:
            history = await response.json()
        self.report.history = set(history) == set(self.ids)
        for number, job_id in enumerate(self.ids):
            entry = history.get(job_id)
            if entry is None or not entry["status"]["completed"]:
                self.report.lost.append(job_id)
                continue
            self.report.completed += 1
            for node, expected in zip(("first", "second"), contents(number), strict=True):
                [item] = entry["outputs"][node]["text"]
                path = self.home / "output" / item["subfolder"] / item["filename"]
                if not path.is_file() or path.read_text() != expected:
                    self.report.wrong.append(str(path))

    def _look_at_files(self) -> None:
        visible = [path for path in (self.home / "output").rglob("*") if not path.name.startswith(".")]
        expected = {each for number in range(self.jobs) for each in contents(number)}
        found = Counter(path.read_text() for path in visible)
        self.report.half = [text for text in found if text not in expected]
        self.report.duplicated = [text for text, count in found.items() if count > 1]
        self.report.lost += [text for text in expected if text not in found]
        log = self.home / "dear.log"
        self.report.dear = len(log.read_text().splitlines()) if log.exists() else 0

    def _look_at_database(self) -> None:
        with closing(sqlite3.connect(self.home / "state" / "jobs.sqlite")) as connection:
            self.report.integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
            (self.report.again,) = connection.execute(
                "SELECT count(*) FROM jobs WHERE attempts > 1"
            ).fetchone()

    def _set_aside(self) -> list[str]:
        with closing(sqlite3.connect(self.home / "state" / "jobs.sqlite")) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE state = 'quarantined'")]
