"""The server as a process: one to a home, ready when it says so, and gone only after it has drained."""

import asyncio
import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.engine import Engine
from engine.errors import StorageError, UserError
from server.app import make_app
from server.config import Settings
from server.keys import JOBS
from server.session import make_home, open_engine

log: Final = logging.getLogger("safelight")

#: Bodies that never end and sockets that never close do not hold up the end.
_SHUTDOWN_SECONDS: Final = 2.0


def serve(settings: Settings) -> int:
    """Serve until told to stop; gives the exit code.

    Raises:
        UserError: the address cannot be listened on, another server has the home, …
    """
    engine = open_engine(
        settings.home, settings.models, settings.output, settings.device,
        merge=settings.jobs > 1 and not settings.exact,
    )  # fmt: skip
    with engine:
        make_home(engine.files)
        with only_one(engine.files.state):
            asyncio.run(_serve(engine, settings))
    return 0


async def _serve(engine: Engine, settings: Settings) -> None:
    app = make_app(engine, settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.listen, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise UserError(
                f"cannot listen on {settings.listen}:{settings.port}: {_reason(error)}"
            ) from error
        for pack in engine.registry.broken:
            print(f"warning: pack {pack.name}: {pack.reason}", file=sys.stderr)
        print(f"Safelight is at {address(runner)}", flush=True)
        if settings.warm_up:
            threading.Thread(target=engine.registry.hooks.warm_up, name="warm-up", daemon=True).start()
        await _told_to_stop()
        log.info("stopping: running jobs have %.0f s to end", settings.drain_seconds)
        await site.stop()
        await app[JOBS].drain(settings.drain_seconds)  # while those who wait for a job are still connected
    finally:
        await runner.cleanup()


def _reason(error: OSError) -> str:
    """The system's words: asyncio's own repeat the address."""
    if error.errno == errno.EADDRINUSE:
        return "another program does; --port takes another one"
    system = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return system or str(error)


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows: the interrupt comes as an exception
            loop.add_signal_handler(each, stop.set)
    await stop.wait()


def address(runner: web.AppRunner) -> str:
    """Where a browser finds the server."""
    host, port = runner.addresses[0][:2]
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the home while serving; two servers on one queue would run its jobs twice.

    Raises:
        StorageError: another server holds it.
    """
    path = state / "server.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    try:
        if not _lock(descriptor):
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise UserError(
                f"another server (process {holder}) uses this home; stop it, or name another one with --home"
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock of an open file, which ends with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # there, on Windows
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
