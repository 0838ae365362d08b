"""What has served its time goes: old history, old temporary files, names that were never written to.

It looks at the start and every ten minutes, and never holds up the loop: the database is asked in small
bites, folders are walked on a thread.
"""

import asyncio
import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from engine.errors import StorageError
from engine.files import Files
from server.config import Settings
from server.store import jobs as table
from server.store.database import Database

log: Final = logging.getLogger("safelight")

#: Seconds between two looks.
PERIOD: Final = 600.0

#: Seconds that any temporary file stays: somebody has just been told of it.
_FRESH: Final = 3600.0

_DAY: Final = 86_400.0

#: Jobs that one bite takes out of history.
_BITE: Final = 200


class Swept(NamedTuple):
    """How much went."""

    jobs: int = 0
    temporary: int = 0
    parts: int = 0


@dataclass(frozen=True)
class Janitor:
    """See the module."""

    database: Database
    files: Files
    settings: Settings

    async def work(self) -> NoReturn:
        """Look at once, and again and again."""
        while True:
            try:
                swept = await self.sweep()
            except StorageError as error:
                log.warning("old things were not removed: %s", error)
            except Exception:  # the next look may be luckier
                log.exception("old things were not removed")
            else:
                if any(swept):
                    log.info("removed %d jobs of history, %d temporary files, %d empty part files", *swept)
            await asyncio.sleep(PERIOD)

    async def sweep(self) -> Swept:
        """Remove what has served its time.

        Raises:
            StorageError: the database cannot be written to.
        """
        jobs = 0
        expire = partial(table.expire, keep=self.settings.keep_jobs, days=self.settings.keep_days, most=_BITE)
        while bite := await self.database.write(expire):
            jobs += bite
        temporary = await self._sweep_temporary()
        parts = await asyncio.to_thread(self._sweep_parts)
        await asyncio.to_thread(self.database.checkpoint)
        return Swept(jobs, temporary, parts)

    async def _sweep_temporary(self) -> int:
        """Temporary files that are old, and that no job of history made or shows."""
        age = max(self.settings.keep_days * _DAY, _FRESH)
        old = await asyncio.to_thread(lambda: list(_older(self.files.temp, age)))
        if not old:
            return 0
        held = await self.database.read(partial(table.held, paths={str(path): path.name for path in old}))
        return await asyncio.to_thread(_remove, [path for path in old if str(path) not in held])

    def _sweep_parts(self) -> int:
        """Names in the output folder that a killed process had reserved and not written to."""
        found = _older(self.files.output, _DAY, suffix=".part", empty=True)
        return _remove(path for path in found if path.name.startswith("."))


def _older(folder: Path, age: float, suffix: str = "", *, empty: bool = False) -> Iterator[Path]:
    """The plain files below a folder that have not changed for so long; links are not followed."""
    limit = time.time() - age
    for directory, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(suffix):
                continue
            path = Path(directory, name)
            with suppress(OSError):  # it has just gone
                status = path.lstat()
                if (
                    stat.S_ISREG(status.st_mode)
                    and status.st_mtime < limit
                    and not (empty and status.st_size)
                ):
                    yield path


def _remove(paths: Iterable[Path]) -> int:
    removed = 0
    for path in paths:
        with suppress(OSError):
            path.unlink()
            removed += 1
    return removed
