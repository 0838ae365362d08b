"""What steers a denoiser is recognised by its tensors, and what it is otherwise is said."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nodes.diffusion.adapters import Kind, has_image_encoder, identify_adapter
from nodes.diffusion.errors import ModelError

HINT = "input_hint_block.0.weight"
TO_K = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"


def saved(path: Path, **tensors: tuple[int, ...]) -> Path:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    return path


@pytest.mark.parametrize(
    ("kind", "family", "tensors"),
    [
        ("control net", "sd1", {"control_model.input_hint_block.0.weight": (1,), TO_K: (4, 768)}),
        ("control net", "sd2", {HINT: (1,), TO_K: (4, 1024)}),
        (
            "control net",
            "sd1",
            {
                "controlnet_cond_embedding.conv_in.weight": (1,),
                "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight": (4, 768),
            },
        ),
        ("control net", "sd1", {"conv_in.weight": (4, 192, 1, 1), "body.0.block1.weight": (1,)}),
        ("control net", "sd1", {"adapter.conv_in.weight": (4, 64, 1, 1), "adapter.body.0.resnets.0.x": (1,)}),
        ("style model", "sd1", {"style_embedding": (1, 8, 4)}),
        (
            "gligen",
            "sd1",
            {
                "position_net.linears.0.weight": (4, 832),
                "middle_block.1.transformer_blocks.0.fuser.linear.weight": (4, 768),
            },
        ),
    ],
)
def test_the_family_is_told_by_shapes(
    kind: Kind, family: str, tensors: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    assert identify_adapter(kind, saved(tmp_path / "a.safetensors", **tensors)) == family


@pytest.mark.parametrize(
    ("kind", "said", "tensors"),
    [
        (
            "control net",
            "for Stable Diffusion XL, which cannot",
            {HINT: (1,), TO_K: (4, 2048)},
        ),
        ("control net", "that reads text of width 5", {HINT: (1,), TO_K: (4, 5)}),
        ("control net", "for Flux, SD3 or another transformer", {"controlnet_blocks.0.weight": (1,)}),
        ("control net", "is a Control-LoRA", {"lora_controlnet": (1,), HINT: (1,)}),
        (
            "control net",
            "T2I adapter for Stable Diffusion XL",
            {"conv_in.weight": (4, 768, 1, 1), "body.0.x": (1,)},
        ),
        ("control net", "T2I adapter for an unknown family", {"conv_in.weight": (4,), "body.0.x": (1,)}),
        ("control net", "is no ControlNet", {"x": (1,)}),
        ("style model", "Redux style model for Flux", {"redux_up.weight": (1,)}),
        ("style model", "is no style model", {"x": (1,)}),
        ("gligen", "is no GLIGEN model", {"position_net.linears.0.weight": (4, 832)}),
        (
            "gligen",
            "for Stable Diffusion XL",
            {"position_net.linears.0.weight": (4, 9), "x.fuser.linear.weight": (4, 2048)},
        ),
    ],
)
def test_what_cannot_be_used_is_named(
    kind: Kind, said: str, tensors: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        identify_adapter(kind, saved(tmp_path / "a.safetensors", **tensors))


def test_an_image_encoder_is_found_in_a_checkpoint(tmp_path: Path) -> None:
    name = "embedder.model.visual.conv1.weight"
    assert has_image_encoder(saved(tmp_path / "a.safetensors", **{name: (1,)}))
    assert not has_image_encoder(saved(tmp_path / "b.safetensors", x=(1,)))
    (tmp_path / "folder/image_encoder").mkdir(parents=True)
    assert has_image_encoder(tmp_path / "folder")
    video = "model.diffusion_model.input_blocks.1.1.time_stack.0.norm1.weight"
    with pytest.raises(ModelError, match="is a Stable Video Diffusion model, which cannot be run yet"):
        has_image_encoder(saved(tmp_path / "svd.safetensors", **{video: (1,)}))
