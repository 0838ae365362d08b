"""Loaders give recipes at once, and say what is wrong with a file before a run begins."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import nodes
from engine.errors import UserError
from nodes import device, recognition
from nodes.latent import empty_latent_image
from nodes.loaders import (
    checkpoint_loader_simple,
    clip_loader,
    image_only_checkpoint_loader,
    unet_loader,
    vae_loader,
)
from nodes.model_sampling import model_sampling_aura_flow
from nodes.sampling import k_sampler
from nodes.sockets import Clip, ClipVision, Model, Vae
from nodes.text import clip_set_last_layer, clip_text_encode
from nodes.vae import vae_decode
from tests.nodes.diffusion.tiny_models import TinyModel

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


# One network by itself.


def placed(home: Any, folder: str, name: str, state: dict[str, torch.Tensor]) -> None:
    place = home.files.home / "models" / folder
    place.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, place / name)


def test_a_picture_comes_out_of_three_files_as_out_of_one(
    home: Any, tiny_sd1: TinyModel, tiny_sd1_file: Path
) -> None:
    placed(home, "diffusion_models", "unet.safetensors", tiny_sd1.unet.state_dict())
    placed(home, "text_encoders", "clip.safetensors", tiny_sd1.text.state_dict())
    placed(home, "vae", "vae.safetensors", tiny_sd1.vae.state_dict())
    (home.files.home / "models/checkpoints").mkdir()
    shutil.copy(tiny_sd1_file, home.files.home / "models/checkpoints/whole.safetensors")
    apart = (
        home.call(unet_loader, unet_name="unet.safetensors", weight_dtype="default"),
        home.call(clip_loader, clip_name="clip.safetensors", type="stable_diffusion"),
        home.call(vae_loader, vae_name="vae.safetensors"),
    )
    whole = home.call(checkpoint_loader_simple, ckpt_name="whole.safetensors")

    def picture(model: Model, clip: Clip, vae: Vae) -> torch.Tensor:
        words = home.call(clip_text_encode, text="a red circle", clip=clip)
        latent = home.call(
            k_sampler,
            model=model,
            steps=2,
            sampler_name="euler",
            scheduler="normal",
            positive=words,
            negative=words,
            latent_image=empty_latent_image(width=64, height=64),
        )
        decoded: torch.Tensor = home.call(vae_decode, samples=latent, vae=vae)
        return decoded

    torch.testing.assert_close(picture(*apart), picture(*whole), rtol=0, atol=1e-4)


def test_weights_rounded_to_eight_bits_are_another_model(home: Any, tiny_sd1: TinyModel) -> None:
    placed(home, "diffusion_models", "unet.safetensors", tiny_sd1.unet.state_dict())
    kinds = ("default", "fp8_e4m3fn", "fp8_e5m2")
    models = [home.call(unet_loader, unet_name="unet.safetensors", weight_dtype=kind) for kind in kinds]
    assert len({model.on("cpu").identity for model in models}) == 3
    weights = [next(model.on("cpu").load().unet.parameters()) for model in models]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_a_text_encoder_may_be_told_to_stay_on_the_cpu(home: Any, tiny_sd1: TinyModel) -> None:
    placed(home, "text_encoders", "clip.safetensors", tiny_sd1.text.state_dict())
    use = {"clip_name": "clip.safetensors", "type": "stable_diffusion"}
    clip = home.call(clip_loader, **use, device="cpu")
    assert clip.on("cuda:0").identity == clip.on("cpu").identity
    elsewhere = home.call(clip_loader, **use).on("cuda:0").identity
    assert elsewhere != clip.on("cuda:0").identity


def test_a_type_whose_encoder_cannot_be_run_is_told_before_a_run(home: Any, tiny_sd1: TinyModel) -> None:
    placed(home, "text_encoders", "clip.safetensors", tiny_sd1.text.state_dict())
    check = clip_loader.spec.check
    assert check is not None
    said = check(home.files, clip_name="clip.safetensors", type="lumina2")
    assert said == {"type": "lumina2 needs Gemma 2, which cannot be run yet; supported is stable_diffusion"}
    assert check(home.files, clip_name="clip.safetensors", type="stable_diffusion") == {}
    with pytest.raises(UserError, match="lumina2 needs Gemma 2"):
        home.call(clip_loader, clip_name="clip.safetensors", type="lumina2")


@pytest.mark.parametrize(
    ("loader", "folder", "name"),
    [
        (unet_loader, "diffusion_models", "unet_name"),
        (clip_loader, "text_encoders", "clip_name"),
        (image_only_checkpoint_loader, "checkpoints", "ckpt_name"),
    ],
)
def test_a_file_of_another_kind_is_told_before_a_run(home: Any, loader: Any, folder: str, name: str) -> None:
    placed(home, folder, "x.safetensors", {"x": torch.zeros(1)})
    given = {name: "x.safetensors"} | ({"type": None} if loader is clip_loader else {})
    assert "x.safetensors: " in loader.spec.check(home.files, **given)[name]
    fingerprint = loader.spec.fingerprint
    assert fingerprint(home.files, **{name: None}) is None


def test_a_checkpoint_with_an_image_encoder_gives_it_instead_of_a_text_encoder(
    home: Any, tiny_sd1_file: Path
) -> None:
    vision = {"embedder.model.visual.conv1.weight": torch.zeros(1)}
    placed(home, "checkpoints", "plain.safetensors", load_file(tiny_sd1_file))
    placed(home, "checkpoints", "vision.safetensors", load_file(tiny_sd1_file) | vision)
    model, encoder, vae = home.call(image_only_checkpoint_loader, ckpt_name="vision.safetensors")
    assert [type(each) for each in (model, encoder, vae)] == [Model, ClipVision, Vae]
    assert model.on("cpu").load().nbytes > 0
    with pytest.raises(UserError, match="has no image encoder"):
        home.call(image_only_checkpoint_loader, ckpt_name="plain.safetensors")


def test_a_shift_is_refused_for_models_without_a_flow(home: Any) -> None:
    model = home.call(checkpoint_loader_simple, ckpt_name="pinhole")[0]
    with pytest.raises(UserError, match=r"predicts \w+, so its noise levels cannot be shifted by 1\.73"):
        model_sampling_aura_flow(model=model)
