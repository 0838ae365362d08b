"""The text-to-image run over diffusers' own pipeline, with the same model, steps and size.

    python tests/benchmarks/pipeline.py [--steps 20] [--rounds 9] [--threads 1]

Both are warm: the model is loaded.  Both encode the prompts, sample, decode, and give a PIL picture.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from engine.prompt import read_json
from nodes.yardsticks import PROMPT, pipeline
from server.benchmarks.measure import interleaved, ratio
from server.scripting import Workflow
from server.session import WORKFLOWS, open_engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    theirs = pipeline("cpu", options.steps)
    document = read_json((WORKFLOWS / "text_to_image.json").read_text(encoding="utf-8"))
    print("| run | CPU, ms | over diffusers |")
    print("|---|---|---|")
    with open_engine(Path(tempfile.mkdtemp()), device="cpu", disk=False) as engine:
        workflow = Workflow(document, engine)
        seeds = iter(range(1_000_000))

        def ours() -> None:
            workflow.run(prompt=PROMPT, steps=options.steps, seed=next(seeds))

        def ours_anew() -> None:
            workflow.run(prompt=PROMPT, steps=options.steps, seed=next(seeds), cache="refresh")

        variants = {
            "diffusers": theirs,
            "Safelight, a new seed": ours,
            "Safelight, nothing cached": ours_anew,
        }
        measured = interleaved(variants, rounds=options.rounds, warm_up=2)
        for name, each in measured.items():
            over = ratio(measured, name, "diffusers")
            print(f"| {name} | {each.median * 1e3:.0f} | {over:.3f} |")


if __name__ == "__main__":
    main()
