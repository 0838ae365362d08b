"""Whether a server grows: memory, open files and threads while small jobs go through, one after the other.

    python tests/benchmarks/soak.py --jobs 20000

Each job writes a file and is heard of over a websocket.  Every thousand jobs the memory tier is let go
(`POST /free`), as it is meant to fill; what remains must be flat.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "helpers"))

from loading import Client, client, make_home, three_nodes
from processes import ServerProcess


async def soak(home: Path, jobs: int, each: int) -> bool:
    """Print a row every so many jobs; True when nothing grew."""
    flags = ("--device", "cpu", "--log-level", "warning", "--no-warm-up", "--keep-jobs", str(2 * each))
    server = ServerProcess(make_home(home), flags)
    print("| jobs | memory, MB | after /free, MB | open files | threads | CPU, ms a job | database, MB |")
    print("|---|---|---|---|---|---|---|")
    weights, handles = [], []
    with server.start():
        server.ready()
        async with client(server.url, "soak") as one:
            for done in range(0, jobs, each):
                cpu = server.cpu_seconds()
                for number in range(done, done + each):
                    sent = await one.submit(three_nodes(f"text {number}", "LoadWrite"), client_id="soak")
                    await one.ended(sent)
                cpu = (server.cpu_seconds() - cpu) / each * 1e3
                full = server.memory()
                await free(one)
                weights.append(server.memory())
                handles.append(server.handles())
                size = sum(path.stat().st_size for path in (home / "state").glob("jobs.sqlite*"))
                print(
                    f"| {done + each:,} | {full / 1e6:.1f} | {weights[-1] / 1e6:.1f} | {handles[-1]} "
                    f"| {server.threads()} | {cpu:.2f} | {size / 1e6:.1f} |",
                    flush=True,
                )
        server.stop()
    return grown(weights) < 0.05 and grown([float(each) for each in handles]) < 0.1


async def free(one: Client) -> None:
    async with one.session.post(f"{one.url}/free", json={"free_memory": True}) as response:
        assert response.status == 200, await response.text()
    await asyncio.sleep(0.5)


def grown(figures: list[int] | list[float]) -> float:
    """By how much the last quarter lies above the second one, relatively."""
    quarter = max(1, len(figures) // 4)
    early, late = figures[quarter : 2 * quarter] or figures[:1], figures[-quarter:]
    return statistics.mean(late) / statistics.mean(early) - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=1_000, help="jobs between two rows")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        flat = asyncio.run(soak(Path(folder), given.jobs, given.each))
    print(f"\n{'flat' if flat else 'it GROWS'}, after {time.monotonic() - began:.0f} s")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
