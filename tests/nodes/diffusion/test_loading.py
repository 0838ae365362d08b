"""Networks from files: the same, bit for bit, as those that were written."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders import single_file_utils
from safetensors.torch import load_file, save_file
from torch import nn

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.denoisers import Row
from nodes.diffusion.errors import ModelError
from nodes.diffusion.loading import load_autoencoder, load_denoiser, load_text_encoder, load_vae
from tests.nodes.diffusion.tiny_models import TinyModel, read_json, write_folder, write_json

PINHOLE = Path(__file__).parents[3] / "nodes" / "pinhole" / "weights"

pytestmark = pytest.mark.usefixtures("no_network")


def same(loaded: nn.Module, original: Any) -> bool:
    """Whether two networks have the same parameters, bit for bit."""
    theirs = {name.removeprefix("text_model."): t for name, t in original.state_dict().items()}
    ours = loaded.state_dict()
    return set(ours) <= set(theirs) and all(
        torch.equal(tensor, theirs[name]) for name, tensor in ours.items()
    )


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a_single_file_gives_the_networks_that_were_written(
    family: str, request: pytest.FixtureRequest
) -> None:
    model: TinyModel = request.getfixturevalue(f"tiny_{family}")
    checkpoint = identify(request.getfixturevalue(f"tiny_{family}_file"))
    denoiser = load_denoiser(checkpoint)
    assert same(denoiser.unet, model.unet)
    assert same(load_text_encoder(checkpoint).network, model.text)
    assert same(load_autoencoder(checkpoint).vae, model.vae)
    assert denoiser.unet.training is False
    assert not any(parameter.requires_grad for parameter in denoiser.unet.parameters())


@torch.no_grad()
@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a_loaded_unet_computes_what_the_written_one_does(
    family: str, request: pytest.FixtureRequest
) -> None:
    model: TinyModel = request.getfixturevalue(f"tiny_{family}")
    denoiser = load_denoiser(identify(request.getfixturevalue(f"tiny_{family}_file")))
    x, tokens, sigma = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 64), 2.0
    sampling = denoiser.model_sampling
    timestep = torch.tensor([sampling.timestep(sigma)])
    output = model.unet(sampling.model_input(x, sigma), timestep, encoder_hidden_states=tokens).sample
    torch.testing.assert_close(denoiser([Row(x, sigma, tokens)])[0], sampling.denoised(x, output, sigma))


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_names_are_translated_as_diffusers_translates_them(
    family: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(f"tiny_{family}_file")
    convert: Any = single_file_utils
    state, checkpoint = load_file(path), identify(path)
    unet, vae = checkpoint.components["denoiser"], checkpoint.components["autoencoder"]
    theirs = convert.convert_ldm_unet_checkpoint(dict(state), unet.config)
    assert {name: list(tensor.shape) for name, tensor in theirs.items()} == shapes(
        load_denoiser(checkpoint).unet
    )
    for name, tensor in theirs.items():
        assert torch.equal(tensor, state[unet.sources[name][1].name])
    theirs = convert.convert_ldm_vae_checkpoint(dict(state), vae.config)
    assert set(theirs) == set(load_autoencoder(checkpoint).vae.state_dict())


def shapes(network: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


def test_both_layouts_of_an_sd2_text_encoder_give_the_same(
    tiny_sd2: TinyModel, tiny_sd2_file: Path, tmp_path: Path
) -> None:
    other = tiny_sd2.write(tmp_path / "m.safetensors", "unet", "text")
    fused = load_text_encoder(identify(tiny_sd2_file)).encode("a (red:1.2) cat")
    plain = load_text_encoder(identify(other, needed=["text_encoder"])).encode("a (red:1.2) cat")
    assert all(torch.equal(a, b) for a, b in zip(fused, plain, strict=True))


def test_a_text_encoder_without_text_model_in_its_names_is_read(tiny_sd1: TinyModel, tmp_path: Path) -> None:
    parts = tiny_sd1.parts()
    text = {name.replace("text_model.", ""): tensor for name, tensor in parts["text"].items()}
    ids = {"cond_stage_model.transformer.embeddings.position_ids": torch.arange(77)[None]}
    save_file({**parts["unet"], **text, **ids}, tmp_path / "m.safetensors")
    loaded = load_text_encoder(identify(tmp_path / "m.safetensors", needed=["text_encoder"]))
    assert same(loaded.network, tiny_sd1.text)


def test_a_folder_gives_the_networks_that_were_written(tiny_sd1: TinyModel, tiny_sd1_folder: Path) -> None:
    checkpoint = identify(tiny_sd1_folder)
    assert same(load_denoiser(checkpoint).unet, tiny_sd1.unet)
    assert same(load_text_encoder(checkpoint).network, tiny_sd1.text)
    assert same(load_autoencoder(checkpoint).vae, tiny_sd1.vae)


def test_a_folder_and_a_file_read_a_text_alike(tiny_sd1_folder: Path, tiny_sd1_file: Path) -> None:
    folder, file = (load_text_encoder(identify(path)) for path in (tiny_sd1_folder, tiny_sd1_file))
    assert torch.equal(folder.encode("a cat")[0], file.encode("a cat")[0])


def test_sharded_weights_are_one_network(tiny_sd1: TinyModel, tiny_sd1_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_sd1_folder, tmp_path / "model"))
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(whole)
    names = sorted(state)
    for i, part in enumerate((names[::2], names[1::2]), 1):
        shard = whole.with_name(f"diffusion_pytorch_model-0000{i}-of-00002.safetensors")
        save_file({name: state[name] for name in part}, shard)
    whole.unlink()
    assert same(load_denoiser(identify(folder)).unet, tiny_sd1.unet)


def test_an_sd2_folder_without_its_last_layer_reads_as_the_whole(
    tiny_sd2: TinyModel, tiny_sd2_file: Path, tmp_path: Path
) -> None:
    folder = write_folder(tiny_sd2, tmp_path)
    weights = folder / "text_encoder" / "model.safetensors"
    state = {n: t for n, t in load_file(weights).items() if ".layers.2." not in n and "projection" not in n}
    save_file(state, weights)
    write_json(folder / "tokenizer" / "tokenizer_config.json", {"pad_token": "!"})
    write_vocabulary(folder / "tokenizer")
    part, whole = load_text_encoder(identify(folder)), load_text_encoder(identify(tiny_sd2_file))
    assert torch.equal(part.encode("a cat")[0], whole.encode("a cat")[0])


def write_vocabulary(folder: Path) -> None:
    from nodes.diffusion import tokenizer

    tokenizer.clip_tokenizer().save(str(folder / "tokenizer.json"))


def test_pinhole_loads_as_any_folder_does() -> None:
    checkpoint = identify(PINHOLE)
    tokens, pooled = load_text_encoder(checkpoint).encode("a red circle on a blue background")
    assert (tokens.shape, pooled.shape) == ((1, 77, 128), (1, 128))
    denoiser = load_denoiser(checkpoint)
    (x0,) = denoiser([Row(torch.randn(1, 4, 16, 16) * 100, 100.0, tokens)])
    pixels = load_autoencoder(checkpoint).decode(x0)
    assert pixels.shape == (1, 128, 128, 3)


class TestVaeFiles:
    """Autoencoders by themselves."""

    def test_every_layout_gives_the_same_vae(self, tiny_sd1: TinyModel, tmp_path: Path) -> None:
        ldm = {n.removeprefix("first_stage_model."): t for n, t in tiny_sd1.parts()["vae"].items()}
        new = dict(tiny_sd1.vae.state_dict())
        renamed = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        old = {}
        for name, tensor in new.items():
            for ours, theirs in renamed.items():
                name = name.replace(f"attentions.0.{ours}.", f"attentions.0.{theirs}.")  # noqa: PLW2901
            old[name] = tensor
        loss = {"loss.logvar": torch.zeros(1)}
        for i, state in enumerate((ldm, ldm | loss, new, old)):
            save_file(state, tmp_path / f"{i}.safetensors")
            assert same(load_vae(tmp_path / f"{i}.safetensors").vae, tiny_sd1.vae)

    def test_the_vae_of_a_checkpoint_and_of_a_folder_will_do(
        self, tiny_sd1: TinyModel, tiny_sd1_file: Path, tiny_sd1_folder: Path
    ) -> None:
        assert same(load_vae(tiny_sd1_file).vae, tiny_sd1.vae)
        assert same(load_vae(tiny_sd1_folder).vae, tiny_sd1.vae)


def test_weights_take_the_type_that_is_asked_for(tiny_sd1: TinyModel, tiny_sd1_file: Path) -> None:
    checkpoint = identify(tiny_sd1_file)
    vae = load_autoencoder(checkpoint, dtype=torch.bfloat16)
    assert vae.dtype == torch.bfloat16
    assert vae.nbytes == checkpoint.components["autoencoder"].parameters * 2
    assert load_denoiser(checkpoint, dtype=torch.float16).dtype == torch.float16
    text = load_text_encoder(checkpoint)
    assert text.nbytes == sum(p.numel() for p in tiny_sd1.text.text_model.parameters()) * 4


class TestUnsoundFiles:
    """What is found out only on loading."""

    @pytest.mark.parametrize(
        ("name", "tensor", "message"),
        [
            (
                "model.diffusion_model.out.0.bias",
                None,
                "is incomplete: 1 tensors are missing, .*conv_norm_out.bias",
            ),
            ("model.diffusion_model.out.0.bias", torch.zeros(7), r"shape \[7\], which does not give \[32\]"),
            ("model.diffusion_model.out.0.bias", torch.zeros(32, dtype=torch.int8), "quantised"),
        ],
    )
    def test_a_missing_a_misshapen_and_a_quantised_tensor_are_named(
        self, tiny_sd1: TinyModel, tmp_path: Path, name: str, tensor: torch.Tensor | None, message: str
    ) -> None:
        state = tiny_sd1.parts()["unet"]
        del state[name]
        if tensor is not None:
            state[name] = tensor
        save_file(state, tmp_path / "m.safetensors")
        checkpoint = identify(tmp_path / "m.safetensors", needed=["denoiser"])
        with pytest.raises(ModelError, match=message):
            load_denoiser(checkpoint)

    @pytest.mark.parametrize(
        ("file", "change"),
        [
            ("unet/config.json", {"block_out_channels": [33, 64]}),
            ("unet/config.json", {"block_out_channels": "many"}),
            ("unet/config.json", {"down_block_types": ["X", "Y"]}),
            ("text_encoder/config.json", {"num_attention_heads": 7}),
            ("text_encoder/config.json", {"num_attention_heads": 0}),
            ("text_encoder/config.json", {"hidden_act": "tanh"}),
            ("vae/config.json", {"latent_channels": None}),
        ],
    )
    def test_a_configuration_that_makes_no_network_is_an_error(
        self, tiny_sd1_folder: Path, tmp_path: Path, file: str, change: dict[str, Any]
    ) -> None:
        folder = Path(shutil.copytree(tiny_sd1_folder, tmp_path / "model"))
        write_json(folder / file, read_json(folder / file) | change)
        with pytest.raises(ModelError, match="cannot be built"):  # noqa: PT012  # whichever part it is
            checkpoint = identify(folder)
            load_denoiser(checkpoint)
            load_text_encoder(checkpoint)
            load_autoencoder(checkpoint)

    def test_a_part_that_is_not_there_is_named(self, tiny_sd1: TinyModel, tmp_path: Path) -> None:
        path = tiny_sd1.write(tmp_path / "unet.safetensors", "unet")
        with pytest.raises(ModelError, match="has no VAE, only: UNet"):
            load_autoencoder(identify(path, needed=["denoiser"]))
