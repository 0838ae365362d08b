"""Upscaling nodes: from a file's name to larger pictures."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import UserError
from engine.events import NodeProgress
from nodes.diffusion.asks import Ask
from nodes.diffusion.asks import run as at_once
from nodes.upscale import TILES, image_upscale_with_model, upscale_model_loader, upscaled
from tests.nodes.diffusion.esrgan import made, written


@pytest.fixture
def folder(home: Any) -> Path:
    folder: Path = home.files.home / "models/upscale_models"
    folder.mkdir(parents=True)
    return folder


def test_a_picture_becomes_larger_by_the_model_s_factor(home: Any, folder: Path) -> None:
    written(folder / "x4.safetensors", made(), "old")
    model = home.call(upscale_model_loader, model_name="x4.safetensors")
    larger = home.call(image_upscale_with_model, upscale_model=model, image=torch.rand(2, 10, 8, 3))
    assert larger.shape == (2, 40, 32, 3)
    told = [(each.done, each.total) for each in home.events if isinstance(each, NodeProgress)]
    assert told == [(1, 2), (2, 2)]


def test_what_is_no_upscaler_is_told_before_a_run(home: Any, folder: Path) -> None:
    (folder / "old.pth").write_bytes(b"\x80\x02")
    check = upscale_model_loader.spec.check
    assert check is not None
    assert "pickled" in check(home.files, model_name="old.pth")["model_name"]
    assert "no model 'x'" in check(home.files, model_name="x")["model_name"]


def test_a_file_that_changed_is_not_taken_for_the_one_that_was_chosen(home: Any, folder: Path) -> None:
    path = written(folder / "x4.safetensors", made())
    model = home.call(upscale_model_loader, model_name="x4.safetensors")
    codec = model.__socket__.codec
    packed = codec.pack(model)
    assert codec.unpack(packed) == model
    written(path, made(ups=1))
    with pytest.raises(UserError, match="has changed"):
        codec.unpack(packed)


def test_smaller_tiles_are_taken_when_memory_does_not_hold_large_ones() -> None:
    tried = []

    class Upscaler:
        def enlarging(self, _image: object, tile: int, **_: object) -> Any:
            def full(_rows: object) -> Any:
                tried.append(tile)
                raise torch.OutOfMemoryError

            if tile > limit:
                yield [Ask("full", full, None)]
            return "done"

    limit = TILES[-1]
    use: Any = upscaled
    assert at_once(use(Upscaler(), None, None)) == "done"
    assert tried == list(TILES[:-1])
    limit = 0
    with pytest.raises(UserError, match="not enough memory"):
        at_once(use(Upscaler(), None, None))
