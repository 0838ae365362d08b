"""ControlNets: recognised in both layouts, and equal to diffusers' own pipeline."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    EulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
)
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.asks import run
from nodes.diffusion.conditioning import Cond, Control
from nodes.diffusion.controls import ControlNetwork, hint_for, identify_control_net, load_control_net
from nodes.diffusion.denoisers import UNetDenoiser
from nodes.diffusion.errors import ModelError
from nodes.diffusion.model_sampling import LatentFormat
from nodes.diffusion.sampling import sample
from nodes.diffusion.schedules import normal
from tests.nodes.diffusion.tiny_models import TinyModel
from tests.nodes.diffusion.toys import SD1
from tests.reference import ldm

CPU = torch.device("cpu")
STEPS, CFG = 4, 5.0  # 999 / 3 is a whole number: all levels are those of whole timesteps


@dataclass
class Tiny:
    model: TinyModel
    net: Any
    network: ControlNetwork

    @property
    def denoiser(self) -> UNetDenoiser:
        return UNetDenoiser(self.model.unet, SD1, LatentFormat(), "tiny")


@pytest.fixture(scope="module")
def tiny(tiny_sd1: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    torch.manual_seed(3)
    make: Any = ControlNetModel.from_unet
    net = make(tiny_sd1.unet, conditioning_embedding_out_channels=(8, 16, 24, 32)).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "controlnet_" in name:  # zero at the beginning of training
                parameter.add_(torch.randn(parameter.shape) * 0.2)
    file = tmp_path_factory.mktemp("control") / "net.safetensors"
    save_file(net.state_dict(), file)
    return Tiny(tiny_sd1, net, load_control_net(file, CPU, torch.float32))


def original_state(net: Any) -> dict[str, Tensor]:
    """The tensors under the names of the authors."""
    state = {}
    for name, tensor in net.state_dict().items():
        first, _, rest = name.partition(".")
        number, _, leaf = rest.partition(".")
        if first == "controlnet_down_blocks":
            theirs = f"zero_convs.{number}.0.{leaf}"
        elif first == "controlnet_mid_block":
            theirs = f"middle_block_out.0.{rest}"
        elif first == "controlnet_cond_embedding":
            part, _, tail = rest.partition(".")
            if part == "blocks":
                index, _, tail = tail.partition(".")
                theirs = f"input_hint_block.{2 * int(index) + 2}.{tail}"
            else:
                theirs = f"input_hint_block.{0 if part == 'conv_in' else 14}.{tail}"
        else:
            theirs = ldm.unet_name(name, 2)
        state[f"control_model.{theirs}"] = tensor.contiguous()
    return state


def conds(count: int = 2) -> list[Cond]:
    generator = torch.Generator().manual_seed(5)
    return [Cond(torch.randn(1, 7, 64, generator=generator)) for _ in range(count)]


def picture(height: int = 64, width: int = 64, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(8)
    return torch.rand(count, height, width, 3, generator=generator)


def control(tiny: Tiny, **options: Any) -> Control:
    return Control(tiny.network, picture(), **options)


def ours(tiny: Tiny, positive: Cond, negative: Cond, noise: Tensor) -> Tensor:
    return run(
        sample(
            tiny.denoiser,
            torch.zeros_like(noise),
            noise=noise,
            sampler_name="euler",
            sigmas=normal(SD1, STEPS),
            positive=[positive],
            negative=[negative],
            cfg=CFG,
            seed=0,
        )
    )


def theirs(tiny: Tiny, lists: list[Cond], noise: Tensor, **options: Any) -> Tensor:
    make_vae: Any = AutoencoderKL
    vae = make_vae(
        block_out_channels=(32,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    ).eval()
    make_scheduler: Any = EulerDiscreteScheduler
    scheduler = make_scheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
    )
    make: Any = StableDiffusionControlNetPipeline
    pipeline = make(
        vae=vae, text_encoder=None, tokenizer=None, unet=tiny.model.unet, controlnet=tiny.net,
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    sigma = SD1.sigma_max
    latents: Tensor = pipeline(
        prompt_embeds=lists[0].tokens,
        negative_prompt_embeds=lists[1].tokens,
        image=picture().movedim(-1, 1),
        num_inference_steps=STEPS,
        guidance_scale=CFG,
        latents=noise * (math.hypot(1, sigma) / sigma),
        output_type="latent",
        **options,
    ).images
    return latents / 0.18215


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_run_is_that_of_diffusers_pipeline(tiny: Tiny, strength: float) -> None:
    lists = conds()
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    steered = [replace(cond, controls=(control(tiny, strength=strength),)) for cond in lists]
    expected = theirs(tiny, lists, noise, controlnet_conditioning_scale=strength)
    found = ours(tiny, steered[0], steered[1], noise)
    plain = ours(tiny, lists[0], lists[1], noise)
    assert (found - expected).norm() / expected.norm() < 1e-4
    assert (plain - expected).norm() / expected.norm() > 1e-2


def test_both_layouts_give_identical_networks(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "original.safetensors"
    save_file(original_state(tiny.net), file)
    network = load_control_net(file, CPU, torch.float32).network.state_dict()
    assert set(network) == set(tiny.net.state_dict())
    for name, tensor in tiny.net.state_dict().items():
        assert torch.equal(network[name], tensor), name
    assert identify_control_net(file).config["conditioning_embedding_out_channels"] == [8, 16, 24, 32]


def test_a_control_counts_within_its_part_of_the_sampling(tiny: Tiny) -> None:
    positive, negative = conds()
    noise = torch.randn(1, 4, 8, 8)

    def found(**options: Any) -> Tensor:
        steered = (control(tiny, **options),)
        return ours(tiny, replace(positive, controls=steered), replace(negative, controls=steered), noise)

    plain = ours(tiny, positive, negative, noise)
    assert torch.equal(found(start_percent=0.0, end_percent=1.0), found())
    early, late = found(end_percent=0.3), found(start_percent=0.3)
    for one, other in [(early, late), (early, plain), (late, plain), (early, found())]:
        assert not torch.allclose(one, other, atol=1e-4)
    # Within the schedule's last step: the level 0 is never asked for.
    assert torch.equal(found(start_percent=1.0), plain)


def test_several_controls_add_up(tiny: Tiny) -> None:
    positive, negative = conds()
    noise = torch.randn(1, 4, 8, 8)
    halves = (control(tiny, strength=0.25), control(tiny, strength=0.75))
    both = ours(tiny, replace(positive, controls=halves), replace(negative, controls=halves), noise)
    whole = (control(tiny),)
    one = ours(tiny, replace(positive, controls=whole), replace(negative, controls=whole), noise)
    assert torch.allclose(both, one, atol=1e-4)


def test_one_side_alone_may_be_steered_or_both_by_one(tiny: Tiny) -> None:
    positive, negative = conds()
    noise = torch.randn(1, 4, 8, 8)
    alone = ours(tiny, replace(positive, controls=(control(tiny),)), negative, noise)
    shared = ours(tiny, replace(positive, controls=(control(tiny, for_all=True),)), negative, noise)
    both = ours(
        tiny,
        replace(positive, controls=(control(tiny),)),
        replace(negative, controls=(control(tiny),)),
        noise,
    )
    assert torch.equal(shared, both)
    assert not torch.allclose(alone, both, atol=1e-4)


def test_a_batch_is_steered_item_by_item(tiny: Tiny) -> None:
    positive, negative = conds()
    noise = torch.randn(2, 4, 8, 8)
    two = Control(tiny.network, torch.cat([picture(), 1 - picture()]))

    def found(steering: Control, noise: Tensor) -> Tensor:
        steered = (steering,)
        return ours(tiny, replace(positive, controls=steered), replace(negative, controls=steered), noise)

    whole = found(two, noise)
    for k in range(2):
        single = found(replace(two, hint=two.hint[k : k + 1]), noise[k : k + 1])
        assert torch.allclose(whole[k : k + 1], single, atol=1e-4)


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(64, 64, 3), (100, 40, 3), (7, 300, 1), (64, 64, 4)]
)
def test_a_hint_of_any_size_is_made_to_fit(height: int, width: int, channels: int) -> None:
    hint = hint_for(torch.rand(1, height, width, 3), torch.zeros(2, 4, 5, 6), channels)
    assert hint.shape == (2, channels, 40, 48)


def test_a_gray_hint_is_taken_for_all_colours() -> None:
    hint = hint_for(torch.rand(1, 16, 16, 1), torch.zeros(1, 4, 2, 2), 3)
    assert torch.equal(hint[:, 0], hint[:, 2])


def test_a_network_that_shuffles_says_the_same_everywhere(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "control_shuffle.safetensors"
    save_file(tiny.net.state_dict(), file)
    network = load_control_net(file, CPU, torch.float32)
    x, tokens = torch.randn(1, 4, 8, 8), torch.randn(1, 7, 64)
    hint = hint_for(picture(), x, 3)
    downs, middle = network(x, torch.tensor([5.0]), tokens, hint, torch.ones(1, 1, 1, 1))
    for residual in (*downs, middle):
        assert torch.allclose(residual, residual[:, :, :1, :1].expand_as(residual))


def test_what_is_no_control_net_is_told(tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    save_file({"adapter.conv_in.weight": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match="T2I adapter"):
        identify_control_net(file)
