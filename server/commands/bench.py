"""`safelight bench`: what Safelight costs and gains on this machine, beside the same work without it."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from engine.engine import Engine
from engine.errors import UserError
from server.benchmarks.jobs import Jobs
from server.benchmarks.measure import interleaved, ratio
from server.benchmarks.overhead import chain, runs
from server.commands.common import OK, add_json, print_json
from server.session import open_engine

PARTS: Final = ("memory", "engine", "sampling", "pipeline", "throughput")
CONCURRENT: Final = (1, 2, 4, 8, 16)
NODES: Final = 1000


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser(
        "bench",
        help="measure speed and memory on this machine",
        description="Measure with the embedded model, in turns with the same work without Safelight: the "
        "engine alone, sampling over a bare loop, text to image over diffusers' own pipeline, jobs at once, "
        "memory.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)} (all)")
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:1, mps (default: the best there is)"
    )
    parser.add_argument("--steps", type=at_least_one, default=20, metavar="N", help="of each picture (20)")
    parser.add_argument("--rounds", type=at_least_one, default=5, metavar="N", help="medians are of (5)")
    parser.add_argument(
        "--threads",
        type=at_least_one,
        metavar="N",
        help="of an operation on the CPU (as many as torch takes)",
    )
    parser.add_argument("--jobs", type=at_least_one, default=16, metavar="N", help="at once, at most (16)")
    add_json(parser)
    parser.set_defaults(main=main)


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


@dataclass(frozen=True)
class Row:
    """One line of the table: what, how long it takes here and without Safelight, and the ratio."""

    part: str
    name: str
    value: float
    unit: str
    yardstick: float | None = None
    ratio: float | None = None
    note: str = ""

    def __str__(self) -> str:
        beside = "" if self.yardstick is None else f"{self.yardstick:,.2f}"
        over = "" if self.ratio is None else f"{self.ratio:.3f}"
        cells = (self.part, self.name, f"{self.value:,.2f} {self.unit}", beside, over, self.note)
        return "| " + " | ".join(cells) + " |"


@dataclass
class Session:
    """What all parts measure with."""

    home: Path
    device: str
    steps: int
    rounds: int
    jobs: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def engine(self, name: str, *, merge: bool = False) -> Engine:
        return open_engine(self.home / name, device=self.device, disk=False, merge=merge)

    def on_device(self, engine: Engine, name: str, **options: Any) -> Callable[[], Any]:
        """Work without the engine, on the thread that the engine would do it on."""
        call = engine.parts.lanes.device.call
        yardstick = engine.registry.hooks.yardstick
        made = self.loop.run_until_complete(call(lambda: yardstick(name, engine.device, **options)))
        return lambda: self.loop.run_until_complete(call(made))

    def clock(self, engine: Engine) -> Callable[[], float]:
        """CPU seconds where the CPU computes: others of the machine do not count."""
        return process_time if engine.device == "cpu" else perf_counter


def main(arguments: argparse.Namespace) -> int:
    if strange := [part for part in arguments.parts if part not in PARTS]:
        raise UserError(f"there is no part {strange[0]!r} to measure; there are {', '.join(PARTS)}")
    with session(arguments) as found:
        rows = []
        if not arguments.json:
            print("| part | what | Safelight | without it | ratio | |\n|---|---|---|---|---|---|", flush=True)
        for part in arguments.parts or PARTS:
            for row in MEASURES[part](found):
                rows.append(row)
                if not arguments.json:
                    print(row, flush=True)
        if arguments.json:
            print_json({"rows": [vars(row) for row in rows]})
    return OK


@contextmanager
def session(arguments: argparse.Namespace) -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="safelight-bench-") as folder:
        found = Session(Path(folder), arguments.device, arguments.steps, arguments.rounds, arguments.jobs)
        try:
            if arguments.threads is not None:
                with found.engine("threads") as engine:
                    found.on_device(engine, "threads", number=arguments.threads)()
            yield found
        finally:
            found.loop.close()


def engine_alone(found: Session) -> Iterator[Row]:
    """Trivial nodes: what a node costs beside its own work."""
    measured = interleaved(runs(found.home / "trivial", chain(NODES), found.loop), rounds=found.rounds)
    for name, each in measured.items():
        yield Row("engine", f"a trivial node, {name}", each.median / NODES * 1e6, "µs")


def sampling(found: Session) -> Iterator[Row]:
    """KSampler over a loop of a few lines."""
    with found.engine("sampling") as engine:
        jobs = Jobs(engine, found.steps, found.loop)
        for side, batch in ((128, 1), (128, 4), (512, 1)):
            bare = found.on_device(engine, "bare loop", steps=found.steps, side=side, batch=batch)
            variants = {"bare": bare, "KSampler": jobs.sampling(side, batch)}
            measured = interleaved(variants, rounds=found.rounds, clock=found.clock(engine))
            ours, theirs = (measured[name].median / found.steps * 1e3 for name in ("KSampler", "bare"))
            over = ratio(measured, "KSampler", "bare")
            yield Row("sampling", f"a step of {batch} × {side}²", ours, "ms", theirs, over, "a bare loop")


def pipeline(found: Session) -> Iterator[Row]:
    """Text to image over diffusers' own pipeline."""
    with found.engine("pipeline") as engine:
        theirs = engine.registry.hooks.yardstick("pipeline", engine.device, steps=found.steps)
        variants = {
            "diffusers": theirs,
            "Safelight": Jobs(engine, found.steps, found.loop).run(1, at_once=True),
        }
        measured = interleaved(variants, rounds=found.rounds, warm_up=2, clock=found.clock(engine))
        ours, beside = (measured[name].median * 1e3 for name in ("Safelight", "diffusers"))
        over = ratio(measured, "Safelight", "diffusers")
        yield Row(
            "pipeline", "text to image, 128²", ours, "ms", beside, over, "diffusers; ours writes a file too"
        )


