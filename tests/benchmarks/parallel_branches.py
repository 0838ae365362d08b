"""Two independent branches of a second each: one that sleeps, and one that computes without the GIL.

python tests/benchmarks/parallel_branches.py
"""

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path

from engine.node import node
from engine.testing import Bench


@node("Sleep", category="toys", lane="io", cache=False)
def sleep(*, seconds: float) -> float:
    """Waits on a thread."""
    time.sleep(seconds)
    return seconds


@node("Await", category="toys", cache=False)
async def wait(*, seconds: float) -> float:
    """Waits without one."""
    await asyncio.sleep(seconds)
    return seconds


@node("Hash", category="toys", lane="cpu", cache=False)
def digest(*, megabytes: int) -> str:
    """Computes with the GIL released, as torch does."""
    return hashlib.sha256(bytes(megabytes << 20)).hexdigest()


def main() -> None:
    bench = Bench(Path(tempfile.mkdtemp()), [sleep, wait, digest])
    start = time.perf_counter()
    hashlib.sha256(bytes(64 << 20)).hexdigest()
    megabytes = int(64 / (time.perf_counter() - start))  # about a second's worth
    print("| two branches of about 1 s | one alone, s | both, s |")
    print("|---|---|---|")
    for name, inputs in (
        ("Sleep", {"seconds": 1.0}),
        ("Await", {"seconds": 1.0}),
        ("Hash", {"megabytes": megabytes}),
    ):
        graph = {key: {"class_type": name, "inputs": inputs} for key in ("1", "2")}
        times = []
        for wanted in (("1",), ("1", "2")):
            start = time.perf_counter()
            bench.run(graph, *wanted)
            times.append(time.perf_counter() - start)
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} |")


if __name__ == "__main__":
    main()
