"""LoRAs: whatever their tensors are called, the weights become what merging by hand gives."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.denoisers import Row
from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import read_header
from nodes.diffusion.layouts.lora import read_changes
from nodes.diffusion.loading import load_denoiser, load_text_encoder
from nodes.diffusion.lora import Lora, patched_denoiser, patched_text_encoder
from tests.nodes.diffusion.loras import (
    RANK,
    kohya,
    kohya_original,
    kohya_text,
    merged,
    random_changes,
    written,
)
from tests.nodes.diffusion.tiny_models import TinyModel

ATTENTION = "down_blocks.0.attentions.1.transformer_blocks.0.attn"
LINEAR = [f"{ATTENTION}1.to_q", f"{ATTENTION}2.to_k", f"{ATTENTION}2.to_out.0"]
MODULES = [
    *LINEAR,
    "down_blocks.0.attentions.1.proj_in",
    "down_blocks.0.attentions.1.transformer_blocks.0.ff.net.0.proj",
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.downsamplers.0.conv",
    "mid_block.resnets.1.time_emb_proj",
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_v",
    "up_blocks.0.upsamplers.0.conv",
    "up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_v",
    "up_blocks.1.resnets.0.conv_shortcut",
    "conv_in",
    "time_embedding.linear_2",
]
LAYER = "encoder.layers.1"
TEXT_MODULES = [f"{LAYER}.self_attn.q_proj", f"{LAYER}.self_attn.out_proj", f"{LAYER}.mlp.fc1"]


def weight(network: nn.Module, name: str) -> Tensor:
    found = network.get_submodule(name).weight
    assert isinstance(found, Tensor)
    return found


def lora(path: Path, strength: float = 1.0) -> Lora:
    return Lora(path, strength, path.name)


def processor(name: str) -> str:
    """As the first files of diffusers have it, for attention only."""
    head, _, leaf = name.removesuffix(".0").rpartition(".")
    return f"{head}.processor.{leaf}"


@pytest.mark.parametrize(
    ("spelt", "form", "modules"),
    [
        (kohya, "kohya", MODULES),
        (kohya_original, "kohya", MODULES),
        (lambda name: f"unet.{name}", "peft", MODULES),
        (lambda name: f"unet.{name}", "older", MODULES),
        (lambda name: f"base_model.model.{name}", "peft", MODULES),
        (lambda name: f"unet.{processor(name)}", "processor", LINEAR),
        (processor, "processor", LINEAR),
    ],
    ids=["kohya", "kohya original", "peft", "diffusers", "bare peft", "processor", "bare processor"],
)
def test_weights_become_those_merged_by_hand(
    spelt: Callable[[str], str],
    form: str,
    modules: list[str],
    tiny_sd1: TinyModel,
    tiny_sd1_file: Path,
    tmp_path: Path,
) -> None:
    changes = random_changes(tiny_sd1.unet, modules, alpha=2.0 if form == "kohya" else None)
    path = written(tmp_path / "a.safetensors", changes, spelt, form)
    checkpoint = identify(tiny_sd1_file)
    base = load_denoiser(checkpoint)
    unet = patched_denoiser(base, checkpoint, [lora(path, 0.7)]).unet
    for name, expected in merged(tiny_sd1.unet, changes, 0.7).items():
        assert not torch.equal(weight(unet, name), weight(base.unet, name))
        torch.testing.assert_close(weight(unet, name), expected, rtol=0, atol=1e-6)


def test_the_names_of_modules_are_read_as_diffusers_reads_them(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    names = [name for name, module in tiny_sd1.unet.named_modules() if isinstance(module, nn.Linear)]
    chosen = [name for name in names if ".attn" in name]
    path = written(tmp_path / "a.safetensors", random_changes(tiny_sd1.unet, chosen), kohya)
    theirs, alphas = _convert_non_diffusers_lora_to_diffusers(load_file(path))  # type: ignore[no-untyped-call]
    assert set(alphas.values()) == {2.0}
    checkpoint = identify(tiny_sd1_file)
    unet = patched_denoiser(load_denoiser(checkpoint), checkpoint, [lora(path)]).unet
    ups = {name: up for name, up in theirs.items() if name.endswith("lora.up.weight")}
    assert len(ups) == len(chosen)
    for name, up in ups.items():
        module = name.removeprefix("unet.").replace(".processor.", ".").removesuffix("_lora.up.weight")
        module = module.replace("to_out", "to_out.0")
        down = theirs[name.replace("up.weight", "down.weight")]
        expected = weight(tiny_sd1.unet, module) + 2.0 / RANK * up @ down
        torch.testing.assert_close(weight(unet, module), expected, rtol=0, atol=1e-6)


def test_a_changed_denoiser_answers_as_one_with_those_weights(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    changes = random_changes(tiny_sd1.unet, MODULES)
    path = written(tmp_path / "a.safetensors", changes, kohya)
    checkpoint = identify(tiny_sd1_file)
    base = load_denoiser(checkpoint)
    changed = patched_denoiser(base, checkpoint, [lora(path)])
    by_hand = load_denoiser(checkpoint)
    state = {f"{name}.weight": value for name, value in merged(tiny_sd1.unet, changes, 1.0).items()}
    by_hand.unet.load_state_dict(state, strict=False)
    question = [Row(torch.randn(1, 4, 8, 8), 3.0, torch.randn(1, 77, 64))]
    (expected,), (given,), (before,) = by_hand(question), changed(question), base(question)
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)
    assert (given - before).abs().max() > 1e-3


def test_the_base_stays_as_it_was_and_shares_what_is_not_changed(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    changes = random_changes(tiny_sd1.unet, MODULES)
    path = written(tmp_path / "a.safetensors", changes, kohya)
    checkpoint = identify(tiny_sd1_file)
    base = load_denoiser(checkpoint)
    before = {name: tensor.clone() for name, tensor in base.unet.state_dict().items()}
    changed = patched_denoiser(base, checkpoint, [lora(path)])
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.unet.state_dict().items())
    ours = dict(changed.unet.named_parameters())
    own = {name for name, tensor in base.unet.named_parameters() if ours[name] is not tensor}
    assert own == {f"{name}.weight" for name in changes}
    assert changed.nbytes == base.nbytes + sum(weight(changed.unet, name).nbytes for name in changes)
    assert changed.identity != base.identity


def test_several_are_added_in_their_order(tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path) -> None:
    changes = random_changes(tiny_sd1.unet, LINEAR)
    path = written(tmp_path / "a.safetensors", changes, kohya)
    checkpoint = identify(tiny_sd1_file)
    base = load_denoiser(checkpoint)
    twice = patched_denoiser(base, checkpoint, [lora(path, 0.5), lora(path, 0.25)]).unet
    for name, expected in merged(tiny_sd1.unet, changes, 0.75).items():
        torch.testing.assert_close(weight(twice, name), expected, rtol=0, atol=1e-6)


def test_a_core_between_the_halves_and_whole_differences_are_added(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    conv = tiny_sd1.unet.down_blocks[0].resnets[0].conv1
    up, down, mid = torch.randn(32, 3, 1, 1), torch.randn(3, 32, 1, 1), torch.randn(3, 3, 3, 3)
    diff, bias = torch.randn(64, 64), torch.randn(64)
    state = {
        "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight": up,
        "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": down,
        "lora_unet_down_blocks_0_resnets_0_conv1.lora_mid.weight": mid,
        "lora_unet_mid_block_resnets_0_time_emb_proj.diff_b": bias,
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.diff": diff,
    }
    save_file(state, path := tmp_path / "a.safetensors")
    checkpoint = identify(tiny_sd1_file)
    unet: Any = patched_denoiser(load_denoiser(checkpoint), checkpoint, [lora(path, 0.5)]).unet
    x = torch.randn(1, 32, 8, 8)
    core = nn.functional.conv2d(nn.functional.conv2d(x, down), mid, padding=1)
    expected = conv(x) + 0.5 * nn.functional.conv2d(core, up)
    torch.testing.assert_close(unet.down_blocks[0].resnets[0].conv1(x), expected, rtol=1e-4, atol=1e-3)
    before = tiny_sd1.unet.mid_block
    after = unet.mid_block
    torch.testing.assert_close(
        after.resnets[0].time_emb_proj.bias, before.resnets[0].time_emb_proj.bias + 0.5 * bias
    )
    to_q = "attentions.0.transformer_blocks.0.attn1.to_q"
    torch.testing.assert_close(weight(after, to_q), weight(before, to_q) + 0.5 * diff)


@pytest.mark.parametrize(
    ("spelt", "form"),
    [
        (kohya_text, "kohya"),
        (lambda name: f"text_encoder.text_model.{name}", "peft"),
        (lambda name: f"text_encoder.text_model.{name}", "linear layer"),
        (lambda name: f"text_encoder.{name}", "peft"),
    ],
    ids=["kohya", "peft", "diffusers", "without text_model"],
)
def test_text_encoders_are_changed_and_rounded_as_they_are_when_loaded(
    spelt: Callable[[str], str], form: str, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    checkpoint = identify(tiny_sd1_file)
    base = load_text_encoder(checkpoint)
    changes = random_changes(base.network, TEXT_MODULES, alpha=None)
    path = written(tmp_path / "a.safetensors", changes, spelt, form)
    changed = patched_text_encoder(base, checkpoint, [lora(path)])
    for name, expected in merged(base.network, changes, 1.0).items():
        assert torch.equal(weight(changed.network, name), expected.half().float())
    assert not torch.equal(changed.encode("a red circle")[0], base.encode("a red circle")[0])
    assert changed.nbytes > base.nbytes


def test_the_text_encoder_of_stable_diffusion_2_is_changed_too(tiny_sd2_file: Path, tmp_path: Path) -> None:
    checkpoint = identify(tiny_sd2_file)
    base = load_text_encoder(checkpoint)
    changes = random_changes(base.network, TEXT_MODULES)
    path = written(tmp_path / "a.safetensors", changes, kohya_text)
    network = patched_text_encoder(base, checkpoint, [lora(path)]).network
    for name, expected in merged(base.network, changes, 1.0).items():
        assert torch.equal(weight(network, name), expected.half().float())


# What cannot be applied.


def refusal(path: Path, file: Path) -> str:
    checkpoint = identify(file)
    with pytest.raises(ModelError) as caught:
        patched_denoiser(load_denoiser(checkpoint), checkpoint, [lora(path)])
    return str(caught.value)


def saved(path: Path, **tensors: tuple[int, ...]) -> Path:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    return path


@pytest.mark.parametrize(
    ("width", "family"), [(2048, "Stable Diffusion XL"), (1024, "Stable Diffusion 2.x"), (5, "width 5")]
)
def test_a_lora_of_another_family_is_told_by_the_text_it_reads(
    width: int, family: str, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    name = kohya(f"{ATTENTION}2.to_k")
    tensors = {f"{name}.lora_down.weight": (4, width), f"{name}.lora_up.weight": (32, 4)}
    said = refusal(saved(tmp_path / "a.safetensors", **tensors), tiny_sd1_file)
    assert "another family" in said
    assert family in said


def test_a_lora_whose_modules_are_not_there_is_refused(tiny_sd1_file: Path, tmp_path: Path) -> None:
    name = "lora_unet_double_blocks_0_img_attn_qkv"
    tensors = {f"{name}.lora_down.weight": (4, 8), f"{name}.lora_up.weight": (8, 4)}
    said = refusal(saved(tmp_path / "flux.safetensors", **tensors), tiny_sd1_file)
    assert said.startswith("flux.safetensors: was made for a model of another family")
    assert name in said


def test_a_shape_that_does_not_fit_is_named(tiny_sd1_file: Path, tmp_path: Path) -> None:
    name = kohya(f"{ATTENTION}1.to_q")
    tensors = {f"{name}.lora_down.weight": (4, 99), f"{name}.lora_up.weight": (32, 4)}
    said = refusal(saved(tmp_path / "a.safetensors", **tensors), tiny_sd1_file)
    assert f"in '{ATTENTION}1.to_q.weight' does not fit [32, 32] (it gives [32, 99])" in said


@pytest.mark.parametrize(
    ("up", "down", "alpha"),
    [((32, 3), (4, 32), (1,)), ((32, 4), (4, 32), (2,)), ((32, 0), (0, 32), (1,)), ((), (), ())],
)
def test_tensors_that_do_not_fit_each_other_are_told(
    up: tuple[int, ...], down: tuple[int, ...], alpha: tuple[int, ...], tiny_sd1_file: Path, tmp_path: Path
) -> None:
    name = kohya(f"{ATTENTION}1.to_q")
    tensors = {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down, f"{name}.alpha": alpha}
    assert "or is damaged" in refusal(saved(tmp_path / "a.safetensors", **tensors), tiny_sd1_file)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"x.oft_blocks": (2, 2)}, "is an OFT, which is not supported"),
        ({"x.hada_w1_a": (2, 2)}, "has a part of its change only"),
        ({"x.lokr_w1": (2, 2)}, "has a part of its change only"),
        ({"x.lora_up.weight": (2, 2)}, "has a part of its change only"),
        ({"x.alpha": (2, 2)}, "is no LoRA"),
        ({"model.diffusion_model.out.0.weight": (2, 2)}, "is no LoRA"),
    ],
)
def test_what_is_no_lora_of_a_known_form_is_refused(
    tensors: dict[str, tuple[int, ...]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        read_changes(read_header(saved(tmp_path / "a.safetensors", **tensors)))


def test_modules_that_are_not_there_beside_others_are_left_out_and_told(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = random_changes(tiny_sd1.unet, LINEAR)
    path = written(tmp_path / "a.safetensors", changes, kohya)
    state = load_file(path) | {
        "lora_unet_strange.lora_up.weight": torch.zeros(2, 2),
        "lora_unet_strange.lora_down.weight": torch.zeros(2, 2),
    }
    save_file(state, path)
    checkpoint = identify(tiny_sd1_file)
    with caplog.at_level(logging.WARNING):
        patched_denoiser(load_denoiser(checkpoint), checkpoint, [lora(path)])
    assert "1 of its modules are not in this model" in caplog.text
