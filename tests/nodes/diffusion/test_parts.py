"""Files of one network: the same as that network in a checkpoint, whatever the layout."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.components import Checkpoint
from nodes.diffusion.denoisers import Row
from nodes.diffusion.errors import ModelError
from nodes.diffusion.loading import load_denoiser, load_text_encoder
from nodes.diffusion.parts import CLIP_H_LAYERS, identify_encoder, identify_unet
from tests.nodes.diffusion.tiny_models import TinyModel


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def answer(checkpoint: Checkpoint) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x, tokens = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 77, 64, generator=generator)
    return load_denoiser(checkpoint)([Row(x, 2.0, tokens)])[0]


@pytest.mark.parametrize("family", ["sd1", "sd2"])
@pytest.mark.parametrize("layout", ["diffusers", "diffusers with a prefix", "original", "bare original"])
def test_a_unet_by_itself_is_that_of_its_checkpoint(
    family: str, layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model: TinyModel = request.getfixturevalue(f"tiny_{family}")
    whole = identify(request.getfixturevalue(f"tiny_{family}_file"))
    theirs, prefixed = model.unet.state_dict(), model.parts()["unet"]
    state = {
        "diffusers": theirs,
        "diffusers with a prefix": {f"unet.{name}": tensor for name, tensor in theirs.items()},
        "original": prefixed,
        "bare original": {n.removeprefix("model.diffusion_model."): t for n, t in prefixed.items()},
    }[layout]
    alone = identify_unet(saved(tmp_path / "unet.safetensors", state))
    assert (alone.family, alone.latent_format) == (whole.family, whole.latent_format)
    assert alone.sampling == whole.sampling
    assert list(alone.components) == ["denoiser"]
    torch.testing.assert_close(answer(alone), answer(whole), rtol=1e-5, atol=1e-5)


def test_a_velocity_model_is_told_by_its_weights_in_diffusers_layout_too(
    tiny_sd2: TinyModel, tmp_path: Path
) -> None:
    state = dict(tiny_sd2.unet.state_dict())
    last = "up_blocks.1.attentions.1.transformer_blocks.0.norm1.bias"
    state[last] = torch.linspace(-1, 1, len(state[last]))
    assert identify_unet(saved(tmp_path / "v.safetensors", state)).sampling.prediction == "v"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("double_blocks.0.img_attn.qkv.weight", "Flux"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"),
        ("double_layers.0.attn.w1q.weight", "AuraFlow"),
        ("layers.0.attention.qkv.weight", "no model of a known family"),
        ("noise_refiner.0.attention.qkv.weight", "Lumina 2 or Z-Image"),
    ],
)
def test_a_diffusion_model_that_cannot_be_run_is_named(name: str, title: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=title):
        identify_unet(saved(tmp_path / "other.safetensors", {name: torch.zeros(4, 4)}))


def test_a_unet_of_sdxl_in_diffusers_layout_is_named(tiny_sd2: TinyModel, tmp_path: Path) -> None:
    state = dict(tiny_sd2.unet.state_dict()) | {"add_embedding.linear_1.weight": torch.zeros(4, 4)}
    with pytest.raises(ModelError, match="Stable Diffusion XL, which cannot be run yet"):
        identify_unet(saved(tmp_path / "xl.safetensors", state))


def test_weights_may_be_rounded_to_eight_bits(tiny_sd1_file: Path) -> None:
    rounded = load_denoiser(identify(tiny_sd1_file), rounding=torch.float8_e4m3fn)
    plain = load_denoiser(identify(tiny_sd1_file))
    for one, other in zip(rounded.unet.parameters(), plain.unet.parameters(), strict=True):
        assert torch.equal(one, other.to(torch.float8_e4m3fn).float())
    assert rounded.identity != plain.identity


def encoded(checkpoint: Checkpoint) -> tuple[Tensor, Tensor]:
    return load_text_encoder(checkpoint).encode("a red circle above a blue square")


@pytest.mark.parametrize("layout", ["transformers", "without text_model", "checkpoint", "whole checkpoint"])
def test_a_clip_of_stable_diffusion_1_by_itself_encodes_as_in_its_checkpoint(
    layout: str, tiny_sd1: TinyModel, tiny_sd1_file: Path, tmp_path: Path
) -> None:
    theirs = tiny_sd1.text.state_dict()
    path = tmp_path / "clip.safetensors"
    match layout:
        case "transformers":
            saved(path, theirs)
        case "without text_model":
            saved(path, {name.removeprefix("text_model."): tensor for name, tensor in theirs.items()})
        case "checkpoint":
            saved(path, tiny_sd1.parts()["text"])
        case _:
            path = tiny_sd1_file
    alone = identify_encoder(path)
    assert alone.family == "sd1"
    for one, other in zip(encoded(alone), encoded(identify(tiny_sd1_file)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("bare", [False, True])
def test_a_clip_of_stable_diffusion_2_by_itself_encodes_as_in_its_checkpoint(
    bare: bool, tiny_sd2: TinyModel, tiny_sd2_file: Path, tmp_path: Path
) -> None:
    state = tiny_sd2.parts()["open_clip"]
    if bare:
        state = {name.removeprefix("cond_stage_model.model."): tensor for name, tensor in state.items()}
    alone = identify_encoder(saved(tmp_path / "clip.safetensors", state))
    assert alone.family == "sd2"
    for one, other in zip(encoded(alone), encoded(identify(tiny_sd2_file)), strict=True):
        torch.testing.assert_close(one, other)


def clip_of(layers: int) -> dict[str, Tensor]:
    """As many layers as asked for, of the least size."""
    width = 64
    linear = {f"self_attn.{name}": (width, width) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
    linear |= {"mlp.fc1": (width, width), "mlp.fc2": (width, width)}
    state = {
        "text_model.embeddings.token_embedding.weight": torch.randn(49408, width) * 0.1,
        "text_model.embeddings.position_embedding.weight": torch.randn(77, width) * 0.1,
        "text_model.final_layer_norm.weight": torch.ones(width),
        "text_model.final_layer_norm.bias": torch.zeros(width),
    }
    for i in range(layers):
        layer = f"text_model.encoder.layers.{i}"
        for name, shape in linear.items():
            state |= {
                f"{layer}.{name}.weight": torch.randn(shape) * 0.1,
                f"{layer}.{name}.bias": torch.zeros(width),
            }
        for norm in ("layer_norm1", "layer_norm2"):
            state |= {f"{layer}.{norm}.weight": torch.ones(width), f"{layer}.{norm}.bias": torch.zeros(width)}
    return state


def test_an_encoder_of_stable_diffusion_2_may_lack_the_layer_that_is_never_read(tmp_path: Path) -> None:
    torch.manual_seed(2)
    whole = clip_of(CLIP_H_LAYERS)
    last = f"encoder.layers.{CLIP_H_LAYERS - 1}."
    short = {name: tensor for name, tensor in whole.items() if last not in name}
    found = [
        identify_encoder(saved(tmp_path / f"{len(state)}.safetensors", state)) for state in (whole, short)
    ]
    assert [each.family for each in found] == ["sd2", "sd2"]
    one, other = (encoded(each)[0] for each in found)
    torch.testing.assert_close(one, other)


def test_encoders_that_cannot_be_run_are_named(tmp_path: Path) -> None:
    kinds = {
        "encoder.block.0.layer.0.SelfAttention.q.weight": "is T5",
        "model.layers.0.self_attn.q_proj.weight": "Gemma, Qwen or Llama",
        "vision_model.embeddings.patch_embedding.weight": "an image encoder",
        "something.weight": "holds no CLIP text encoder",
    }
    for name, said in kinds.items():
        with pytest.raises(ModelError, match=said):
            identify_encoder(saved(tmp_path / "other.safetensors", {name: torch.zeros(4, 4)}))
    with pytest.raises(ModelError, match="ViT-bigG, of Stable Diffusion XL"):
        identify_encoder(saved(tmp_path / "g.safetensors", clip_of(32)))
