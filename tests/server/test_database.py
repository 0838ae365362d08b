"""One SQLite file: what is written together, what is taken back, and what a file may be."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StorageError
from server.store import database as module
from server.store import jobs as table
from server.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "jobs.sqlite")) as opened:
        yield opened


def note(name: str, value: str = "yes") -> module.Action[None]:
    return lambda db: table.note(db, name, value)


def names(db: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in db.execute("SELECT name FROM facts ORDER BY name")]


def scripts(folder: Path, *texts: str) -> Path:
    """Migrations of a test's own."""
    folder.mkdir()
    for number, text in enumerate(texts, start=1):
        (folder / f"{number}.sql").write_text(text)
    return folder


def test_what_was_written_is_read(database: Database) -> None:
    async def go() -> list[str]:
        await database.write(note("a"))
        return await database.read(names)

    assert asyncio.run(go()) == ["a"]


def test_what_waits_together_is_committed_together(database: Database) -> None:
    commits: list[str] = []
    database._connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    hold = threading.Event()

    async def go() -> None:
        first = asyncio.ensure_future(database.write(lambda _db: hold.wait(10)))
        await asyncio.sleep(0.02)
        others = [asyncio.ensure_future(database.write(note(f"{number:03}"))) for number in range(100)]
        await asyncio.sleep(0.02)
        hold.set()
        await asyncio.gather(first, *others)
        assert len(await database.read(names)) == 100

    asyncio.run(go())
    assert len(commits) == 2


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("no"), TypeError("no"), OverflowError("no"), RecursionError("no")]
)
def test_an_action_that_fails_takes_only_itself_back(database: Database, error: Exception) -> None:
    def fail(db: sqlite3.Connection) -> None:
        table.note(db, "failed", "yes")
        raise error

    async def go() -> None:
        before, failed, after = (
            database.write(note("before")),
            database.write(fail),
            database.write(note("after")),
        )
        assert await _caught(failed) is error
        await asyncio.gather(before, after)
        assert await database.read(names) == ["after", "before"]

    asyncio.run(go())


def test_a_value_that_sqlite_cannot_hold_is_its_action_s_own_problem(database: Database) -> None:
    async def go() -> None:
        too_large = database.write(lambda db: db.execute("SELECT ?", (2**70,)))
        twice = database.write(lambda db: db.execute("INSERT INTO facts VALUES ('a', 'b'), ('a', 'b')"))
        first, second, _ = await asyncio.gather(
            _caught(too_large), _caught(twice), database.write(note("other"))
        )
        assert isinstance(first, OverflowError)
        assert isinstance(second, sqlite3.IntegrityError)
        assert await database.read(names) == ["other"]

    asyncio.run(go())


def test_threads_can_write_and_wait_too(database: Database) -> None:
    database.write_now(note("a"))
    with pytest.raises(ValueError, match="mine"):
        database.write_now(lambda _db: int("mine"))
    assert asyncio.run(database.read(names)) == ["a"]


def test_what_an_action_reads_belongs_to_one_moment(database: Database) -> None:
    read, written = threading.Event(), threading.Event()

    def look(db: sqlite3.Connection) -> tuple[list[str], list[str]]:
        before = names(db)
        read.set()
        assert written.wait(10)
        return before, names(db)

    async def go() -> None:
        looking = asyncio.ensure_future(database.read(look))
        await asyncio.to_thread(read.wait, 10)
        await database.write(note("a"))
        written.set()
        assert await looking == ([], [])

    asyncio.run(go())


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match="readonly"):
        asyncio.run(database.read(note("a")))


def test_a_file_that_cannot_be_read_is_told_and_found_again(tmp_path: Path) -> None:
    path, away = tmp_path / "state" / "jobs.sqlite", tmp_path / "away"
    with closing(Database(path)) as database:
        database.write_now(note("a"))
        path.parent.rename(away)
        with pytest.raises(StorageError, match="cannot read the job database"):
            asyncio.run(database.read(names))
        away.rename(path.parent)
        assert asyncio.run(database.read(names)) == ["a"]


