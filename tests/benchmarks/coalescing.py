"""Sixteen text-to-image jobs at once over the same jobs one after the other, and what a network could gain.

    python tests/benchmarks/coalescing.py [--jobs 16] [--steps 20] [--rounds 5] [--threads 1]

Each job has a prompt, a seed and a cfg of its own and runs from its prompt to its written file.  The
ideal is the UNet's own gain: its time per row with 2 rows (one job) over that with 2 × jobs rows.
Then one job alone on an engine that merges, over one that does not.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measure import interleaved, ratio

from engine.engine import Engine
from engine.prompt import read_json
from server.session import WORKFLOWS, make_home, open_engine, read_workflow

SHAPES = ("circle", "square", "triangle", "star")
COLOURS = ("red", "green", "blue", "yellow")


def documents(engine: Engine, count: int, steps: int, first_seed: int) -> list[Any]:
    document = read_json((WORKFLOWS / "text_to_image.json").read_text(encoding="utf-8"))
    found = []
    for index in range(count):
        prompt = f"a {COLOURS[index % 4]} {SHAPES[index // 4 % 4]} on a white background"
        values = {"prompt": prompt, "seed": first_seed + index, "steps": steps, "3.cfg": 2.0 + index / 10}
        workflow = read_workflow(engine, document, values)
        assert not workflow.errors, workflow.errors
        found.append(workflow)
    return found


async def run(engine: Engine, workflows: list[Any], *, at_once: bool) -> None:
    async def one(workflow: Any) -> None:
        validation = workflow.validation
        plan = engine.plan(validation.graph, validation.outputs)
        result = await engine.run(plan, metadata=workflow.texts)
        assert result.status == "completed", result.failures

    if at_once:
        await asyncio.gather(*map(one, workflows))
        return
    for workflow in workflows:
        await one(workflow)


def unet(engine: Engine, rows: int, loop: asyncio.AbstractEventLoop) -> Callable[[], object]:
    """Forwards of the network, `rows` at a time, as many rows in all whatever that is; on the lane's thread."""
    from nodes.diffusion.checkpoints import identify
    from nodes.diffusion.loading import load_denoiser
    from nodes.pinhole import WEIGHTS

    network = load_denoiser(identify(WEIGHTS)).unet
    x, tokens = torch.randn(rows, 4, 16, 16), torch.randn(rows, 77, network.config.cross_attention_dim)  # type: ignore[union-attr]  # diffusers adds it
    levels = torch.full((rows,), 500.0)

    def forwards() -> None:
        for _ in range(128 // rows):
            network(x, levels, encoder_hidden_states=tokens, return_dict=False)

    return lambda: loop.run_until_complete(engine.parts.lanes.device.call(forwards))


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
        for engine in (merging, exact):
            make_home(engine.files)
        seeds = iter(range(0, 1 << 30, options.jobs))

        def jobs(engine: Engine, count: int, *, at_once: bool) -> Callable[[], object]:
            def go() -> None:
                engine.parts.memory.clear()
                workflows = documents(engine, count, options.steps, next(seeds))
                loop.run_until_complete(run(engine, workflows, at_once=at_once))

            return go

        variants = {
            "one after the other": jobs(exact, options.jobs, at_once=False),
            "at once, merged": jobs(merging, options.jobs, at_once=True),
            "UNet, 2 rows": unet(exact, 2, loop),
            f"UNet, {2 * options.jobs} rows": unet(exact, 2 * options.jobs, loop),
            "one job": jobs(exact, 1, at_once=False),
            "one job, merging": jobs(merging, 1, at_once=True),
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
