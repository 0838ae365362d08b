"""What the engine itself costs: microseconds of CPU a node, from JSON to the last event.

    python tests/benchmarks/engine_overhead.py

Trivial nodes, as a chain and as wide as can be; fresh, and with everything cached.
"""

import asyncio
import tempfile
from pathlib import Path

from server.benchmarks.measure import interleaved
from server.benchmarks.overhead import chain, runs, wide

SIZES = (100, 1_000, 10_000)


def main() -> None:
    loop = asyncio.new_event_loop()
    folder = Path(tempfile.mkdtemp())
    print("| graph | nodes | fresh, µs a node | cached, µs a node |")
    print("|---|---|---|---|")
    for name, make in (("chain", chain), ("wide", wide)):
        for size in SIZES:
            measured = interleaved(runs(folder, make(size), loop))
            costs = [measured[each].median / size * 1e6 for each in ("fresh", "cached")]
            print(f"| {name} | {size:,} | {costs[0]:.1f} | {costs[1]:.1f} |")
    loop.close()


if __name__ == "__main__":
    main()
