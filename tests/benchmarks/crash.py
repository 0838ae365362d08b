"""Whether a server that is killed again and again loses a job, or does one twice.

    python tests/benchmarks/crash.py --jobs 1000 --kills 200

Jobs are submitted over HTTP while the server is killed (SIGKILL) at random moments and started again.  At
the end every job that was accepted must have completed, and each of its files must be there once and whole.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "helpers"))

from crashing import Crash


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=1, help="jobs that the server runs at once")
    parser.add_argument("--home", type=Path, help="a new folder, which stays")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        crash = Crash(given.home or Path(folder), given.jobs, given.kills, given.seed)
        crash.flags += ("--jobs", str(given.at_once))
        report = asyncio.run(crash())
    print(report)
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())
