"""Loaders give recipes at once, and say what is wrong with a file before a run begins."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import nodes
from engine.errors import UserError
from nodes import device, recognition
from nodes.loaders import checkpoint_loader_simple, vae_loader
from nodes.sockets import Clip, Model, Vae
from nodes.text import clip_set_last_layer

PINHOLE = nodes.MODELS["checkpoints"]["pinhole"]


def problems(home: Any, name: str) -> Mapping[str, str]:
    check = checkpoint_loader_simple.spec.check
    assert check is not None
    return check(home.files, ckpt_name=name)


def test_a_checkpoint_gives_three_recipes(home: Any) -> None:
    loaded = home.call(checkpoint_loader_simple, ckpt_name="pinhole")
    assert [type(each) for each in loaded] == [Model, Clip, Vae]
    assert problems(home, "pinhole") == {}


def test_the_embedded_model_is_the_first_choice(home: Any) -> None:
    choices = checkpoint_loader_simple.spec.inputs["ckpt_name"].choices
    assert choices is not None
    (home.files.home / "models/checkpoints").mkdir(parents=True)
    (home.files.home / "models/checkpoints/a.safetensors").touch()
    assert choices.values(home.files) == ["pinhole", "a.safetensors"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "no model 'missing.safetensors'"),
        ("old.ckpt", b"\x80\x02", "pickled"),
        ("half.safetensors", (2000).to_bytes(8, "little") + b'{"a":', "truncated"),
        ("page.safetensors", b"<!DOCTYPE html>", "web page"),
        ("empty.safetensors", b"", "is empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_known_before_a_run(
    home: Any, name: str, content: bytes | None, message: str
) -> None:
    folder = home.files.home / "models/checkpoints"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / name).write_bytes(content)
    assert message in problems(home, name)["ckpt_name"]
    with pytest.raises(UserError, match=message):
        home.call(checkpoint_loader_simple, ckpt_name=name)


def test_a_fingerprint_is_that_of_the_weights_and_not_of_the_name(home: Any) -> None:
    fingerprint = checkpoint_loader_simple.spec.fingerprint
    assert fingerprint is not None
    copy = home.files.home / "models/checkpoints/copy"
    shutil.copytree(PINHOLE, copy)
    assert fingerprint(home.files, ckpt_name="copy") == fingerprint(home.files, ckpt_name="pinhole")
    config = copy / "unet/config.json"
    config.write_text(config.read_text() + " ")
    assert fingerprint(home.files, ckpt_name="copy") != fingerprint(home.files, ckpt_name="pinhole")
    assert fingerprint(home.files, ckpt_name=None) is None


def test_a_vae_can_come_from_a_folder_of_its_own(home: Any) -> None:
    shutil.copytree(PINHOLE, home.files.home / "models/vae/mine")
    vae = home.call(vae_loader, vae_name="mine")
    assert vae.path.name == "mine"
    assert vae.on("cpu").load().nbytes > 0


def test_a_recipe_refuses_weights_that_came_later(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PINHOLE, copy)
    model = Model(copy, recognition.checkpoint(copy).identity)
    with (copy / "unet/config.json").open("a") as config:
        config.write(" ")
    with pytest.raises(UserError, match="has changed"):
        model.on("cpu").load()


def test_residency_can_tell_models_apart_and_weigh_them(home: Any) -> None:
    model, clip, vae = home.call(checkpoint_loader_simple, ckpt_name="pinhole")
    placed = [model.on("cpu"), clip.on("cpu"), vae.on("cpu")]
    assert len({each.identity for each in placed} | {model.on("cuda:0").identity}) == 4
    assert all(each.load().nbytes > 10_000 for each in placed)
    skipping = clip_set_last_layer(clip=clip, stop_at_clip_layer=-2)
    assert skipping.on("cpu").identity == clip.on("cpu").identity


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="unknown device 'gpu'"):
        device.profile("gpu")
    with pytest.raises(UserError, match=r"no device 'cuda:99' on this machine; there is"):
        device.choose("cuda:99")
    assert device.profile("cpu").startswith("cpu float32")
