"""Jobs that share the device's calls: equal latents within the tolerance, and troubles that stay at home.

The tolerance for float32 is 1e-4 of the largest value of a latent.
"""

import asyncio
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.batches import Batches
from engine.engine import Engine
from engine.events import Event, NodeFinished, NodeProgress, NodeSpan
from engine.files import Files
from engine.outcomes import Result
from engine.registry import Registry
from nodes.diffusion.asks import run_together
from nodes.diffusion.checkpoints import identify
from nodes.diffusion.denoisers import Row, UNetDenoiser
from nodes.diffusion.loading import load_autoencoder, load_denoiser, load_text_encoder
from nodes.diffusion.names import SAMPLERS, SCHEDULERS
from nodes.diffusion.text import TextEncoder
from nodes.diffusion.vae import Autoencoder
from nodes.pinhole import WEIGHTS
from tests.nodes.diffusion.loras import kohya, random_changes, written
from tests.nodes.diffusion.toys import one_thread  # noqa: F401  # a fixture

Graph = dict[str, Any]

TOLERANCE = 1e-4
LONG = " ".join(["a red circle on a white background and a small blue square beside it"] * 8)


def call(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def job(**changes: Any) -> Graph:
    """Text to latent (node 3) and picture (node 8)."""
    values = {"prompt": "a red circle", "batch": 1, "width": 64, **changes}
    graph = {
        "4": call("CheckpointLoaderSimple", ckpt_name="pinhole"),
        "5": call("EmptyLatentImage", width=values.pop("width"), height=64, batch_size=values.pop("batch")),
        "6": call("CLIPTextEncode", text=values.pop("prompt"), clip=["4", 1]),
        "7": call("CLIPTextEncode", text="", clip=["4", 1]),
        "8": call("VAEDecode", samples=["3", 0], vae=["4", 2]),
    }
    inputs = {
        "seed": 1, "steps": 3, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "model": ["4", 0],
        "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    } | values  # fmt: skip
    return graph | {"3": call("KSampler", **inputs)}


@dataclass
class Heard:
    """A run: how it ended, and what was told of it."""

    events: list[Event] = field(default_factory=list)
    result: Result | None = None

    @property
    def latent(self) -> Tensor:
        return self.value("3").samples  # type: ignore[no-any-return]  # a Latent

    def value(self, node: str) -> Any:
        assert self.result is not None
        return self.result.values(node)[0][0]

    def note(self, node: str = "3") -> str:
        """What the timeline says of a node's calls."""
        return next(
            e.note for e in self.events if isinstance(e, NodeSpan) and (e.node, e.kind) == (node, "device")
        )


async def run(engine: Engine, graph: Graph, heard: Heard, wanted: Sequence[str] = ("6", "3", "8")) -> Heard:
    validation = engine.validate(graph, wanted)
    assert not validation.errors, validation.errors
    heard.result = await engine.run(engine.plan(validation.graph, wanted), emit=heard.events.append)
    return heard


def at_once(engine: Engine, graphs: Sequence[Graph]) -> list[Heard]:
    async def main() -> list[Heard]:
        return await asyncio.gather(*(run(engine, graph, Heard()) for graph in graphs))

    return asyncio.run(main())


def opened(home: Path, *, merge: bool) -> Engine:
    registry = Registry()
    registry.load_builtin("nodes")
    files = Files(home)
    registry.contribute_models(files.models)
    return Engine.open(registry, files, device="cpu", merge=merge, disk=False)


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Merges whatever can be, and not only what the moment's measurements say is faster."""
    with opened(tmp_path_factory.mktemp("merging"), merge=True) as engine:
        engine.parts.devices.first.lane._batches = Eager()
        yield engine


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with opened(tmp_path_factory.mktemp("exact"), merge=False) as engine:
        yield engine


@pytest.fixture(autouse=True)
def nothing_cached(merging: Engine, exact: Engine) -> None:
    merging.parts.memory.clear()
    exact.parts.memory.clear()


class Eager(Batches):
    def limit(self, key: Hashable, least: int) -> int:
        speeds = self._speeds.get(key)
        return max(least, self.most if speeds is None else speeds.ceiling)


def close(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= TOLERANCE * other.abs().max())


JOBS: Mapping[str, Graph] = {
    name: job(
        sampler_name=name,
        seed=index,
        cfg=1.5 + index / 4,
        scheduler=SCHEDULERS[index % len(SCHEDULERS)],
        steps=3 + index % 3,
        batch=1 + index % 2,
        prompt=["a red circle", "a blue square above a green star", LONG][index % 3],
    )
    for index, name in enumerate(SAMPLERS)
}


@pytest.fixture(scope="module")
def every_sampler(merging: Engine) -> dict[str, Heard]:
    """All samplers at once, each with a prompt, a seed, a schedule, steps and a batch of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    heard = at_once(merging, list(JOBS.values()))
    torch.set_num_threads(before)
    return dict(zip(JOBS, heard, strict=True))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_latent_is_the_same_whoever_else_is_there(
    name: str, every_sampler: dict[str, Heard], exact: Engine
) -> None:
    merged, [alone] = every_sampler[name], at_once(exact, [JOBS[name]])
    assert "shared by up to" in merged.note()
    assert close(merged.latent, alone.latent)
    assert (merged.value("8") - alone.value("8")).abs().max() < 1e-3


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> list[int]:
    """How many rows each call of a network has."""
    sizes: list[int] = []
    real = getattr(owner, method)

    def called(self: Any, *args: Any) -> Any:
        sizes.append(len(args[-1]))
        return real(self, *args)

    monkeypatch.setattr(owner, method, called)
    return sizes


def test_texts_share_calls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_text_encoder(identify(WEIGHTS))
    prompts = ["a red circle", "a (blue:1.4) square", LONG, ""]
    alone = [encoder.encode(prompt) for prompt in prompts]
    sizes = counted(monkeypatch, TextEncoder, "_forward")
    together = run_together([encoder.encoding(prompt) for prompt in prompts])
    assert sizes == [4]
    for (tokens, pooled), (expected_tokens, expected_pooled) in zip(together, alone, strict=True):
        assert close(tokens, expected_tokens)
        assert close(pooled, expected_pooled)


def test_pictures_share_calls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    vae = load_autoencoder(identify(WEIGHTS))
    latents = [torch.randn(count, 4, 8, 8) for count in (1, 2, 1)]
    pictures = [vae.decode(latent) for latent in latents]
    again = [vae.encode(each) for each in pictures]
    decodes, encodes = (counted(monkeypatch, Autoencoder, each) for each in ("_decode", "_encode"))
    together = run_together([vae.decoding(latent) for latent in latents])
    back = run_together([vae.encoding(each) for each in pictures])
    assert decodes == encodes == [3, 1]  # a batch is asked one by one, as it would be alone
    assert all(close(one, other) for one, other in zip(together + back, pictures + again, strict=True))


def test_regions_share_calls_with_whole_pictures_of_their_size(merging: Engine, exact: Engine) -> None:
    def regional(seed: int) -> Graph:
        graph = job(seed=seed, width=128, positive=["10", 0])
        graph["9"] = call(
            "ConditioningSetArea", conditioning=["6", 0], width=64, height=64, x=32, y=0, strength=1.0
        )
        graph["10"] = call("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["9", 0])
        return graph

    graphs = [regional(1), job(seed=2, steps=4), regional(3)]
    merged = at_once(merging, graphs)
    assert all("shared by up to" in each.note() for each in merged)
    for each, graph in zip(merged, graphs, strict=True):
        assert close(each.latent, at_once(exact, [graph])[0].latent)


def test_pictures_of_other_sizes_go_apart_and_the_timeline_says_why(merging: Engine) -> None:
    small, large = at_once(merging, [job(), job(width=128)])
    assert "other size" in small.note() + large.note()
    assert "shared" not in small.note() + large.note()


def test_jobs_with_equal_loras_share_calls_and_others_go_apart(tmp_path: Path, exact: Engine) -> None:
    module = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    changes = random_changes(load_denoiser(identify(WEIGHTS)).unet, [module])

    def graphs(engine: Engine) -> list[Graph]:
        loras = engine.files.home / "models/loras"
        loras.mkdir(parents=True, exist_ok=True)
        written(loras / "x.safetensors", changes, kohya)
        found = []
        for seed, strength in enumerate((0.0, 1.0, 1.0, 0.5)):
            graph = job(seed=seed, steps=4)
            if strength:
                inputs = {"lora_name": "x.safetensors", "strength_model": strength, "model": ["4", 0]}
                graph["9"] = call("LoraLoaderModelOnly", **inputs)
                graph["3"]["inputs"]["model"] = ["9", 0]
            found.append(graph)
        return found

    with opened(tmp_path, merge=True) as engine:
        engine.parts.devices.first.lane._batches = Eager()
        at_once(engine, graphs(engine))  # all are loaded now
        engine.parts.memory.clear()
        plain, one, other, half = at_once(engine, graphs(engine))
    assert "other model" in plain.note() + one.note() + half.note()
    assert "shared" not in plain.note() + half.note()
    assert "shared" in one.note()
    assert "shared" in other.note()
    for each, graph in zip((plain, one, other, half), graphs(exact), strict=True):
        assert close(each.latent, at_once(exact, [graph])[0].latent)


def test_a_job_that_joins_later_shares_what_is_left(merging: Engine, exact: Engine) -> None:
    first, late = job(steps=40), job(steps=3, seed=9, prompt="a blue star")

    async def main() -> list[Heard]:
        begun = Heard()
        running = asyncio.ensure_future(run(merging, first, begun))
        while not any(isinstance(event, NodeProgress) and event.done >= 3 for event in begun.events):
            await asyncio.sleep(0.001)
        joined = await run(merging, late, Heard())
        return [await running, joined]

    merged = asyncio.run(main())
    assert all("shared by up to 2" in each.note() for each in merged)
    for each, graph in zip(merged, (first, late), strict=True):
        assert close(each.latent, at_once(exact, [graph])[0].latent)


# One job's end is its own.


def test_cancelling_one_job_leaves_the_pictures_of_the_others_as_they_were(
    merging: Engine, exact: Engine
) -> None:
    graphs = [job(seed=seed, steps=8, sampler_name="euler_ancestral") for seed in range(3)]

    async def main() -> list[Any]:
        heard = [Heard() for _ in graphs]
        jobs = [
            asyncio.ensure_future(run(merging, graph, each))
            for graph, each in zip(graphs, heard, strict=True)
        ]
        while not any(isinstance(event, NodeProgress) and event.done >= 2 for event in heard[1].events):
            await asyncio.sleep(0.001)
        jobs[1].cancel()
        return await asyncio.gather(*jobs, return_exceptions=True)

    first, cancelled, last = asyncio.run(main())
    assert isinstance(cancelled, asyncio.CancelledError)
    for each, graph in ((first, graphs[0]), (last, graphs[2])):
        assert close(each.latent, at_once(exact, [graph])[0].latent)


class Trouble:
    """What is done to the network's calls while a test lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        real = UNetDenoiser.__call__

        def called(denoiser: UNetDenoiser, rows: Sequence[Row], /) -> list[Tensor]:
            self.sizes.append(sum(len(row.x) for row in rows))
            return self.answer(rows, real(denoiser, rows))

        monkeypatch.setattr(UNetDenoiser, "__call__", called)

    def answer(self, rows: Sequence[Row], answers: list[Tensor]) -> list[Tensor]:
        raise NotImplementedError


class OneIsNaN(Trouble):
    """Answers NaN to those whose schedule is on its way below sigma 2 and whose text is LONG."""

    def answer(self, rows: Sequence[Row], answers: list[Tensor]) -> list[Tensor]:
        return [
            answer * (torch.nan if row.sigma < 2 and row.tokens.shape[1] > 77 else 1)
            for row, answer in zip(rows, answers, strict=True)
        ]


class OneBreaks(Trouble):
    """A kernel that fails whenever a long text is among the rows."""

    def answer(self, rows: Sequence[Row], answers: list[Tensor]) -> list[Tensor]:
        if any(row.tokens.shape[1] > 77 for row in rows):
            raise RuntimeError("CUDA error: device-side assert triggered")
        return answers


class IsSmall(Trouble):
    """A device that holds three rows."""

    def answer(self, rows: Sequence[Row], answers: list[Tensor]) -> list[Tensor]:  # noqa: ARG002
        if self.sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answers


THREE = [job(seed=1), job(seed=2, prompt=LONG, steps=4), job(seed=3, sampler_name="heun")]


def fates(
    engine: Engine, exact: Engine, monkeypatch: pytest.MonkeyPatch, trouble: type[Trouble]
) -> list[str]:
    """Three jobs at once with trouble: what became of each."""
    alone = [at_once(exact, [graph])[0].latent for graph in THREE]
    with monkeypatch.context() as patch:
        trouble(patch)
        heard = at_once(engine, THREE)
    told = []
    for each, latent in zip(heard, alone, strict=True):
        assert each.result is not None
        failures = [failure.message for failure in each.result.failures]
        told.append(failures[0] if failures else "as it was" if close(each.latent, latent) else "changed")
    return told


def test_a_latent_that_is_not_a_number_ends_its_own_job(
    merging: Engine, exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, broken, last = fates(merging, exact, monkeypatch, OneIsNaN)
    assert "not a number at step" in broken
    assert "of 4" in broken
    assert (first, last) == ("as it was", "as it was")


def test_an_error_of_the_device_ends_those_who_fail_alone_too(
    merging: Engine, exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, broken, last = fates(merging, exact, monkeypatch, OneBreaks)
    assert "device-side assert" in broken
    assert (first, last) == ("as it was", "as it was")


def test_a_device_that_is_too_small_for_all_does_them_in_parts(
    merging: Engine, exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fates(merging, exact, monkeypatch, IsSmall) == ["as it was"] * 3


def test_a_picture_that_does_not_fit_is_decoded_in_tiles_and_the_next_is_whole_again(
    exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, whole = job(width=256), Autoencoder._decode
    [before] = at_once(exact, [graph])
    exact.parts.memory.clear()

    def small(autoencoder: Autoencoder, latent: Tensor) -> Tensor:
        if latent.shape[-1] * latent.shape[-2] > 600:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(autoencoder, latent)

    with monkeypatch.context() as patch:
        patch.setattr(Autoencoder, "_decode", small)
        [tiled] = at_once(exact, [graph])
    assert (tiled.value("8") - before.value("8")).abs().mean() < 0.05
    exact.parts.memory.clear()
    assert torch.equal(at_once(exact, [graph])[0].value("8"), before.value("8"))


def test_what_does_not_fit_at_all_is_told_and_harms_nothing(
    exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB at 0x7f")

    phases = {"6": "clip.ClipText.forward", "3": "denoisers.UNetDenoiser._forward"}
    for node, method in (phases | {"8": "vae.Autoencoder._decode"}).items():
        exact.parts.memory.clear()
        with monkeypatch.context() as patch:
            patch.setattr(f"nodes.diffusion.{method}", full)
            [heard] = at_once(exact, [job(prompt="a full device")])
        assert heard.result is not None
        failure = heard.result.failures[0]
        assert failure.node in {node, "7"}
        assert failure.kind == "MemoryError", failure.details
        assert "not enough memory" in failure.message
        assert "0x7f" not in failure.message
    assert at_once(exact, [job()])[0].result.status == "completed"  # type: ignore[union-attr]  # it has ended


def test_a_load_that_does_not_fit_is_told_and_tried_again_by_the_next_job(
    exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB at 0x7f")

    exact.parts.residency.free()
    assert exact.parts.residency.nbytes == 0
    with monkeypatch.context() as patch:
        patch.setattr("nodes.diffusion.loading.build", full)
        [heard] = at_once(exact, [job(prompt="a full device")])
    assert heard.result is not None
    assert (
        "there is not enough memory for the model weights (text encoder)" in heard.result.failures[0].message
    )
    assert at_once(exact, [job()])[0].latent.isfinite().all()


def test_a_picture_that_cannot_be_encoded_even_in_tiles_is_told(
    exact: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError

    graph = {
        "1": call("EmptyImage", width=64, height=64, batch_size=1, color=0xFF0000),
        "4": call("CheckpointLoaderSimple", ckpt_name="pinhole"),
        "3": call("VAEEncode", pixels=["1", 0], vae=["4", 2]),
    }
    with monkeypatch.context() as patch:
        patch.setattr(Autoencoder, "_encode", full)
        heard = asyncio.run(run(exact, graph, Heard(), ("3",)))
    assert heard.result is not None
    assert "even in tiles; make the picture smaller" in heard.result.failures[0].message
    assert asyncio.run(run(exact, graph, Heard(), ("3",))).latent.isfinite().all()


# Exact by construction.


def test_two_exact_runs_at_once_are_bit_for_bit_what_they_are_alone(exact: Engine) -> None:
    graphs = [job(seed=1), job(seed=2, prompt=LONG)]
    together = at_once(exact, graphs)
    exact.parts.memory.clear()
    for each, graph in zip(together, graphs, strict=True):
        assert torch.equal(each.latent, at_once(exact, [graph])[0].latent)
        assert "shared" not in each.note()


def test_one_job_on_an_engine_that_merges_is_exact(merging: Engine, exact: Engine) -> None:
    [one], [other] = at_once(merging, [job(batch=2)]), at_once(exact, [job(batch=2)])
    assert torch.equal(one.latent, other.latent)
    assert torch.equal(one.value("8"), other.value("8"))
    assert all(isinstance(event.node, str) for event in one.events if isinstance(event, NodeFinished))
