"""A saved workflow gives here what it gave before."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from nodes.diffusion import asks
from nodes.diffusion.checkpoints import identify
from nodes.diffusion.components import Checkpoint
from nodes.diffusion.conditioning import Cond, Conditioning
from nodes.diffusion.denoisers import UNetDenoiser
from nodes.diffusion.loading import load_autoencoder, load_denoiser, load_text_encoder
from nodes.diffusion.noise import initial_noise
from nodes.diffusion.sampling import sample
from nodes.diffusion.schedules import sampler_sigmas
from nodes.diffusion.text import TextEncoder

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TOLERANCE = 1e-4
LATENTS = sorted(path.stem for path in HERE.glob("*.safetensors") if not path.stem.startswith("cond_"))


def error(result: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest value."""
    assert result.shape == expected.shape
    return float((result - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def checkpoint(sd15: Path) -> Checkpoint:
    return identify(sd15)


@pytest.fixture(scope="module")
def text_encoder(checkpoint: Checkpoint) -> TextEncoder:
    return load_text_encoder(checkpoint)


@pytest.fixture(scope="module")
def denoiser(checkpoint: Checkpoint) -> UNetDenoiser:
    return load_denoiser(checkpoint)


@pytest.mark.parametrize(
    ("name", "graph"), [("cond_pos", "sampler_euler"), ("cond_weighted", "misc_weighting")]
)
def test_text_is_encoded_as_before(name: str, graph: str, text_encoder: TextEncoder) -> None:
    expected = load_file(HERE / f"{name}.safetensors")
    tokens, pooled = text_encoder.encode(inputs(graph, "6")["text"])
    assert error(tokens, expected["cond0"]) < TOLERANCE
    assert error(pooled, expected["pooled0"]) < TOLERANCE


@pytest.mark.parametrize("name", LATENTS)
def test_a_workflow_gives_the_same_latent_as_before(
    name: str, checkpoint: Checkpoint, text_encoder: TextEncoder, denoiser: UNetDenoiser
) -> None:
    def encoded(node: str) -> Conditioning:
        tokens, pooled = text_encoder.encode(inputs(name, node)["text"])
        return (Cond(tokens, pooled),)

    expected = load_file(HERE / f"{name}.safetensors")["latent_tensor"]
    settings = inputs(name, "3")
    sampler, seed = settings["sampler_name"], settings["seed"]
    sigmas = sampler_sigmas(
        sampler, settings["scheduler"], checkpoint.sampling, settings["steps"], settings["denoise"]
    )
    latent = start(name, checkpoint)
    steps = sample(
        denoiser,
        latent,
        noise=initial_noise(latent.shape, seed),
        sampler_name=sampler,
        sigmas=sigmas,
        positive=encoded("6"),
        negative=encoded("7"),
        cfg=settings["cfg"],
        seed=seed,
    )
    with torch.inference_mode():
        assert error(asks.run(steps), expected) < TOLERANCE


def start(name: str, checkpoint: Checkpoint) -> Tensor:
    """The latent that the graph samples from: empty, or a picture of one colour."""
    settings = inputs(name, "5")
    if "pixels" not in settings:
        return torch.zeros(settings["batch_size"], 4, settings["height"] // 8, settings["width"] // 8)
    picture = inputs(name, settings["pixels"][0])
    colour = torch.tensor(list(picture["color"].to_bytes(3, "big"))) / 255
    return load_autoencoder(checkpoint).encode(colour.expand(1, picture["height"], picture["width"], 3))


def inputs(name: str, node: str) -> dict[str, Any]:
    """The inputs of a node of the graph that was run."""
    graph: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    found: dict[str, Any] = graph[node]["inputs"]
    return found
