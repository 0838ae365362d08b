"""What is recognised in model files, and what is said of those that cannot be used."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from nodes.diffusion.checkpoints import identify, identify_vae
from nodes.diffusion.errors import ModelError
from tests.nodes.diffusion.tiny_models import TinyModel, read_json, write_folder, write_json

ROOT = Path(__file__).parents[3]
PINHOLE = ROOT / "nodes" / "pinhole" / "weights"


def test_a_single_file_is_recognised_by_names_and_shapes(tiny_sd1: TinyModel, tiny_sd1_file: Path) -> None:
    checkpoint = identify(tiny_sd1_file)
    assert (checkpoint.layout, checkpoint.family) == ("single", "sd1")
    assert checkpoint.sampling.prediction == "eps"
    assert checkpoint.sampling.sigma_max == pytest.approx(14.6146, abs=1e-4)
    assert checkpoint.latent_format.scale == 0.18215
    assert {part: c.parameters for part, c in checkpoint.components.items()} == {
        "denoiser": sum(p.numel() for p in tiny_sd1.unet.parameters()),
        "text_encoder": sum(p.numel() for p in tiny_sd1.text.parameters()),
        "autoencoder": sum(p.numel() for p in tiny_sd1.vae.parameters()),
    }


def test_sd2_is_told_from_sd1_and_pads_with_zero(tiny_sd2_file: Path) -> None:
    checkpoint = identify(tiny_sd2_file)
    assert (checkpoint.family, checkpoint.text.layer, checkpoint.text.pad) == ("sd2", -2, 0)
    assert checkpoint.components["text_encoder"].config["projection"] == 48
    assert checkpoint.components["denoiser"].config["attention_head_dim"] == [1, 2]


@pytest.mark.parametrize(("spread", "prediction"), [(0.05, "eps"), (0.2, "v")])
def test_sd2_files_predict_velocity_if_the_last_attention_biases_are_spread(
    tiny_sd2: TinyModel, tmp_path: Path, spread: float, prediction: str
) -> None:
    parts = tiny_sd2.parts()
    name = "model.diffusion_model.output_blocks.3.1.transformer_blocks.0.norm1.bias"
    assert name in parts["unet"]
    bias = torch.tensor([spread, -spread]).repeat(32).half() + 1
    save_file({**parts["unet"], name: bias}, tmp_path / "m.safetensors")
    assert identify(tmp_path / "m.safetensors", needed=["denoiser"]).sampling.prediction == prediction


def test_a_folder_says_how_it_was_trained() -> None:
    checkpoint = identify(PINHOLE)
    assert (checkpoint.layout, checkpoint.family) == ("diffusers", "sd1")
    assert checkpoint.sampling.prediction == "v"
    assert checkpoint.sampling.sigma_max == pytest.approx(157.4, abs=0.1)
    assert checkpoint.latent_format.scale == 1.0
    assert set(checkpoint.components) == {"denoiser", "text_encoder", "autoencoder"}


def test_recognising_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from nodes.diffusion.checkpoints import identify;"
        f"identify(Path({str(PINHOLE)!r})); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_identity_is_that_of_the_content(tiny_sd1_file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(tiny_sd1_file, tmp_path / "other-name.safetensors"))
    assert identify(copy).identity == identify(tiny_sd1_file).identity


def test_a_missing_part_is_named_only_when_it_is_needed(tiny_sd1: TinyModel, tmp_path: Path) -> None:
    path = tiny_sd1.write(tmp_path / "unet.safetensors", "unet")
    assert set(identify(path, needed=["denoiser"]).components) == {"denoiser"}
    with pytest.raises(ModelError, match="has no text encoder, only: UNet"):
        identify(path)


def test_a_unet_by_itself_may_have_no_prefix(tiny_sd1: TinyModel, tmp_path: Path) -> None:
    state = tiny_sd1.parts()["unet"]
    bare = {name.removeprefix("model.diffusion_model."): tensor for name, tensor in state.items()}
    save_file(bare, tmp_path / "unet.safetensors")
    assert identify(tmp_path / "unet.safetensors", needed=["denoiser"]).family == "sd1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conditioner.embedders.1.model.ln_final.weight", "Stable Diffusion XL .* Stable Diffusion 1.x"),
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "Flux"),
        ("lora_unet_down_blocks_0.lora_up.weight", "is a LoRA, not a checkpoint"),
        ("control_model.input_blocks.0.0.weight", "is a ControlNet, not a checkpoint"),
        ("encoder.conv_in.weight", "is a VAE, not a checkpoint"),
        ("something", "no model of a known family .*input_blocks.0.0.weight.* supported are"),
    ],
)
def test_other_files_are_called_by_their_names(tmp_path: Path, name: str, message: str) -> None:
    save_file({name: torch.zeros(4)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=message):
        identify(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("input_blocks.0.0.weight", (32, 7, 3, 3), "takes 7 channels and gives 4"),
        ("input_blocks.0.0.weight", (32,), "unexpected shape"),
        ("input_blocks.1.0.in_layers.2.weight", (5,), "unexpected shape"),
        ("out.2.weight", None, "no tensor 'model.diffusion_model.out.2.weight'"),
        ("input_blocks.2.0.in_layers.2.weight", None, "an odd input_blocks.2"),
        ("input_blocks.1.0.in_layers.2.weight", None, "of an unknown form"),
    ],
)
def test_an_odd_or_incomplete_unet_is_an_error(
    tiny_sd1: TinyModel, tmp_path: Path, name: str, shape: tuple[int, ...] | None, message: str
) -> None:
    state = tiny_sd1.parts()["unet"]
    del state[f"model.diffusion_model.{name}"]
    if shape is not None:
        state[f"model.diffusion_model.{name}"] = torch.zeros(shape)
    save_file(state, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=message):
        identify(tmp_path / "m.safetensors", needed=["denoiser"])


@pytest.mark.parametrize(
    "name",
    [
        "model.diffusion_model.input_blocks.x.0.in_layers.2.weight",
        "model.diffusion_model.output_blocks.0",
        "model.diffusion_model.middle_block.9.foo.bar",
        "first_stage_model.encoder.mid.block_x.conv1.weight",
        "first_stage_model.decoder.up.x.block.0.conv1.weight",
        "cond_stage_model.transformer.text_model.encoder.layers.x.y",
    ],
)
def test_unknown_names_in_a_checkpoint_do_no_harm(tiny_sd1: TinyModel, tmp_path: Path, name: str) -> None:
    parts = tiny_sd1.parts()
    state = {**parts["unet"], **parts["vae"], **parts["text"], name: torch.zeros(3)}
    save_file(state, tmp_path / "m.safetensors")
    identify(tmp_path / "m.safetensors")


class TestFolders:
    """Folders in diffusers' layout."""

    @pytest.fixture
    def folder(self, tiny_sd1_folder: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(tiny_sd1_folder, tmp_path / "model"))

    def test_a_folder_without_a_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"no model_index\.json in it"):
            identify(tmp_path)

    def test_pickled_weights_are_refused_with_a_hint(self, folder: Path) -> None:
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights.rename(weights.with_suffix(".bin"))
        with pytest.raises(ModelError, match="Convert it"):
            identify(folder)

    def test_missing_weights_are_named(self, folder: Path) -> None:
        (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        with pytest.raises(ModelError, match=r"unet: has no weights .*diffusion_pytorch_model.safetensors"):
            identify(folder)

    @pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000, '{"a": "' + "x" * 2_000_000 + '"}'])
    def test_a_configuration_that_is_none_is_an_error(self, folder: Path, content: str) -> None:
        (folder / "unet" / "config.json").write_text(content)
        with pytest.raises(ModelError, match=r"config\.json"):
            identify(folder)

    @pytest.mark.parametrize(
        ("file", "change", "message"),
        [
            ("model_index.json", {"_class_name": "FluxPipeline"}, "FluxPipeline, which is not supported"),
            ("unet/config.json", {"in_channels": 7}, "takes 7 channels and gives 4"),
            ("unet/config.json", {"in_channels": "4"}, "expected a number"),
            ("unet/config.json", {"addition_embed_type": "text_time"}, "addition_embed_type"),
            ("unet/config.json", {"in_channels": float("inf")}, "expected a number"),
            ("vae/config.json", {"scaling_factor": "big"}, "expected a number"),
            ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, "'sample'"),
            ("scheduler/scheduler_config.json", {"beta_schedule": "sigmoid"}, "'sigmoid'"),
            ("scheduler/scheduler_config.json", {"beta_schedule": ["linear"]}, "noise schedule"),
            ("scheduler/scheduler_config.json", {"prediction_type": []}, "predicts"),
            ("scheduler/scheduler_config.json", {"num_train_timesteps": 1}, "1 steps"),
            ("scheduler/scheduler_config.json", {"beta_end": 2}, "impossible"),
        ],
    )
    def test_what_is_not_supported_is_said(
        self, folder: Path, file: str, change: dict[str, Any], message: str
    ) -> None:
        write_json(folder / file, read_json(folder / file) | change)
        with pytest.raises(ModelError, match=message):
            identify(folder)

    def test_half_precision_variants_and_shards_are_found(self, folder: Path) -> None:
        whole = identify(folder).components["denoiser"]
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
        assert identify(folder).components["denoiser"].parameters == whole.parameters

    def test_sd2_folders_lack_the_layer_that_is_never_read(self, tiny_sd2: TinyModel, tmp_path: Path) -> None:
        checkpoint = identify(write_folder(tiny_sd2, tmp_path))
        assert (checkpoint.family, checkpoint.text.layer, checkpoint.text.dropped_layers) == ("sd2", -2, 1)


def test_a_vae_is_found_in_files_of_its_own_and_in_checkpoints(
    tiny_sd1: TinyModel, tiny_sd1_file: Path, tiny_sd1_folder: Path, tmp_path: Path
) -> None:
    whole = identify(tiny_sd1_file).components["autoencoder"]
    bare = {name.removeprefix("first_stage_model."): t for name, t in tiny_sd1.parts()["vae"].items()}
    save_file(bare, tmp_path / "vae.safetensors")
    for path in (tiny_sd1_file, tmp_path / "vae.safetensors", tiny_sd1_folder, tiny_sd1_folder / "vae"):
        assert identify_vae(path).parameters == whole.parameters
    save_file({"something": torch.zeros(3)}, tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="holds no VAE"):
        identify_vae(tmp_path / "none.safetensors")
