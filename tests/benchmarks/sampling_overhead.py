"""What the KSampler node costs beyond its network: its CPU time over that of a bare loop.

    python tests/benchmarks/sampling_overhead.py [--steps 20] [--rounds 9] [--threads 1]

The bare loop calls the same UNet with the same batches (both prompts in one) and does Euler's two lines.
Measured with Pinhole, the smallest network there is: the worst case for overhead.
"""

import argparse
import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from measure import interleaved, ratio

from engine.engine import Engine
from engine.graph import Graph
from engine.plan import Plan
from nodes.diffusion.schedules import sampler_sigmas
from server.session import open_engine, read_workflow

SIZES = ((128, 1), (128, 4), (512, 1))


def graph(steps: int, side: int, batch: int) -> dict[str, Any]:
    return {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "pinhole"}},
        "5": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": side, "height": side, "batch_size": batch},
        },
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["4", 0], "seed": 1, "steps": steps, "cfg": 2.0, "sampler_name": "euler",
                "scheduler": "normal", "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
            },
        },
        "_workflow": {"version": 1, "outputs": {"latent": ["3", 0]}},
    }  # fmt: skip


def soundly(engine: Engine, document: dict[str, Any]) -> Graph:
    found = read_workflow(engine, document)
    assert not found.errors
    return found.validation.graph


def values(engine: Engine, sound: Graph, loop: asyncio.AbstractEventLoop, *nodes: str) -> list[Any]:
    """What these nodes give."""
    result = loop.run_until_complete(engine.run(engine.plan(sound, nodes)))
    assert result.status == "completed", result.failures
    return [result.values(node)[0][0] for node in nodes]


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
        for side, batch in SIZES:
            sound = soundly(engine, graph(options.steps, side, batch))
            model, positive, negative = values(engine, sound, loop, "4", "6", "7")
            plan = engine.plan(sound, ["3"])  # everything but the sampler is cached now
            assert plan.missing in {("3",), ("5", "3")}
            denoiser = model.on("cpu").load()
            sigmas = sampler_sigmas("euler", "normal", denoiser.model_sampling, options.steps, 1.0).tolist()
            tokens = torch.cat([each[0].tokens.expand(batch, -1, -1) for each in (positive, negative)])
            cells = side // 8

            def bare(
                denoiser: Any = denoiser, sigmas: list[float] = sigmas, tokens: Any = tokens,
                shape: tuple[int, ...] = (batch, 4, cells, cells),
            ) -> None:  # fmt: skip
                sampling = denoiser.model_sampling
                with torch.inference_mode():
                    x = torch.randn(shape) * sigmas[0]
                    for sigma, following in pairwise(sigmas):
                        taken = sampling.model_input(x, sigma)
                        t = torch.full((2 * len(x),), sampling.timestep(sigma), dtype=torch.float32)
                        out = denoiser.unet(
                            torch.cat([taken, taken]), t, encoder_hidden_states=tokens, return_dict=False
                        )[0]
                        c, u = sampling.denoised(torch.cat([x, x]), out, sigma).chunk(2)
                        x = x + (x - (u + 2.0 * (c - u))) / sigma * (following - sigma)

            def sampler(plan: Plan = plan) -> None:
                engine.parts.memory.drop(plan.keys["3"])
                assert loop.run_until_complete(engine.run(plan)).status == "completed"

            measured = interleaved({"bare": bare, "KSampler": sampler}, rounds=options.rounds)
            costs = [measured[each].median / options.steps * 1e3 for each in ("bare", "KSampler")]
            over = ratio(measured, "KSampler", "bare")
            print(f"| {batch} × {side}² | {costs[0]:.2f} | {costs[1]:.2f} | {over:.3f} |")
    loop.close()


if __name__ == "__main__":
    main()
