"""What glibc's allocator costs a network on the CPU, and what the options in `nodes.device` gain.

Forwards of a random UNet of Stable Diffusion's shape, on a thread as in the device lane, in processes
that take turns:  `python tests/benchmarks/allocator.py [--rounds 3] [--width 320] [--size 64]`.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

VARIANTS = ("as it is", "kept")


def measure(variant: str, width: int, size: int, forwards: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import torch

    if variant == "kept":
        from nodes import device

        device.choose("cpu")
    from nodes.diffusion.loading import make_unet

    def work() -> None:
        torch.manual_seed(0)
        widths = (width, 2 * width, 4 * width, 4 * width)
        unet = make_unet({"block_out_channels": widths, "cross_attention_dim": 768})
        x, tokens = torch.randn(1, 4, size, size), torch.randn(1, 77, 768)
        with torch.inference_mode():
            unet(x, 1.0, encoder_hidden_states=tokens)
            for _ in range(forwards):
                start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
                unet(x, 1.0, encoder_hidden_states=tokens)
                wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                print(wall, cpu, after.ru_minflt - before.ru_minflt)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forwards", type=int, default=3)
    parser.add_argument("--width", type=int, default=320, help="channels of the first level")
    parser.add_argument("--size", type=int, default=64, help="of the latent")
    parser.add_argument("--variant", choices=VARIANTS, help="measure one, in this process")
    args = parser.parse_args()
    if args.variant:
        measure(args.variant, args.width, args.size, args.forwards)
        return
    found: dict[str, list[list[float]]] = {variant: [] for variant in VARIANTS}
    shape = ["--width", str(args.width), "--size", str(args.size), "--forwards", str(args.forwards)]
    for _ in range(args.rounds):
        for variant in VARIANTS:
            command = [sys.executable, __file__, "--variant", variant, *shape]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[variant] += [[float(word) for word in line.split()] for line in out.splitlines()]
    for variant, forwards in found.items():
        walls, cpus, faults = zip(*forwards, strict=True)
        print(
            f"{variant:10} wall: median {statistics.median(walls):.2f} s, best {min(walls):.2f} s; "
            f"cpu: median {statistics.median(cpus):.2f} s, best {min(cpus):.2f} s; "
            f"page faults {statistics.median(faults):.0f}; n={len(forwards)}"
        )


if __name__ == "__main__":
    main()
