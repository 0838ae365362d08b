"""Latent nodes: batches keep their noise, sizes are in pixels, files carry the workflow."""

from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.errors import UserError
from nodes import latent
from nodes.latent import (
    empty_latent_image,
    empty_sd3_latent_image,
    latent_from_batch,
    latent_upscale,
    latent_upscale_by,
    load_latent,
    repeat_latent_batch,
    save_latent,
    set_latent_noise_mask,
)
from nodes.sockets import Latent


def numbered(count: int) -> torch.Tensor:
    return torch.arange(float(count)).reshape(count, 1, 1, 1).expand(count, 4, 2, 2)


def test_an_empty_latent_has_a_cell_for_eight_pixels() -> None:
    assert empty_latent_image(width=520, height=64, batch_size=3).samples.shape == (3, 4, 8, 65)


def test_an_empty_latent_may_have_sixteen_channels() -> None:
    latent = empty_sd3_latent_image(width=64, height=32)
    assert latent.samples.shape == (1, 16, 4, 8)
    assert not latent.samples.any()


def test_items_taken_out_of_a_batch_keep_their_places() -> None:
    part = latent_from_batch(samples=Latent(numbered(5)), batch_index=2, length=2)
    assert part.samples[:, 0, 0, 0].tolist() == [2, 3]
    assert part.batch_index == (2, 3)
    assert latent_from_batch(samples=part, batch_index=1, length=1).batch_index == (3,)


def test_places_beyond_a_batch_are_its_end() -> None:
    part = latent_from_batch(samples=Latent(numbered(3)), batch_index=9, length=9)
    assert part.samples[:, 0, 0, 0].tolist() == [2]
    assert part.batch_index == (2,)


def test_a_mask_for_each_item_is_taken_along() -> None:
    masks = torch.arange(3.0).reshape(3, 1, 1, 1)
    part = latent_from_batch(samples=Latent(numbered(3), masks), batch_index=1, length=1)
    assert part.noise_mask is not None
    assert part.noise_mask.flatten().tolist() == [1]
    whole = latent_from_batch(samples=Latent(numbered(3), masks[:1]), batch_index=1, length=1)
    assert whole.noise_mask is not None
    assert whole.noise_mask.flatten().tolist() == [0]


def test_a_repeated_batch_numbers_its_copies_on() -> None:
    latent = Latent(numbered(2), torch.arange(2.0).reshape(2, 1, 1, 1), (4, 6))
    repeated = repeat_latent_batch(samples=latent, amount=2)
    assert repeated.samples[:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    assert repeated.batch_index == (4, 6, 7, 9)
    assert repeated.noise_mask is not None
    assert repeated.noise_mask.flatten().tolist() == [0, 1, 0, 1]
    assert repeat_latent_batch(samples=Latent(numbered(2)), amount=3).batch_index is None


def test_a_noise_mask_has_a_channel_and_leaves_the_input_alone() -> None:
    latent = Latent(numbered(1))
    masked = set_latent_noise_mask(samples=latent, mask=torch.ones(16, 16))
    assert masked.noise_mask is not None
    assert masked.noise_mask.shape == (1, 1, 16, 16)
    assert latent.noise_mask is None


def test_latents_are_resized_in_pixels() -> None:
    latent = Latent(torch.rand(1, 4, 16, 32))
    grown = latent_upscale(samples=latent, upscale_method="bislerp", width=512, height=512, crop="disabled")
    assert grown.samples.shape == (1, 4, 64, 64)
    kept = latent_upscale(samples=latent, upscale_method="area", width=512, height=0, crop="disabled")
    assert kept.samples.shape == (1, 4, 32, 64)
    tiny = latent_upscale(samples=latent, upscale_method="area", width=64, height=0, crop="disabled")
    assert tiny.samples.shape == (1, 4, 8, 8)
    same = latent_upscale(samples=latent, upscale_method="area", width=0, height=0, crop="disabled")
    assert same is latent
    by = latent_upscale_by(samples=latent, upscale_method="bilinear", scale_by=1.5)
    assert by.samples.shape == (1, 4, 24, 48)


def test_a_saved_latent_can_be_loaded(home: Any) -> None:
    home.metadata["prompt"] = "{}"
    latent = Latent(torch.randn(1, 4, 2, 2).expand(2, -1, -1, -1))
    home.call(save_latent, samples=latent)
    (shown,) = home.last.shown["latents"]
    assert (shown["subfolder"], shown["filename"]) == ("latents", "ComfyUI_00001_.latent")
    with safe_open(home.files.output / "latents" / shown["filename"], framework="pt") as file:
        assert file.metadata() == {"prompt": "{}"}
        assert set(file.keys()) == {"latent_tensor", "latent_format_version_0"}
    loaded = home.call(load_latent, latent="latents/ComfyUI_00001_.latent [output]")
    assert torch.equal(loaded.samples, latent.samples)


def test_an_old_latent_is_brought_to_the_vae_space(home: Any) -> None:
    save_file({"latent_tensor": torch.full((1, 4, 1, 1), 0.18215)}, home.files.input / "old.latent")
    assert home.call(load_latent, latent="old.latent").samples.flatten().tolist() == pytest.approx([1] * 4)


def test_a_file_without_latents_is_named(home: Any) -> None:
    save_file({"weight": torch.zeros(1)}, home.files.input / "lora.latent")
    (home.files.input / "broken.latent").write_bytes(b"\x00" * 30)
    with pytest.raises(UserError, match=r"lora.latent: holds no latents"):
        home.call(load_latent, latent="lora.latent")
    with pytest.raises(UserError, match=r"broken.latent"):
        home.call(load_latent, latent="broken.latent")


def test_every_family_has_empty_latents_of_its_shape() -> None:
    shapes = {
        latent.empty_flux2_latent_image(width=512, height=256, batch_size=2): (2, 128, 16, 32),
        latent.empty_hunyuan_image_latent(width=64, height=128): (1, 64, 4, 2),
        latent.empty_chroma_radiance_latent_image(width=32, height=16): (1, 3, 16, 32),
        latent.empty_hidream_o1_latent_image(width=32, height=16): (1, 3, 16, 32),
        latent.empty_qwen_image_layered_latent_image(width=64, height=32, layers=2): (1, 16, 3, 4, 8),
        latent.empty_hunyuan_video15_latent(width=32, height=16, length=9): (1, 32, 3, 1, 2),
    }
    c, b = latent.stable_cascade_empty_latent_image(width=1024, height=512)
    for each, shape in {**shapes, c: (1, 16, 12, 24), b: (1, 4, 128, 256)}.items():
        assert each.samples.shape == shape
        assert each.samples.abs().max() == 0