def test_a_writer_that_is_no_longer_awaited_has_written_all_the_same(database: Database) -> None:
    async def go() -> list[str]:
        task = asyncio.ensure_future(database.write(note("a")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.write(note("b"))
        return await database.read(names)

    assert asyncio.run(go()) == ["a", "b"]


def test_a_full_disk_is_told_leaves_nothing_half_written_and_passes(database: Database) -> None:
    large = "x" * 400_000

    async def pages(most: int) -> None:
        await database.write(lambda db: db.execute(f"PRAGMA max_page_count = {most}").fetchone())

    def two(db: sqlite3.Connection) -> None:
        table.note(db, "small", "yes")
        table.note(db, "large", large)

    async def go() -> None:
        await pages(60)
        with pytest.raises(StorageError, match="full"):
            await database.write(two)
        assert await database.read(names) == []
        await pages(10_000)
        await database.write(two)
        assert await database.read(names) == ["large", "small"]

    asyncio.run(go())


def test_when_the_disk_is_nearly_full_what_fits_is_written(database: Database) -> None:
    async def go() -> None:
        await database.write(lambda db: db.execute("PRAGMA max_page_count = 60").fetchone())
        small, failure, other = await asyncio.gather(
            database.write(note("small")),
            _caught(database.write(note("large", "x" * 400_000))),
            database.write(note("other")),
        )
        assert (small, other) == (None, None)
        assert isinstance(failure, StorageError)
        assert await database.read(names) == ["other", "small"]

    asyncio.run(go())


def test_a_closed_database_says_so_and_has_written_what_waited(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")

    async def go() -> None:
        waiting = [asyncio.ensure_future(database.write(note(f"{number:03}"))) for number in range(300)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        await asyncio.gather(*waiting)
        with pytest.raises(StorageError, match="closed"):
            await database.write(note("late"))

    asyncio.run(go())
    with closing(Database(tmp_path / "jobs.sqlite")) as again:
        assert len(asyncio.run(again.read(names))) == 300


def test_after_it_was_closed_the_file_is_alone(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "jobs.sqlite")) as database:
        database.write_now(note("a"))
        assert asyncio.run(database.read(names)) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.sqlite"]


def test_a_checkpoint_empties_the_log_beside_the_file(tmp_path: Path) -> None:
    log = tmp_path / "jobs.sqlite-wal"
    with closing(Database(tmp_path / "jobs.sqlite")) as database:
        database.write_now(note("a", "x" * 100_000))
        assert log.stat().st_size > 100_000
        database.checkpoint()
        assert log.stat().st_size == 0
        assert asyncio.run(database.read(names)) == ["a"]


def test_a_checkpoint_gives_way_to_a_reader(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECKPOINT_WAIT", 0.05)
    reading, go_on = threading.Event(), threading.Event()

    def look(db: sqlite3.Connection) -> None:
        names(db)
        reading.set()
        assert go_on.wait(10)

    async def go() -> None:
        looking = asyncio.ensure_future(database.read(look))
        await asyncio.to_thread(reading.wait, 10)
        await database.write(note("a"))
        await asyncio.to_thread(database.checkpoint)
        go_on.set()
        await looking
        await database.write(note("b"))

    asyncio.run(go())


@pytest.mark.parametrize("durable", [True, False])
def test_the_file_and_its_folder_are_made(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "home" / "state" / "jobs.sqlite"
    with closing(Database(path, durable=durable)) as database:
        level = database._connection.execute("PRAGMA synchronous").fetchone()[0]
        assert level == (2 if durable else 1)
    assert path.is_file()


def test_an_older_file_is_brought_up_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.sqlite"
    first = (module.MIGRATIONS / "1.sql").read_text()
    monkeypatch.setattr(module, "MIGRATIONS", scripts(tmp_path / "old", first))
    with closing(Database(path)) as database:
        database.write_now(note("kept"))
    second = "ALTER TABLE facts ADD COLUMN since REAL;"
    monkeypatch.setattr(module, "MIGRATIONS", scripts(tmp_path / "new", first, second))
    for _ in range(2):
        with closing(Database(path)) as database:
            row = database.write_now(lambda db: db.execute("SELECT name, since FROM facts").fetchone())
            assert tuple(row) == ("kept", None)


def test_a_migration_that_breaks_off_has_changed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.sqlite"
    first = (module.MIGRATIONS / "1.sql").read_text()
    monkeypatch.setattr(
        module, "MIGRATIONS", scripts(tmp_path / "bad", first, "CREATE TABLE more (a); SELECT nonsense;")
    )
    with pytest.raises(StorageError, match="nonsense"):
        Database(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchall()


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match=r"newer Safelight .schema 99.*move the file away"):
        Database(path)


@pytest.mark.parametrize("content", [b"this is a letter to my aunt" * 100, b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="no job database; move it away"):
        Database(path)
    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot open the job database"):
        Database(tmp_path)


def test_the_name_of_a_file_belongs_to_who_claimed_it_last(database: Database) -> None:
    path = "/somewhere/text_00001_.txt"
    for name in ("one", "two"):
        database.write_now(lambda db, name=name: table.accept(db, asked(name), 1.0))  # type: ignore[misc]  # fixes the loop's value
    database.write_now(lambda db: table.record(db, 1, "save", 0, path))
    assert database.write_now(lambda db: table.recall(db, 1, "save", 0)) == path
    database.write_now(lambda db: table.record(db, 2, "save", 0, path))
    assert database.write_now(lambda db: table.recall(db, 1, "save", 0)) is None
    assert database.write_now(lambda db: table.recall(db, 2, "save", 0)) == path


def asked(name: str) -> table.Submission:
    return table.Submission(name, {}, ())


async def _caught(work: Awaitable[object]) -> BaseException | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001  # whatever it is
        return error
    return None
