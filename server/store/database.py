"""One SQLite file: a thread that writes, in groups, and readers beside it.

An action is a function of a connection.  The writer takes all actions that wait and commits them together:
one commit serves many clients, and an action's caller goes on only when its work is in the file.  The file
is in WAL mode, so readers never wait for the writer.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

from engine.errors import StorageError
from engine.files import make_folder

T = TypeVar("T")
Action = Callable[[sqlite3.Connection], T]

MIGRATIONS: Final = Path(__file__).parent / "migrations"

#: Actions that one commit takes at most.
_GROUP: Final = 256

#: What is wrong with an action and not with the file, of all that SQLite says.
_ITS_OWN: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
)

#: Seconds that a checkpoint waits for readers; writers wait with it.
_CHECKPOINT_WAIT: Final = 1.0


@dataclass(slots=True)
class _Order:
    """An action, and who waits for it: a future of a loop, or of threads."""

    action: Action[Any]
    waiter: "asyncio.Future[Any] | Future[Any]"
    value: Any = None
    error: BaseException | None = None


class Database:
    """See the module."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        """Open or make the file, and bring it to this version's schema.

        With `durable`, what is written survives a power cut too, at the price of a flush per group.

        Raises:
            StorageError: it cannot be opened, or belongs to a newer version.
        """
        self._path = path
        make_folder(path.parent)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # prompts are people's own business
            self._connection = _connect(path)
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            _migrate(self._connection, path)
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
                raise StorageError(
                    f"{path} is damaged, or no job database; move it away to begin a new history"
                ) from error
            raise StorageError(f"cannot open the job database {path}: {error}") from error
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()  # None is the last
        self._lock = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="db-read")
        self._thread = threading.Thread(target=self._work, name="db-write", daemon=True)
        self._thread.start()

    def write(self, action: Action[T]) -> "asyncio.Future[T]":
        """Carry out an action in a transaction; when it has been awaited, it is in the file.

        Actions are carried out in the order of the calls.  Awaiting raises StorageError when the file cannot
        be written to, and whatever the action raises.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._put(_Order(action, waiter))
        except StorageError as error:
            waiter.set_exception(error)
        return waiter

    def write_now(self, action: Action[T]) -> T:
        """The same from a thread, which waits.

        Raises:
            StorageError: the file cannot be written to.
        """
        waiter: Future[T] = Future()
        self._put(_Order(action, waiter))
        return waiter.result()

    async def read(self, action: Action[T]) -> T:
        """Ask the file, on a thread; all that an action asks belongs to one moment.

        Raises:
            StorageError: the file cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, action)

    def checkpoint(self) -> None:
        """Move what was written into the file itself, so that the log beside it begins anew."""
        with closing(_connect(self._path, wait=_CHECKPOINT_WAIT)) as connection, suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._lock:
            self._closed = True
            self._orders.put(None)
        self._thread.join()
        self._readers.shutdown()
        for connection in (
            *self._reading,
            self._connection,
        ):  # with the last one the log beside the file goes
            connection.close()

    def _look(self, action: Action[T]) -> T:
        try:
            connection = self._reader()
            connection.execute("BEGIN")
            try:
                return action(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot read the job database: {error}") from error

    def _reader(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._reading.append(connection)
        return cast("sqlite3.Connection", connection)

    def _put(self, order: _Order) -> None:
        with self._lock:
            if self._closed:
                raise StorageError("the job database is closed")
            self._orders.put(order)

    def _groups(self) -> Iterator[list[_Order]]:
        """What waits, together; to the last of all."""
        while (order := self._orders.get()) is not None:
            group = [order]
            while len(group) < _GROUP and not self._orders.empty():
                if (order := self._orders.get()) is None:
                    yield group
                    return
                group.append(order)
            yield group

    def _work(self) -> None:
        for group in self._groups():
            if not self._commit(group) and len(group) > 1:  # there may be room for some of them
                for order in group:
                    self._commit([order])
            _settle(group)

    def _commit(self, group: list[_Order]) -> bool:
        """All actions of a group in one transaction; one that fails takes only itself back.

        False when the file could not be written (a full disk, …); then nothing of the group is in it.
        """
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for order in group:
                order.error = None
                execute("SAVEPOINT action")
                try:
                    order.value = order.action(self._connection)
                except Exception as error:
                    if isinstance(error, sqlite3.Error) and not isinstance(error, _ITS_OWN):
                        raise
                    order.error = error
                    execute("ROLLBACK TO action")
                execute("RELEASE action")
            execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # the thread must live on
            with suppress(sqlite3.Error):  # then the next group tries to
                if self._connection.in_transaction:
                    execute("ROLLBACK")
            for order in group:
                order.error = StorageError(f"cannot write the job database: {error}")
                order.error.__cause__ = error
            return False
        return True


def _settle(group: list[_Order]) -> None:
    """Tell all who wait: each event loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Order]] = {}
    for order in group:
        if isinstance(order.waiter, Future):
            _answer(order)
        else:
            loops.setdefault(order.waiter.get_loop(), []).append(order)
    for loop, orders in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_all, orders)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _answer_all(orders: list[_Order]) -> None:
    for order in orders:
        _answer(order)


def _answer(order: _Order) -> None:
    if order.waiter.done():
        return  # whoever waited has been cancelled; the action stands
    if order.error is not None:
        order.waiter.set_exception(order.error)
    else:
        order.waiter.set_result(order.value)


def _connect(path: Path, wait: float = 30.0) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=wait)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the scripts that this file has not seen; each is whole or not at all."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = sorted(MIGRATIONS.glob("*.sql"), key=lambda script: int(script.stem))
    newest = int(scripts[-1].stem)
    if version > newest:
        raise StorageError(
            f"{path} was written by a newer Safelight (schema {version}; this one knows {newest}); "
            "install that version, or move the file away to begin a new history"
        )
    for script in scripts:
        if (number := int(script.stem)) > version:
            text = script.read_text(encoding="utf-8")
            connection.executescript(f"BEGIN;\n{text}\nPRAGMA user_version = {number};\nCOMMIT;")
