"""LoRA nodes: a change is a patch in a recipe, and the model below it stays as it is."""

import gc
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import UserError
from engine.testing import Bench
from nodes import sockets
from nodes.diffusion.denoisers import Row
from nodes.loaders import checkpoint_loader_simple
from nodes.lora import lora_loader, lora_loader_model_only
from nodes.sockets import Clip, Model
from nodes.text import clip_set_last_layer, clip_text_encode
from tests.nodes.diffusion.loras import kohya, kohya_text, random_changes, written
from tests.nodes.diffusion.tiny_models import TinyModel

UNET_MODULES = [
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "mid_block.attentions.0.transformer_blocks.0.attn2.to_k",
]
TEXT_MODULES = ["encoder.layers.0.self_attn.q_proj"]


@pytest.fixture
def home(home: Any, tiny_sd1: TinyModel, tiny_sd1_file: Path) -> Any:
    """A home with a checkpoint and three LoRAs: of both parts, of one and of the other."""
    models: Path = home.files.home / "models"
    (models / "checkpoints").mkdir(parents=True)
    (models / "loras").mkdir()
    shutil.copy(tiny_sd1_file, models / "checkpoints/tiny.safetensors")
    unet = written(folder(home) / "unet.safetensors", random_changes(tiny_sd1.unet, UNET_MODULES), kohya)
    network = tiny_sd1.text.text_model
    words = written(folder(home) / "text.safetensors", random_changes(network, TEXT_MODULES), kohya_text)
    save_file(load_file(unet) | load_file(words), folder(home) / "both.safetensors")
    return home


def folder(home: Any) -> Path:
    found: Path = home.files.home / "models/loras"
    return found


def tiny(home: Any) -> tuple[Model, Clip]:
    model, clip, _ = home.call(checkpoint_loader_simple, ckpt_name="tiny.safetensors")
    return model, clip


def applied(home: Any, name: str, model_strength: float = 1.0, clip_strength: float = 1.0) -> Any:
    model, clip = tiny(home)
    strengths = {"strength_model": model_strength, "strength_clip": clip_strength}
    return home.call(lora_loader, model=model, clip=clip, lora_name=f"{name}.safetensors", **strengths)


def answer(model: Model) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x, tokens = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 77, 64, generator=generator)
    return model.on("cpu").load()([Row(x, 2.0, tokens)])[0]


def test_both_parts_are_changed_each_by_its_strength(home: Any) -> None:
    model, clip = applied(home, "both", 0.5, 0.25)
    assert [patch.strength for patch in (*model.patches, *clip.patches)] == [0.5, 0.25]
    plain_model, plain_clip = tiny(home)
    assert not torch.equal(answer(model), answer(plain_model))
    words = [each.on("cpu").load().encode("a red circle")[0] for each in (clip, plain_clip)]
    assert not torch.equal(*words)


def test_a_part_that_the_file_does_not_change_stays_as_it_is(home: Any) -> None:
    plain_model, plain_clip = tiny(home)
    assert applied(home, "unet")[1] == plain_clip
    assert applied(home, "text")[0] == plain_model


def test_a_strength_of_zero_leaves_it_off(home: Any) -> None:
    assert tuple(applied(home, "both", 0.0, 0.0)) == tiny(home)


def test_taking_it_off_gives_the_model_as_it_was_bit_for_bit(home: Any) -> None:
    model, _ = tiny(home)
    before = answer(model)
    changed, _ = applied(home, "both")
    assert not torch.equal(answer(changed), before)
    assert torch.equal(answer(replace(changed, patches=())), before)


def test_what_is_loaded_of_one_checkpoint_shares_its_weights(home: Any) -> None:
    one, other = (applied(home, "unet", strength)[0].on("cpu").load() for strength in (0.5, 1.0))
    assert one.base is other.base
    first = {id(parameter) for parameter in one.unet.parameters()}
    second = {id(parameter) for parameter in other.unet.parameters()}
    assert len(first - second) == len(UNET_MODULES)
    base = ref(one.base)
    del one, other
    gc.collect()
    assert base() is None, "what nobody uses is not kept for sharing"
    assert tiny(home)[0].on("cpu").load().base is None


