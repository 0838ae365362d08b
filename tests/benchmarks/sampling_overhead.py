"""What the KSampler node costs beyond its network: its CPU time over that of a bare loop.

    python tests/benchmarks/sampling_overhead.py [--steps 20] [--rounds 9] [--threads 1]

The bare loop calls the same UNet with the same batches (both prompts in one) and does Euler's two lines.
Measured with Pinhole, the smallest network there is: the worst case for overhead.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import torch

from nodes.yardsticks import bare_loop
from server.benchmarks.jobs import Jobs
from server.benchmarks.measure import interleaved, ratio
from server.session import open_engine

SIZES = ((128, 1), (128, 4), (512, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| picture | bare loop, ms a step | KSampler, ms a step | ratio |")
    print("|---|---|---|---|")
    loop = asyncio.new_event_loop()
    with open_engine(Path(tempfile.mkdtemp()), device="cpu", disk=False) as engine:
        jobs = Jobs(engine, options.steps, loop)
        for side, batch in SIZES:
            variants = {
                "bare": bare_loop("cpu", options.steps, side, batch),
                "KSampler": jobs.sampling(side, batch),
            }
            measured = interleaved(variants, rounds=options.rounds)
            costs = [measured[each].median / options.steps * 1e3 for each in ("bare", "KSampler")]
            over = ratio(measured, "KSampler", "bare")
            print(f"| {batch} × {side}² | {costs[0]:.2f} | {costs[1]:.2f} | {over:.3f} |")
    loop.close()


if __name__ == "__main__":
    main()
