"""Upscalers of the ESRGAN family: the same pictures whatever the layout of their file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from nodes.diffusion.errors import ModelError
from nodes.diffusion.upscalers import load_upscaler
from tests.nodes.diffusion.esrgan import made, written


@pytest.mark.parametrize("layout", ["old", "middle", "new"])
@pytest.mark.parametrize("ups", [1, 2])
def test_pictures_are_those_of_the_original_network(layout: str, ups: int, tmp_path: Path) -> None:
    theirs = made(ups=ups)
    ours = load_upscaler(written(tmp_path / "a.safetensors", theirs, layout))
    pictures = torch.rand(2, 9, 12, 3)
    expected = theirs(pictures.movedim(-1, 1)).movedim(1, -1).clamp(0, 1)
    assert ours.network.scale == 2**ups
    torch.testing.assert_close(ours(pictures), expected, rtol=0, atol=1e-6)


def test_a_file_may_hold_its_tensors_under_a_prefix(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", made(), "new", "params_ema.")
    assert load_upscaler(path).network.scale == 4


def test_a_network_that_reads_blocks_of_pixels_gives_what_they_stand_for(tmp_path: Path) -> None:
    theirs = made(taken=12)
    ours = load_upscaler(written(tmp_path / "x2.safetensors", theirs))
    assert ours.network.scale == 2
    pictures = torch.rand(1, 8, 6, 3)
    blocks = functional.pixel_unshuffle(pictures.movedim(-1, 1), 2)
    expected = theirs(blocks).movedim(1, -1).clamp(0, 1)
    torch.testing.assert_close(ours(pictures), expected, rtol=0, atol=1e-6)
    assert ours(torch.rand(1, 7, 5, 3)).shape == (1, 14, 10, 3)


def test_tiles_join_to_the_picture_as_a_whole(tmp_path: Path) -> None:
    ours = load_upscaler(written(tmp_path / "a.safetensors", made(blocks=1)))
    rows, columns = torch.linspace(0, 3, 70)[:, None], torch.linspace(0, 3, 90)
    zero = 0 * rows * columns
    waves = [rows.sin() * columns.cos(), rows.cos() + zero, columns.sin() + zero]
    picture = torch.stack(waves, -1)[None].abs()
    told: list[tuple[int, int]] = []
    whole = ours(picture, on_tile=lambda *done: told.append(done))
    assert told == [(1, 1)]
    tiles = ours(picture, tile=48, on_tile=lambda *done: told.append(done))
    assert told[1:] == [(i, len(told) - 1) for i in range(1, len(told))]
    assert len(told) > 5
    assert tiles.shape == whole.shape == (1, 280, 360, 3)
    assert (tiles - whole).abs().max() < 0.02


def test_transparency_is_left_out(tmp_path: Path) -> None:
    ours = load_upscaler(written(tmp_path / "a.safetensors", made()))
    pictures = torch.rand(1, 8, 8, 4)
    assert torch.equal(ours(pictures), ours(pictures[..., :3]))


def refusal(path: Path, **tensors: tuple[int, ...]) -> str:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    with pytest.raises(ModelError) as caught:
        load_upscaler(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("layers.0.residual_group.blocks.0.norm1.weight", "is a SwinIR upscaler"),
        ("body.0.weight", "is a compact Real-ESRGAN"),
        ("model.diffusion_model.out.0.weight", "is no upscaler of the ESRGAN family"),
        ("body.x.rdb1.conv1.weight", "is no upscaler of the ESRGAN family"),
        ("model.0.weight", "is no upscaler of the ESRGAN family"),
    ],
)
def test_other_kinds_are_refused_by_name(name: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path / "other.safetensors", **{name: (4, 3, 3, 3)})


def test_a_network_of_other_than_colour_pictures_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "gray.safetensors", made(taken=1))
    with pytest.raises(ModelError, match="takes 1 channels and gives 3"):
        load_upscaler(path)


def test_a_file_that_lacks_tensors_is_incomplete(tmp_path: Path) -> None:
    first, block = "conv_first.weight", "body.0.rdb1.conv1.weight"
    assert "has no conv_last.weight" in refusal(
        tmp_path / "half.safetensors", **{first: (8, 3, 3, 3), block: (4, 8, 3, 3)}
    )
