"""Sixteen text-to-image jobs at once over the same jobs one after the other, and what a network could gain.

    python tests/benchmarks/coalescing.py [--jobs 16] [--steps 20] [--rounds 5] [--threads 1]

Each job has a prompt, a seed and a cfg of its own and runs from its prompt to its written file.  The
ideal is the UNet's own gain: its time per row with 2 rows (one job) over that with 2 × jobs rows.
Then one job alone on an engine that merges, over one that does not.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import torch

from nodes.yardsticks import unet
from server.benchmarks.jobs import Jobs
from server.benchmarks.measure import interleaved, ratio
from server.session import open_engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loop = asyncio.new_event_loop()
    home = Path(tempfile.mkdtemp())
    with (
        open_engine(home / "merging", device="cpu", disk=False, merge=True) as merging,
        open_engine(home / "exact", device="cpu", disk=False) as exact,
    ):
        together, apart = (Jobs(engine, options.steps, loop) for engine in (merging, exact))
        call = exact.parts.lanes.device.call
        few, many = unet("cpu", 2), unet("cpu", 2 * options.jobs)
        variants = {
            "one after the other": apart.run(options.jobs, at_once=False),
            "at once, merged": together.run(options.jobs, at_once=True),
            "UNet, 2 rows": lambda: loop.run_until_complete(call(few)),
            f"UNet, {2 * options.jobs} rows": lambda: loop.run_until_complete(call(many)),
            "one job": apart.run(1, at_once=True),
            "one job, merging": together.run(1, at_once=True),
        }
        measured = interleaved(variants, rounds=options.rounds, warm_up=2)
    names = list(variants)
    gain, ideal = ratio(measured, names[0], names[1]), ratio(measured, names[2], names[3])
    print("| run | CPU, ms |")
    print("|---|---|")
    for name in names:
        print(f"| {name} | {measured[name].median * 1e3:.0f} |")
    print(f"\ngain {gain:.2f} ×, ideal {ideal:.2f} ×: {gain / ideal:.2f} of it")
    print(f"one job on an engine that merges: {ratio(measured, names[5], names[4]):.3f} × its time elsewhere")
    loop.close()


if __name__ == "__main__":
    main()
