"""Tiny random models in the layouts of real ones, written on the spot."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from tests.reference import ldm

VOCABULARY = 49408


@dataclass(frozen=True)
class TinyModel:
    """The three networks of a model, as diffusers and transformers have them."""

    unet: Any
    vae: Any
    text: Any
    layers: int

    def parts(self) -> dict[str, dict[str, Tensor]]:
        """The LDM layout of each network, with prefixes; the text encoder with transformers' names."""
        unet = {ldm.unet_name(name, self.layers): tensor for name, tensor in self.unet.state_dict().items()}
        vae = ldm.vae_state(self.vae.state_dict(), levels=2)
        text = {ldm.clip_name(name): tensor for name, tensor in self.text.state_dict().items()}
        return {
            "unet": {f"model.diffusion_model.{name}": tensor for name, tensor in unet.items()},
            "vae": {f"first_stage_model.{name}": tensor for name, tensor in vae.items()},
            "text": {f"cond_stage_model.transformer.{name}": tensor for name, tensor in text.items()},
            "open_clip": {
                f"cond_stage_model.model.{name}": tensor
                for name, tensor in ldm.open_clip_state(self.text.state_dict()).items()
            },
        }

    def write(self, path: Path, *parts: str) -> Path:
        """A single file with these parts."""
        chosen = self.parts()
        state = {name: tensor for part in parts for name, tensor in chosen[part].items()}
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
        return path


@pytest.fixture(scope="session")
def tiny_sd1() -> TinyModel:
    return _model(
        layers=2,
        channels=(32, 64),
        heads=8,
        linear=False,
        text={"hidden_act": "quick_gelu", "num_hidden_layers": 2},
    )


@pytest.fixture(scope="session")
def tiny_sd2() -> TinyModel:
    return _model(
        layers=1,
        channels=(64, 128),
        heads=(1, 2),
        linear=True,
        text={"hidden_act": "gelu", "num_hidden_layers": 3, "projection_dim": 48},
    )


def _model(
    *, layers: int, channels: tuple[int, int], heads: Any, linear: bool, text: dict[str, Any]
) -> TinyModel:
    make_unet: Any = UNet2DConditionModel
    make_vae: Any = AutoencoderKL
    make_text: Any = CLIPTextModelWithProjection
    torch.manual_seed(7)
    return TinyModel(
        unet=make_unet(
            block_out_channels=channels,
            layers_per_block=layers,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=heads,
            use_linear_projection=linear,
        ).eval(),
        vae=make_vae(
            block_out_channels=(32, 32),
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
        ).eval(),
        text=_fp16(make_text(_clip_config(**text))).eval(),
        layers=layers,
    )


def _clip_config(**text: Any) -> CLIPTextConfig:
    settings = {"projection_dim": 64} | text
    return CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_attention_heads=1,
        bos_token_id=49406,
        eos_token_id=49407,
        **settings,
    )


def _fp16(network: Any) -> Any:
    """Weights that float16 holds exactly, large enough for layers to matter."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_((parameter * 3).half().float())
    return network


def write_folder(model: TinyModel, folder: Path, scheduler: dict[str, Any] | None = None) -> Path:
    """A model in diffusers' layout, without a tokenizer of its own."""
    model.unet.save_pretrained(folder / "unet")
    model.vae.save_pretrained(folder / "vae")
    model.text.save_pretrained(folder / "text_encoder")
    write_json(folder / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    write_json(
        folder / "scheduler" / "scheduler_config.json", scheduler or {"beta_schedule": "scaled_linear"}
    )
    return folder


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture(scope="session")
def tiny_sd1_file(tiny_sd1: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd1.write(tmp_path_factory.mktemp("models") / "sd1.safetensors", "unet", "vae", "text")


@pytest.fixture(scope="session")
def tiny_sd2_file(tiny_sd2: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd2.write(tmp_path_factory.mktemp("models") / "sd2.safetensors", "unet", "vae", "open_clip")


@pytest.fixture(scope="session")
def tiny_sd1_folder(tiny_sd1: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tiny_sd1, tmp_path_factory.mktemp("tiny-sd1"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for another machine's address or connects to one fails the test."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content
