"""Merged models: their weights, and what they share."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import UserError
from nodes import merging
from nodes.codecs import EXACT
from nodes.loaders import checkpoint_loader_simple
from nodes.lora import lora_loader_model_only
from nodes.sockets import Clip, Model
from tests.nodes.diffusion.loras import kohya, random_changes, written
from tests.nodes.diffusion.tiny_models import TinyModel, _model


@pytest.fixture(scope="module")
def other_sd1() -> TinyModel:
    """Other weights in the same form."""
    made = _model(
        layers=2, channels=(32, 64), heads=8, linear=False,
        text={"hidden_act": "quick_gelu", "num_hidden_layers": 2},
    )  # fmt: skip
    with torch.no_grad():
        for network in (made.unet, made.text):
            for parameter in network.parameters():
                parameter.mul_(0.5)
    return made


@pytest.fixture
def opened(home: Any, tiny_sd1: TinyModel, other_sd1: TinyModel, tiny_sd2: TinyModel) -> dict[str, Any]:
    folder: Path = home.files.home / "models"
    (folder / "checkpoints").mkdir(parents=True)
    for name, model in {"one": tiny_sd1, "other": other_sd1, "foreign": tiny_sd2}.items():
        model.write(folder / "checkpoints" / f"{name}.safetensors", "unet", "vae", "text")
    home.files.models.add_root(folder)
    return {
        name: home.call(checkpoint_loader_simple, ckpt_name=f"{name}.safetensors")
        for name in ("one", "other", "foreign")
    }


def weights(recipe: Model | Clip) -> dict[str, Tensor]:
    return recipe.network("cpu").state_dict()


@pytest.mark.parametrize(
    ("node", "more", "shares"),
    [
        (merging.model_merge_simple, {"ratio": 0.25}, (0.25, 0.75)),
        (merging.model_merge_add, {}, (1.0, 1.0)),
        (merging.model_merge_subtract, {"multiplier": 0.5}, (0.5, -0.5)),
    ],
)
def test_weights_are_mixed(opened: Any, node: Any, more: Any, shares: tuple[float, float]) -> None:
    one, other = opened["one"].MODEL, opened["other"].MODEL
    mixed, first, second = map(weights, (node(model1=one, model2=other, **more), one, other))
    for name, tensor in mixed.items():
        assert torch.allclose(tensor, first[name] * shares[0] + second[name] * shares[1], atol=1e-6), name
    assert all(torch.equal(tensor, weights(one)[name]) for name, tensor in first.items())


def test_each_part_has_its_share(opened: Any) -> None:
    one, other = opened["one"].MODEL, opened["other"].MODEL
    mixed = weights(merging.model_merge_blocks(model1=one, model2=other, input=1.0, middle=0.5, out=0.0))
    first, second = weights(one), weights(other)
    for name, share in [
        ("conv_in.weight", 1.0), ("down_blocks.0.resnets.0.conv1.weight", 1.0),
        ("time_embedding.linear_1.weight", 1.0), ("mid_block.resnets.0.conv1.weight", 0.5),
        ("up_blocks.1.resnets.0.conv1.weight", 0.0), ("conv_out.weight", 0.0),
    ]:  # fmt: skip
        assert torch.allclose(mixed[name], first[name] * share + second[name] * (1 - share), atol=1e-6), name


def test_text_encoders_are_mixed_and_rounded_as_they_are_when_loaded(opened: Any) -> None:
    one, other = opened["one"].CLIP, opened["other"].CLIP
    mixed = weights(merging.clip_merge_simple(clip1=one, clip2=other, ratio=0.5))
    first, second = weights(one), weights(other)
    for name, tensor in mixed.items():
        if tensor.is_floating_point():
            assert torch.equal(tensor, ((first[name] + second[name]) / 2).half().float()), name
    difference = merging.clip_merge_subtract(clip1=one, clip2=one)
    assert all(not tensor.any() for tensor in weights(difference).values() if tensor.is_floating_point())
    double = weights(merging.clip_merge_add(clip1=one, clip2=one))
    name = next(name for name in double if name.endswith("weight"))
    assert torch.equal(double[name], (first[name] * 2).half().float())


def test_a_lora_of_the_second_is_merged_with_it(home: Any, opened: Any, tiny_sd1: TinyModel) -> None:
    folder = home.files.home / "models" / "loras"
    folder.mkdir()
    written(folder / "l.safetensors", random_changes(tiny_sd1.unet, ["mid_block.resnets.0.conv1"]), kohya)
    one = opened["one"].MODEL
    changed = home.call(lora_loader_model_only, model=one, lora_name="l.safetensors")
    mixed = weights(merging.model_merge_simple(model1=one, model2=changed, ratio=0.5))
    first, second = weights(one), weights(changed)
    for name, tensor in mixed.items():
        assert torch.allclose(tensor, (first[name] + second[name]) / 2, atol=1e-5), name


def test_a_difference_added_to_a_third_brings_the_first_back(opened: Any) -> None:
    one, other = opened["one"].MODEL, opened["other"].MODEL
    difference = merging.model_merge_subtract(model1=one, model2=other)
    again = weights(merging.model_merge_add(model1=difference, model2=other))
    assert all(torch.allclose(again[name], tensor, atol=1e-5) for name, tensor in weights(one).items())


def test_a_merged_recipe_comes_back_from_disk_and_has_an_identity_of_its_own(opened: Any) -> None:
    one, other = opened["one"].MODEL, opened["other"].MODEL
    mixed = merging.model_merge_simple(model1=one, model2=other, ratio=0.5)
    assert EXACT.unpack(EXACT.pack(mixed)) == mixed
    identities = {
        each.identity for each in (one, other, mixed, merging.model_merge_add(model1=one, model2=other))
    }
    assert len(identities) == 4


def test_models_of_different_families_are_not_merged(opened: Any) -> None:
    with pytest.raises(UserError, match="model2: is of the family sd2, the first of sd1"):
        merging.model_merge_simple(model1=opened["one"].MODEL, model2=opened["foreign"].MODEL)
