"""Models between the disk, the host's memory and a device with its own memory, which the CPU plays here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.engine import Engine
from engine.files import Files
from engine.registry import Registry
from nodes import device, sockets
from nodes.diffusion.streaming import _Block
from tests.nodes.diffusion.toys import one_thread  # noqa: F401  # a fixture


@contextmanager
def opened(home: Path, megabytes: float) -> Iterator[Engine]:
    registry = Registry()
    registry.load_builtin("nodes")
    budget = int(megabytes * 1e6)
    registry.hooks = replace(registry.hooks, model_memory=lambda _device: lambda: budget)
    files = Files(home)
    registry.contribute_models(files.models)
    with Engine.open(registry, files, device="cpu", disk=False) as engine:
        yield engine


@pytest.fixture
def own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "OWN_MEMORY", {"cpu"})
    monkeypatch.setattr(sockets, "LOADED", type(sockets.LOADED)())


def sampled(engine: Engine, seed: int = 1) -> Tensor:
    def call(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    graph = {
        "4": call("CheckpointLoaderSimple", ckpt_name="pinhole"),
        "5": call("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": call("CLIPTextEncode", text="a red circle", clip=["4", 1]),
        "3": call(
            "KSampler", model=["4", 0], seed=seed, steps=2, cfg=2.0, sampler_name="euler", scheduler="normal",
            positive=["6", 0], negative=["6", 0], latent_image=["5", 0],
        ),
    }  # fmt: skip
    validation = engine.validate(graph, ["3"])
    result = asyncio.run(engine.run(engine.plan(validation.graph, ["3"])))
    samples: Tensor = result.values("3")[0][0].samples
    return samples


@pytest.fixture
def expected(tmp_path: Path) -> Tensor:
    with opened(tmp_path / "plain", 1000) as engine:
        return sampled(engine)


def test_what_the_device_lets_go_comes_back_from_the_host_s_memory(
    tmp_path: Path, expected: Tensor, own_memory: None
) -> None:
    with opened(tmp_path, 1000) as engine:
        assert torch.equal(sampled(engine), expected)
        report = engine.parts.residency.report()
        assert any("denoiser" in each.label for each in report["cpu"])
        assert [each.label for each in report["host"]] == ["weights (denoiser)"]  # the name of its folder
        behind = engine.parts.devices.first.residency.behind
        assert behind is not None
        engine.parts.devices.first.residency.free()
        engine.parts.memory.clear()
        assert torch.equal(sampled(engine), expected)
        assert behind.loads == 1
    assert own_memory is None


def test_a_denoiser_that_is_larger_than_the_device_computes_in_blocks(
    tmp_path: Path, expected: Tensor, own_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = []
    real = _Block.enter

    def enter(block: _Block) -> None:
        entered.append(block)
        real(block)

    monkeypatch.setattr(_Block, "enter", enter)
    with opened(tmp_path, 12) as engine:  # of 17 MB
        assert torch.equal(sampled(engine), expected)
    assert len(entered) > 4
    assert own_memory is None


def test_sizes_are_known_before_anything_is_loaded(tmp_path: Path, own_memory: None) -> None:
    with opened(tmp_path, 1000) as engine:
        sampled(engine)
        residency = engine.parts.devices.first.residency
        for identity, (nbytes, _) in residency._sizes.items():
            assert nbytes > 0, identity
    assert own_memory is None


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_the_device_s_own_questions_need_no_torch(name: str) -> None:
    assert device.has_memory(name) == name.startswith("cuda")
    assert (device.model_memory(name) is None) == (not name.startswith("cuda"))
    assert device.itemsize(name, "denoiser") in {2, 4}


def test_memory_that_was_let_go_can_be_given_back_and_errors_that_mean_a_lack_of_it_are_known() -> None:
    device.give_back()
    assert device.is_full(MemoryError())
    assert device.is_full(torch.OutOfMemoryError("CUDA out of memory"))
    assert device.is_full(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))
    assert not device.is_full(RuntimeError("a shape is wrong"))
