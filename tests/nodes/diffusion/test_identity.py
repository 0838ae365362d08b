"""Which weights are these."""

import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nodes.diffusion.errors import ModelError
from nodes.diffusion.identity import BLOCK, SAMPLES, weights_identity


def test_the_same_content_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        save_file({"x": torch.arange(1000.0)}, tmp_path / name)
    assert weights_identity(tmp_path / "a.safetensors") == weights_identity(tmp_path / "b.safetensors")
    assert len(weights_identity(tmp_path / "a.safetensors")) == 32


@pytest.mark.parametrize(
    "changed", [{"x": torch.ones(1000)}, {"y": torch.zeros(1000)}, {"x": torch.zeros(1001)}]
)
def test_other_values_names_and_sizes_are_another(tmp_path: Path, changed: dict[str, torch.Tensor]) -> None:
    save_file({"x": torch.zeros(1000)}, tmp_path / "a.safetensors")
    save_file(changed, tmp_path / "b.safetensors")
    assert weights_identity(tmp_path / "a.safetensors") != weights_identity(tmp_path / "b.safetensors")


@pytest.mark.parametrize("place", [0, -1])
def test_the_first_and_the_last_byte_of_a_large_file_count(tmp_path: Path, place: int) -> None:
    content = bytearray(SAMPLES * BLOCK * 3)
    (tmp_path / "a").write_bytes(content)
    content[place] = 1
    (tmp_path / "b").write_bytes(content)
    assert weights_identity(tmp_path / "a") != weights_identity(tmp_path / "b")


def test_a_fine_tune_is_seen_between_equal_headers(tmp_path: Path) -> None:
    weights = torch.rand(500_000)
    save_file({"x": weights}, tmp_path / "a.safetensors")
    save_file({"x": weights + 1e-3}, tmp_path / "b.safetensors")
    assert weights_identity(tmp_path / "a.safetensors") != weights_identity(tmp_path / "b.safetensors")


def test_a_huge_file_takes_milliseconds(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(20 * 2**30)  # sparse: takes no room
    start = time.perf_counter()
    weights_identity(tmp_path / "huge")
    assert time.perf_counter() - start < 0.5


def test_a_folder_is_all_that_its_components_say(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "config.json").write_text("{}")
        save_file({"x": torch.zeros(3)}, tmp_path / name / "unet" / "model.safetensors")
    one, two = tmp_path / "one", tmp_path / "two"
    (two / "README.md").write_text("about it")
    assert weights_identity(one) == weights_identity(two)
    (two / "unet" / "config.json").write_text('{"a": 1}')
    assert weights_identity(one) != weights_identity(two)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        weights_identity(tmp_path / "missing")
