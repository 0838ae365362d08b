"""From a prompt to what leads a denoiser."""

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.checkpoints import identify
from nodes.diffusion.errors import ModelError
from nodes.diffusion.loading import load_text_encoder
from nodes.diffusion.text import FindEmbedding, TextEncoder
from tests.nodes.diffusion.tiny_models import TinyModel

CAT = [49406, 320, 1125, 539, 320, 2368, 49407]


@pytest.fixture(scope="module")
def encoder(tiny_sd1_file: Path) -> TextEncoder:
    return load_text_encoder(identify(tiny_sd1_file))


@pytest.fixture(scope="module")
def encoder2(tiny_sd2_file: Path) -> TextEncoder:
    return load_text_encoder(identify(tiny_sd2_file))


@torch.no_grad()
def hidden_states(model: TinyModel, ids: list[int], pad: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """What transformers' own model gives: the states after each layer, and the projected pooled vector."""
    text = model.text(torch.tensor([ids + [pad] * (77 - len(ids))]), output_hidden_states=True)
    return text.hidden_states, text.text_embeds


def final_norm(model: TinyModel, states: Tensor) -> Tensor:
    normed: Tensor = model.text.text_model.final_layer_norm(states)
    return normed


@torch.no_grad()
def test_sd1_reads_the_last_layer_and_does_not_project(tiny_sd1: TinyModel, encoder: TextEncoder) -> None:
    states, _ = hidden_states(tiny_sd1, CAT, pad=49407)
    tokens, pooled = encoder.encode("a photo of a cat")
    expected = final_norm(tiny_sd1, states[-1])
    torch.testing.assert_close(tokens, expected)
    torch.testing.assert_close(pooled, expected[:, 6])
    assert (tokens.dtype, tokens.shape, pooled.shape) == (torch.float32, (1, 77, 64), (1, 64))


@torch.no_grad()
def test_sd2_reads_the_layer_before_the_last_and_projects(tiny_sd2: TinyModel, encoder2: TextEncoder) -> None:
    states, projected = hidden_states(tiny_sd2, CAT, pad=0)
    tokens, pooled = encoder2.encode("a photo of a cat")
    torch.testing.assert_close(tokens, final_norm(tiny_sd2, states[-2]))
    torch.testing.assert_close(pooled, projected)
    assert pooled.shape == (1, 48)


@torch.no_grad()
def test_clip_skip_normalises_an_earlier_layer_and_leaves_the_pooled_vector(
    tiny_sd1: TinyModel, encoder: TextEncoder
) -> None:
    states, _ = hidden_states(tiny_sd1, CAT, pad=49407)
    tokens, pooled = encoder.encode("a photo of a cat", stop_at_layer=-2)
    torch.testing.assert_close(tokens, final_norm(tiny_sd1, states[-2]))
    assert torch.equal(pooled, encoder.encode("a photo of a cat")[1])


def test_a_layer_beyond_the_first_means_the_last(encoder: TextEncoder) -> None:
    last = encoder.encode("a cat", stop_at_layer=-1)[0]
    assert torch.equal(encoder.encode("a cat", stop_at_layer=-24)[0], last)


def test_a_weight_moves_a_token_away_from_the_empty_text(encoder: TextEncoder) -> None:
    plain, pooled = encoder.encode("red cat")
    empty, _ = encoder.encode("")
    weighted, weighted_pooled = encoder.encode("(red:1.5) cat")
    torch.testing.assert_close(weighted[:, 1], empty[:, 1] + 1.5 * (plain[:, 1] - empty[:, 1]))
    torch.testing.assert_close(weighted[:, 2:], plain[:, 2:])
    torch.testing.assert_close(weighted_pooled, pooled)


def test_a_weight_of_nothing_is_the_empty_text(encoder: TextEncoder) -> None:
    torch.testing.assert_close(encoder.encode("(red cat:0)")[0][:, 1:3], encoder.encode("")[0][:, 1:3])


def test_chunks_are_encoded_independently(encoder: TextEncoder) -> None:
    first, second = " ".join(["cat"] * 75), " ".join(["dog"] * 30)
    tokens, pooled = encoder.encode(f"{first} {second}")
    assert tokens.shape == (1, 154, 64)
    torch.testing.assert_close(tokens[:, :77], encoder.encode(first)[0])
    torch.testing.assert_close(tokens[:, 77:], encoder.encode(second)[0])
    torch.testing.assert_close(pooled, encoder.encode(first)[1])


def test_a_very_long_prompt_is_encoded_in_several_forwards(encoder: TextEncoder) -> None:
    assert encoder.encode("(cat:1.1) " + "dog " * 75 * 33)[0].shape == (1, 77 * 34, 64)


def test_the_first_written_end_token_is_where_the_text_is_pooled(encoder: TextEncoder) -> None:
    torch.testing.assert_close(encoder.encode("a<|endoftext|>b")[1], encoder.encode("a")[1])


def test_weights_are_rounded_to_half_precision(tiny_sd1: TinyModel, tmp_path: Path) -> None:
    parts = tiny_sd1.parts()
    name = "cond_stage_model.transformer.text_model.final_layer_norm.weight"
    text = parts["text"] | {name: torch.full([64], 1 + 1e-5)}
    save_file({**parts["unet"], **text}, tmp_path / "m.safetensors")
    network = load_text_encoder(identify(tmp_path / "m.safetensors", needed=["text_encoder"])).network
    assert set(network.final_layer_norm.weight.tolist()) == {1.0}


class TestEmbeddings:
    """Words that were trained, by name."""

    @pytest.fixture
    def folder(self, tmp_path: Path, encoder: TextEncoder) -> Path:
        ids = torch.tensor(encoder.tokenizer.encode("red cat"))
        vectors = encoder.network.embed(ids).detach()
        save_file({"emb_params": vectors}, tmp_path / "redcat.safetensors")
        save_file({"<toy>": vectors[0].clone()}, tmp_path / "red.safetensors")
        save_file({"emb_params": torch.zeros(2, 7)}, tmp_path / "other.safetensors")
        save_file({"emb_params": torch.zeros(2, 2, 2)}, tmp_path / "odd.safetensors")
        return tmp_path

    @pytest.mark.parametrize(
        ("prompt", "same"),
        [
            ("a embedding:redcat here", "a red cat here"),
            ("embedding:red", "red"),
            ("a embedding:redcat, big", "a red cat, big"),
            ("a\nembedding:red cat", "a red cat"),
            ("(embedding:redcat:1.5)", "(red cat:1.5)"),
            ("embedding:red embedding:redcat", "red red cat"),
        ],
    )
    def test_vectors_stand_where_their_name_stood(
        self, prompt: str, same: str, folder: Path, encoder: TextEncoder
    ) -> None:
        tokens, pooled = encoder.encode(prompt, find_embedding=finder(folder))
        expected, expected_pooled = encoder.encode(same)
        torch.testing.assert_close(tokens, expected)
        torch.testing.assert_close(pooled, expected_pooled)

    @pytest.mark.parametrize("name", ["missing", "other"])
    def test_an_embedding_that_cannot_be_used_is_left_out_with_a_warning(
        self, name: str, folder: Path, encoder: TextEncoder, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            tokens, _ = encoder.encode(f"a embedding:{name} cat", find_embedding=finder(folder))
        assert name in caplog.text
        torch.testing.assert_close(tokens, encoder.encode("a cat")[0])

    def test_a_file_that_is_no_embedding_is_an_error(self, folder: Path, encoder: TextEncoder) -> None:
        with pytest.raises(ModelError, match="odd"):
            encoder.encode("embedding:odd", find_embedding=finder(folder))

    def test_without_a_place_to_look_it_is_text(self, encoder: TextEncoder) -> None:
        assert encoder.encode("embedding:red")[0].shape == (1, 77, 64)


def finder(folder: Path) -> FindEmbedding:
    def find(name: str) -> Path | None:
        path = folder / f"{name}.safetensors"
        return path if path.is_file() else None

    return find
