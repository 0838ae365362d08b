"""What goes when it has served its time, and what never does."""

import asyncio
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jobbing import jobbing, saving, sleeping, submission, toy_engine
from serving import serving

from engine.files import Files
from server import janitor as module
from server.config import Settings
from server.janitor import Janitor, Swept
from server.jobs import Jobs
from server.store import jobs as table
from server.store.jobs import End, State

DAY = 86_400.0


def janitor(jobs: Jobs, **settings: Any) -> Janitor:
    return Janitor(jobs.database, jobs.engine.files, Settings(**settings))


async def ended(
    jobs: Jobs, name: str, days_ago: float = 0.0, outputs: Mapping[str, Any] | None = None
) -> int:
    """A job that ended some days ago; gives its seq."""
    job, _ = await jobs.submit(submission(saving(name), "save", id=name))
    begun = await jobs.database.write(lambda db: table.begin(db, job))
    assert begun is not None
    await jobs.database.write(lambda db: table.end(db, begun, End(State.COMPLETED, outputs or {})))
    when = time.time() - days_ago * DAY
    await jobs.database.write(lambda db: db.execute("UPDATE jobs SET ended = ? WHERE id = ?", (when, name)))
    return job.seq


def file(path: Path, days_old: float, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    age(path, days_old)
    return path


def age(path: Path, days: float) -> None:
    when = time.time() - days * DAY
    os.utime(path, (when, when), follow_symlinks=False)


async def left(jobs: Jobs) -> str:
    page = await jobs.database.read(lambda db: table.listing(db, descending=False))
    return "".join(job.id for job in page.jobs)


def test_history_keeps_so_many_jobs_the_newest(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            for index, name in enumerate("abcde"):
                await ended(jobs, name, days_ago=5 - index)
            await jobs.submit(submission(saving(), "save", id="p"))
            assert await janitor(jobs, keep_jobs=2).sweep() == Swept(jobs=3)
            assert await left(jobs) == "dep"
            assert await janitor(jobs, keep_jobs=2).sweep() == Swept()
            assert await janitor(jobs, keep_jobs=0).sweep() == Swept(jobs=2)
            assert await left(jobs) == "p"

    asyncio.run(go())


def test_history_keeps_jobs_for_so_many_days(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            for name, days in (("a", 31.0), ("b", 29.0), ("c", 0.0)):
                seq = await ended(jobs, name, days_ago=days)
                claim = partial(table.record, seq=seq, node="save", number=0, path=f"/somewhere/{name}")
                await jobs.database.write(claim)
            assert await janitor(jobs, keep_days=30).sweep() == Swept(jobs=1)
            assert await left(jobs) == "bc"
            rows = await jobs.database.read(
                lambda db: db.execute(
                    "SELECT job FROM requests UNION SELECT job FROM ends UNION SELECT job FROM claims"
                ).fetchall()
            )
            assert [row["job"] for row in rows] == [2, 3]

    asyncio.run(go())


def test_a_long_history_goes_in_small_bites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BITE", 3)

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            for index in range(20):
                await ended(jobs, f"{index:02}", days_ago=40 if index % 2 else 0)
            assert await janitor(jobs, keep_jobs=4).sweep() == Swept(jobs=16)
            assert await left(jobs) == "12141618"

    asyncio.run(go())


def test_what_waits_or_runs_is_never_history(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(sleeping(0.2), "save", id="running"))
            await jobs.submit(submission(saving(), "save", id="waiting"))
            assert await janitor(jobs, keep_jobs=0, keep_days=0).sweep() == Swept()
            assert (await jobs.wait("waiting", 10)).state is State.COMPLETED

    asyncio.run(go())


def test_old_temporary_files_go_and_young_ones_stay(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            temp = jobs.engine.files.temp
            old = [file(temp / name, 31) for name in ("a.png", "deeper/b.png", ".c.png.part")]
            young = file(temp / "d.png", 29)
            assert await janitor(jobs, keep_days=30).sweep() == Swept(temporary=3)
            assert young.exists()
            assert not any(path.exists() for path in old)

    asyncio.run(go())


def test_a_temporary_file_stays_for_an_hour_whatever_is_kept(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            young = file(jobs.engine.files.temp / "a.png", 0.5 / 24)
            old = file(jobs.engine.files.temp / "b.png", 2 / 24)
            assert await janitor(jobs, keep_days=0).sweep() == Swept(temporary=1)
            assert young.exists()
            assert not old.exists()

    asyncio.run(go())


def test_temporary_files_that_history_made_or_shows_stay_as_long_as_it_does(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            temp = jobs.engine.files.temp
            made, shown, stray = (file(temp / name, 99) for name in ("made.png", "shown.png", "stray.png"))
            item = {"filename": "shown.png", "subfolder": "", "type": "temp"}
            seq = await ended(jobs, "a", outputs={"preview": {"images": [item]}})
            await jobs.database.write(lambda db: table.record(db, seq, "preview", 0, str(made)))
            assert await janitor(jobs).sweep() == Swept(temporary=1)
            assert made.exists()
            assert shown.exists()
            assert not stray.exists()
            await jobs.forget()
            assert await janitor(jobs).sweep() == Swept(temporary=2)

    asyncio.run(go())


def test_links_are_not_followed_and_nothing_outside_is_touched(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path / "home") as jobs:
            files = jobs.engine.files
            precious = file(tmp_path / "precious" / "picture.png", 99)
            elsewhere = [
                file(root / "picture.png", 99)
                for root in (files.output, files.input, files.state, files.home)
            ]
            links = [files.temp / "folder", files.temp / "file.png"]
            for link, target in zip(links, (precious.parent, precious), strict=True):
                link.symlink_to(target)
                age(link, 99)
            assert await janitor(jobs).sweep() == Swept()
            assert precious.exists()
            assert all(path.exists() for path in [*elsewhere, *links])

    asyncio.run(go())


def test_names_that_a_killed_process_had_reserved_are_free_again_after_a_day(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            output = jobs.engine.files.output
            gone = [
                file(output / name, 2, "") for name in (".a_00001_.png.part", "deeper/.b_00001_.png.part")
            ]
            kept = [
                file(output / ".young_00001_.png.part", 0.5, ""),
                file(output / ".written_00001_.png.part", 2, "half a picture"),
                file(output / "own.part", 2, ""),
                file(output / ".hidden", 2, ""),
                file(output / "empty.png", 2, ""),
            ]
            assert await janitor(jobs).sweep() == Swept(parts=2)
            assert all(path.exists() for path in kept)
            assert not any(path.exists() for path in gone)

    asyncio.run(go())


def test_a_home_without_folders_has_nothing_to_sweep(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path / "home") as jobs:
            files = Files(tmp_path / "nowhere")
            assert await Janitor(jobs.database, files, Settings()).sweep() == Swept()

    asyncio.run(go())


def test_the_log_beside_the_database_begins_anew(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            for index in range(20):
                await jobs.submit(submission(saving("x" * 10_000), "save", id=str(index)))
            await asyncio.gather(*(jobs.wait(str(index), 10) for index in range(20)))
            beside = jobs.engine.files.state / "jobs.sqlite-wal"
            assert beside.stat().st_size > 100_000
            await janitor(jobs).sweep()
            assert beside.stat().st_size == 0

    asyncio.run(go())


def test_it_looks_when_the_server_starts_and_at_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.01)

    async def go() -> None:
        engine = toy_engine(tmp_path)
        with engine:
            first = file(engine.files.temp / "a.png", 99)
            async with serving(engine, home=tmp_path):
                while first.exists():
                    await asyncio.sleep(0.005)
                second = file(engine.files.temp / "b.png", 99)
                while second.exists():
                    await asyncio.sleep(0.005)

    asyncio.run(go())