def test_changes_add_up_and_are_told_apart(home: Any) -> None:
    model, _ = applied(home, "unet", 0.5)
    twice = home.call(lora_loader_model_only, model=model, lora_name="unet.safetensors", strength_model=0.25)
    once = applied(home, "unet", 0.75)[0]
    torch.testing.assert_close(answer(twice), answer(once), rtol=0, atol=1e-5)
    identities = {each.on("cpu").identity for each in (model, twice, once, tiny(home)[0])}
    assert len(identities) == 4
    assert twice.on("cpu").load().identity != once.on("cpu").load().identity


def test_the_same_file_under_another_name_is_the_same_change(home: Any) -> None:
    shutil.copy(folder(home) / "unet.safetensors", folder(home) / "copy.safetensors")
    one, other = applied(home, "unet")[0], applied(home, "copy")[0]
    assert one.on("cpu").identity == other.on("cpu").identity
    fingerprint = lora_loader.spec.fingerprint
    assert fingerprint is not None
    names = ("unet.safetensors", "copy.safetensors", "both.safetensors")
    one_key, other_key, different = (fingerprint(home.files, lora_name=name) for name in names)
    assert one_key == other_key != different


def test_a_run_is_repeated_only_when_the_file_or_a_strength_changes(home: Any) -> None:
    bench = Bench(home.files.home, (checkpoint_loader_simple, lora_loader, clip_text_encode))

    def ran(strength: float) -> set[str]:
        lora = {
            "lora_name": "both.safetensors",
            "strength_clip": strength,
            "model": ["c", 0],
            "clip": ["c", 1],
        }
        graph = {
            "c": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny.safetensors"}},
            "l": {"class_type": "LoraLoader", "inputs": lora},
            "t": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["l", 1]}},
        }
        return bench.run(graph, "t").ran

    assert ran(1.0) == {"c", "l", "t"}
    assert ran(1.0) == set()
    assert ran(0.5) == {"l", "t"}
    assert ran(1.0) == set()
    shutil.copy(folder(home) / "text.safetensors", folder(home) / "both.safetensors")
    assert ran(1.0) == {"l", "t"}


def test_clip_skip_keeps_the_change(home: Any) -> None:
    _, clip = applied(home, "both")
    assert clip_set_last_layer(clip=clip, stop_at_clip_layer=-2).patches == clip.patches


def test_a_changed_recipe_is_kept_on_disk_while_its_files_are_the_same(home: Any) -> None:
    model, clip = applied(home, "both", 0.5)
    for recipe in (model, clip):
        codec = recipe.__socket__.codec
        assert codec.unpack(codec.pack(recipe)) == recipe
    packed = sockets.RECIPE.pack(model)
    shutil.copy(folder(home) / "unet.safetensors", folder(home) / "both.safetensors")
    for use in (lambda: sockets.RECIPE.unpack(packed), model.on("cpu").load):
        with pytest.raises(UserError, match=r"both\.safetensors: has changed since it was chosen"):
            use()


@pytest.mark.parametrize("loader", [lora_loader, lora_loader_model_only])
def test_a_file_that_is_no_lora_is_told_before_a_run(home: Any, loader: Any) -> None:
    save_file({"x": torch.zeros(1)}, folder(home) / "other.safetensors")
    problems = loader.spec.check(home.files, lora_name="other.safetensors")
    assert "other.safetensors: is no LoRA" in problems["lora_name"]
    assert loader.spec.check(home.files, lora_name="both.safetensors") == {}
    missing = loader.spec.check(home.files, lora_name="missing.safetensors")
    assert "no model 'missing.safetensors' in loras" in missing["lora_name"]


def test_a_lora_of_another_family_is_refused_when_it_meets_the_model(home: Any, tiny_sd2: TinyModel) -> None:
    def renamed(name: str) -> str:
        return kohya(name.replace("mid_block", "strange_block"))

    written(folder(home) / "strange.safetensors", random_changes(tiny_sd2.unet, UNET_MODULES[1:]), renamed)
    with pytest.raises(UserError, match=r"strange\.safetensors: was made for a model of another family"):
        applied(home, "strange")


def test_a_lora_of_text_alone_is_not_taken_for_one_of_a_model(home: Any) -> None:
    with pytest.raises(UserError, match="changes a text encoder only; load it with LoraLoader"):
        home.call(
            lora_loader_model_only, model=tiny(home)[0], lora_name="text.safetensors", strength_model=1.0
        )
