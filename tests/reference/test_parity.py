"""A saved workflow gives here what it gave before."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from engine.engine import Engine
from nodes.diffusion.checkpoints import identify
from nodes.diffusion.loading import load_text_encoder
from server.scripting import Workflow
from server.session import open_engine

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TOLERANCE = 1e-4
LATENTS = sorted(path.stem for path in HERE.glob("*.safetensors") if not path.stem.startswith("cond_"))


def error(result: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest value."""
    assert result.shape == expected.shape
    return float((result - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def engine(sd15: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that finds the checkpoint in its models folder."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "sd15_random.safetensors").symlink_to(sd15)
    with open_engine(home, device="cpu") as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "graph"), [("cond_pos", "sampler_euler"), ("cond_weighted", "misc_weighting")]
)
def test_text_is_encoded_as_before(name: str, graph: str, sd15: Path) -> None:
    expected = load_file(HERE / f"{name}.safetensors")
    document = json.loads((HERE / f"{graph}.json").read_text())
    tokens, pooled = load_text_encoder(identify(sd15)).encode(document["6"]["inputs"]["text"])
    assert error(tokens, expected["cond0"]) < TOLERANCE
    assert error(pooled, expected["pooled0"]) < TOLERANCE


@pytest.mark.parametrize("name", LATENTS)
def test_a_saved_workflow_gives_the_same_latent_as_before(name: str, engine: Engine) -> None:
    document = json.loads((HERE / f"{name}.json").read_text())
    [file] = Workflow(document, engine).run().files
    assert file.suffix == ".latent"
    found = load_file(file)["latent_tensor"]
    assert error(found, load_file(HERE / f"{name}.safetensors")["latent_tensor"]) < TOLERANCE
