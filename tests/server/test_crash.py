"""A server that is killed loses nothing and does nothing twice; benchmarks/crash.py is the long form."""

import asyncio
from pathlib import Path

from crashing import Crash


def test_a_server_that_is_killed_at_random_moments_loses_nothing_and_does_nothing_twice(
    tmp_path: Path,
) -> None:
    report = asyncio.run(Crash(tmp_path, jobs=40, kills=6, seed=1)())
    assert report.sound, str(report)