def throughput(found: Session) -> Iterator[Row]:
    """Jobs at once on an engine that merges, over the same jobs one after the other on one that does not."""
    with found.engine("merging", merge=True) as merging, found.engine("exact") as exact:
        together, apart = (Jobs(engine, found.steps, found.loop) for engine in (merging, exact))
        for number in (each for each in CONCURRENT if each <= found.jobs):
            rows = max(32, 8 * number)
            variants = {
                "apart": apart.run(number, at_once=False),
                "together": together.run(number, at_once=True),
                "2 rows": found.on_device(exact, "unet", rows=2, total=rows),
                "all rows": found.on_device(exact, "unet", rows=2 * number, total=rows),
            }
            measured = interleaved(variants, rounds=found.rounds, warm_up=2, clock=found.clock(exact))
            gain, ideal = ratio(measured, "apart", "together"), ratio(measured, "2 rows", "all rows")
            ours, beside = (number / measured[name].median for name in ("together", "apart"))
            note = f"one after the other; the UNet alone gains {ideal:.2f}"
            unit = "jobs/CPU s" if found.clock(exact) is process_time else "jobs/s"
            yield Row("throughput", f"{number} jobs at once", ours, unit, beside, gain, note)


def memory(found: Session) -> Iterator[Row]:
    """The most that the process, and a device with a memory of its own, ever held."""
    with found.engine("memory", merge=True) as engine:
        jobs = Jobs(engine, found.steps, found.loop)
        peak = found.on_device(engine, "device peak")
        for number in (1, found.jobs):
            jobs.run(number, at_once=True)()
            yield Row(
                "memory", f"the process, {number} jobs at once", resident_peak() / 1e6, "MB", note="peak"
            )
            if (taken := peak()) is not None:
                yield Row("memory", f"the device, {number} jobs at once", taken / 1e6, "MB", note="peak")
        yield Row("memory", "models that stay loaded", engine.parts.residency.nbytes / 1e6, "MB")


def resident_peak() -> int:
    """Bytes; what was measured before counts too, so this comes first."""
    try:
        import resource
    except ImportError:  # Windows does not tell
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


MEASURES: Final[dict[str, Callable[[Session], Iterator[Row]]]] = {
    "memory": memory,
    "engine": engine_alone,
    "sampling": sampling,
    "pipeline": pipeline,
    "throughput": throughput,
}
