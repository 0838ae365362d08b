"""Networks that are shown a picture beside the latent: equal to diffusers' own pipelines."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.asks import run
from nodes.diffusion.checkpoints import identify
from nodes.diffusion.components import Part
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Row, UNetDenoiser
from nodes.diffusion.guides import DualGuide
from nodes.diffusion.loading import load_denoiser
from nodes.diffusion.model_sampling import LatentFormat
from nodes.diffusion.sampling import sample
from nodes.diffusion.schedules import normal
from tests.nodes.diffusion.toys import SD1
from tests.reference import ldm

STEPS = 4  # 999 / 3 is a whole number: all levels are those of whole timesteps
SCALE = 0.18215
NEEDED: tuple[Part, ...] = ("denoiser",)


def tiny(channels: int) -> Any:
    torch.manual_seed(4)
    make: Any = UNet2DConditionModel
    return make(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=64,
        attention_head_dim=8,
    ).eval()


def denoiser(unet: Any) -> UNetDenoiser:
    return UNetDenoiser(unet, SD1, LatentFormat(), "tiny")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def vae() -> Any:
    make: Any = AutoencoderKL
    return make(
        block_out_channels=(32,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    ).eval()


def scheduler() -> Any:
    make: Any = EulerDiscreteScheduler
    return make(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace",
        steps_offset=1,
    )  # fmt: skip


def started(noise: Tensor) -> Tensor:
    """As our runs begin, for schedulers that scale by the highest level."""
    return noise * (math.hypot(1, SD1.sigma_max) / SD1.sigma_max)


def ours(unet: Any, noise: Tensor, **more: Any) -> Tensor:
    given = {"positive": [], "negative": [], "cfg": 1.0, "seed": 0, **more}
    return run(
        sample(
            denoiser(unet), torch.zeros_like(noise), noise=noise, sampler_name="euler",
            sigmas=normal(SD1, STEPS), **given,
        )
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_filling_in_is_that_of_diffusers_pipeline() -> None:
    unet = tiny(9)
    make: Any = StableDiffusionInpaintPipeline
    pipeline = make(
        vae=vae(), text_encoder=None, tokenizer=None, unet=unet, scheduler=scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = random(1, 7, 64, seed=1), random(1, 7, 64, seed=2)
    hidden, noise = random(1, 4, 8, 8, seed=3), random(1, 4, 8, 8, seed=4)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:40, 8:] = 1
    theirs = pipeline(
        prompt_embeds=positive, negative_prompt_embeds=negative, image=torch.zeros(1, 3, 64, 64),
        mask_image=mask, masked_image_latents=hidden * SCALE, height=64, width=64, strength=1.0,
        num_inference_steps=STEPS, guidance_scale=5.0, latents=started(noise), output_type="latent",
    ).images / SCALE  # fmt: skip
    found = ours(
        unet, noise, cfg=5.0, positive=[Cond(positive, concat=hidden, concat_mask=mask)],
        negative=[Cond(negative, concat=hidden, concat_mask=mask)],
    )  # fmt: skip
    assert (found - theirs).norm() / theirs.norm() < 1e-4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_changing_by_instructions_is_that_of_diffusers_pipeline() -> None:
    """Their guidance has three predictions: with text and picture, with the picture, with neither."""
    unet, encoder = tiny(8), vae()
    make: Any = StableDiffusionInstructPix2PixPipeline
    pipeline = make(
        vae=encoder, text_encoder=None, tokenizer=None, unet=unet, scheduler=scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = random(1, 7, 64, seed=1), random(1, 7, 64, seed=2)
    shown, noise = random(1, 4, 8, 8, seed=3), random(1, 4, 8, 8, seed=4)
    theirs = pipeline(
        prompt_embeds=positive, negative_prompt_embeds=negative, image=shown, num_inference_steps=STEPS,
        guidance_scale=5.0, image_guidance_scale=1.5, latents=started(noise), output_type="latent",
    ).images / SCALE  # fmt: skip
    guide = DualGuide(
        (Cond(positive, concat=shown),), (Cond(negative),), 5.0,
        middle=(Cond(negative, concat=shown),), cfg_middle=1.5,
    )  # fmt: skip
    found = ours(unet, noise, guide=guide)
    assert (found - theirs).norm() / theirs.norm() < 1e-4


@pytest.mark.parametrize("channels", [8, 9])
def test_such_networks_are_recognised(tmp_path: Path, channels: int) -> None:
    unet = tiny(channels)
    names = {name: ldm.unet_name(name, 2) for name in unet.state_dict()}
    state = {f"model.diffusion_model.{names[name]}": each for name, each in unet.state_dict().items()}
    save_file(state, tmp_path / "m.safetensors")
    loaded = load_denoiser(identify(tmp_path / "m.safetensors", NEEDED))
    assert loaded.extra_channels == channels - 4
    assert loaded.latent_format.channels == 4


def test_without_a_picture_the_hole_is_everywhere() -> None:
    one = denoiser(tiny(9))
    x, tokens = random(1, 4, 8, 8), random(1, 7, 64)
    gray = torch.tensor([0.8223, -0.6876, 0.6364, 0.1380]).reshape(1, 4, 1, 1).expand(1, 4, 8, 8) / SCALE
    shown = Row(x, 2.0, tokens, concat=gray, concat_mask=torch.ones(1, 1, 8, 8))
    assert torch.allclose(one([Row(x, 2.0, tokens)])[0], one([shown])[0], atol=1e-5)


def test_plain_networks_take_no_notice() -> None:
    one = denoiser(tiny(4))
    x, tokens = random(1, 4, 8, 8), random(1, 7, 64)
    assert torch.equal(one([Row(x, 2.0, tokens, concat=x)])[0], one([Row(x, 2.0, tokens)])[0])


def test_a_mask_of_another_size_is_made_to_fit_and_rounded() -> None:
    unet, noise = tiny(9), random(2, 4, 8, 8)
    small = torch.zeros(1, 1, 8, 8)
    small[..., 4:] = 1
    large = small.repeat_interleave(16, -1).repeat_interleave(16, -2)
    hidden = random(1, 4, 8, 8, seed=3)
    found = [
        ours(unet, noise, positive=[Cond(random(1, 7, 64), concat=hidden, concat_mask=mask)])
        for mask in (small, large, small * 0.9)
    ]
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert torch.allclose(found[0], found[2], atol=1e-5)
