"""Changes of guidance, of noise levels and of a network as it is called."""

import copy
import math
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import PAGIdentitySelfAttnProcessor2_0
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from diffusers.utils.torch_utils import fourier_filter
from torch import Tensor

from nodes.diffusion.asks import run
from nodes.diffusion.changes import changed_denoiser, changed_guidance, changed_sampling
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Row, UNetDenoiser
from nodes.diffusion.guidance import guided_by
from nodes.diffusion.guidance_changes import (
    CfgWithin,
    DifferentialMask,
    NormedCfg,
    OperationWithin,
    ProjectedCfg,
    RescaledCfg,
    ScaledEpsilon,
    ZeroStarCfg,
)
from nodes.diffusion.guides import Extras, Guide, Moment
from nodes.diffusion.model_sampling import LatentFormat, ModelSampling
from nodes.diffusion.network_changes import FreeU, PerturbedAttention, ScaledAttention, filtered
from nodes.diffusion.samplers.base import Sampling
from nodes.diffusion.sampling_changes import Predicts
from tests.nodes.diffusion.toys import SD1, tiny_unet

SIGMA, CFG = 2.0, 7.0


def moment(uncond: Tensor | None = None) -> Moment:
    generator = torch.Generator().manual_seed(0)
    x, c, u = (torch.randn(2, 4, 8, 8, generator=generator) for _ in range(3))
    return Moment(x, SIGMA, CFG, c, u if uncond is None else uncond)


def guide(*changes: Any, cfg: float = CFG) -> Guide:
    return Guide((), (), cfg, changed_guidance(Extras(), SD1, changes))


def folded(change: Any, at: Moment) -> Tensor:
    """What guidance gives with a change."""
    made = guide(change)
    denoised = made.combined(at)
    for after in made.extras.after:
        denoised = after(at, denoised)
    return denoised


def plain(at: Moment) -> Tensor:
    return guide().combined(at)


def test_rescaling_is_diffusers_on_velocities() -> None:
    at = moment()
    assert at.uncond is not None
    base, share = at.x / (SIGMA**2 + 1), SIGMA / math.hypot(1, SIGMA)
    cond, uncond = (base - at.cond) / share, (base - at.uncond) / share
    rescaled: Any = rescale_noise_cfg
    theirs = rescaled(uncond + CFG * (cond - uncond), cond, guidance_rescale=0.6)
    assert torch.allclose(folded(RescaledCfg(0.6), at), base - theirs * share, atol=1e-5)
    assert torch.allclose(folded(RescaledCfg(0.0), at), plain(at), atol=1e-4)


def test_normed_guidance_is_nowhere_longer_than_the_positive() -> None:
    at = moment()
    denoised = folded(NormedCfg(), at)
    longer = denoised.norm(dim=1) - at.cond.norm(dim=1)
    assert longer.max() < 1e-5
    assert torch.allclose(torch.cosine_similarity(denoised, plain(at), dim=1), torch.ones(2, 8, 8), atol=1e-5)
    assert torch.allclose(folded(NormedCfg(0.5), at), denoised / 2)


def test_a_negative_that_fits_but_for_its_length_leads_nowhere() -> None:
    at = moment()
    along = Moment(at.x, SIGMA, CFG, at.cond, at.x - (at.x - at.cond) * 2)  # alpha is 1/2
    assert along.uncond is not None
    denoised = folded(ZeroStarCfg(), along)
    assert torch.allclose(denoised, along.uncond / 2 + (at.cond - along.uncond / 2) * CFG, atol=1e-4)


def test_projected_guidance_without_limits_is_the_plain_one() -> None:
    at = moment()
    assert torch.allclose(folded(ProjectedCfg(1.0, 0.0, 0.0), at), plain(at), atol=1e-5)
    crosswise = folded(ProjectedCfg(0.0, 0.0, 0.0), at) - at.cond
    assert (crosswise * at.cond).sum((1, 2, 3)).abs().max() < 1e-3
    short = folded(ProjectedCfg(1.0, 2.0, 0.0), at) - at.cond
    assert torch.linalg.vector_norm(short, dim=(1, 2, 3)).tolist() == pytest.approx([2 * (CFG - 1)] * 2)


def test_momentum_carries_on_within_a_run_only() -> None:
    at, change = moment(), ProjectedCfg(1.0, 0.0, 0.5)
    made = guide(change)
    first, second = made.combined(at), made.combined(at)
    assert torch.allclose(first, plain(at), atol=1e-5)
    assert torch.allclose(second - at.cond, (first - at.cond) * 1.5, atol=1e-4)
    assert torch.equal(guide(change).combined(at), first)


def test_another_cfg_holds_within_its_range() -> None:
    made = guide(CfgWithin(1.0, 0.0, 0.5))
    low, high = SD1.sigma_min, SD1.sigma_max
    assert [made.at(sigma) for sigma in (high, low)] == [1.0, CFG]
    assert made.asked(high) == (True, False)
    assert made.asked(low) == (True, True)
    nested = guide(CfgWithin(1.0, 0.0, 0.5), CfgWithin(3.0, 0.9, 1.0))
    assert [nested.at(sigma) for sigma in (high, low, SD1.percent_to_sigma(0.7))] == [1.0, 3.0, CFG]


def test_smaller_noise_and_operations() -> None:
    at = moment()
    assert at.uncond is not None
    assert torch.allclose(folded(ScaledEpsilon(1.25), at), at.x - (at.x - plain(at)) / 1.25, atol=1e-5)
    pressed = folded(OperationWithin("tonemap", (1e6,)), at)
    assert torch.allclose(pressed, plain(at), atol=1e-3)


def test_a_gray_mask_opens_as_the_noise_falls() -> None:
    soften = DifferentialMask()._soften(SD1, [SD1.sigma_max, 1.0, 0.0])
    mask = torch.linspace(0, 1, 11).reshape(1, 1, 1, 11)
    assert soften(mask, SD1.sigma_max).sum() == 1
    assert soften(mask, SD1.sigma_min).sum() == 11
    assert soften(mask, SD1.sigma(499.0)).sum() == 6  # from 0.5 up
    counts = [soften(mask, SD1.sigma(t)).sum().item() for t in (999.0, 700.0, 400.0, 100.0)]
    assert counts == sorted(counts)
    mixed = DifferentialMask(0.5)._soften(SD1, [SD1.sigma_max, 0.0])(mask, SD1.sigma_max)
    assert mixed.flatten()[5].item() == pytest.approx(0.25)


# Noise levels.


def test_levels_to_pure_noise_are_those_of_their_betas() -> None:
    changed = changed_sampling(SD1, [Predicts("v", zsnr=True)])
    expected = ModelSampling.from_betas(prediction="v", zsnr=True)
    assert changed.prediction == "v"
    assert changed.sigmas == pytest.approx(expected.sigmas, rel=1e-4)


def test_consistency_models_know_fifty_levels() -> None:
    changed = changed_sampling(SD1, [Predicts("lcm")])
    assert len(changed.sigmas) == 50
    assert changed.sigma_max == SD1.sigma_max
    assert [changed.timestep(sigma) for sigma in (changed.sigmas[0], changed.sigma_max)] == [19, 999]
    assert changed.sigma(999.0) == pytest.approx(SD1.sigma_max)
    assert changed.sigma(19.0) == pytest.approx(SD1.sigmas[19])


@pytest.mark.parametrize(
    ("prediction", "seen", "meant"),
    [("x0", 3 / math.hypot(1, 2), 0.5), ("img_to_img", 3.0, 0.5), ("eps", 3 / math.hypot(1, 2), 3 - 2 * 0.5)],
)
def test_what_an_output_means(prediction: Any, seen: float, meant: float) -> None:
    sampling = changed_sampling(SD1, [Predicts(prediction)])
    x, output = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 0.5)
    assert sampling.model_input(x, 2.0).item() == pytest.approx(seen)
    assert sampling.denoised(x, output, 2.0).item() == pytest.approx(meant)


def test_a_consistency_model_keeps_what_has_no_noise() -> None:
    sampling = changed_sampling(SD1, [Predicts("lcm")])
    x, output = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 0.5)
    t = 10 * sampling.timestep(2.0)
    expected = t / math.hypot(t, 0.5) * (3 - 1.0) + 0.25 / (t * t + 0.25) * 3
    assert sampling.denoised(x, output, 2.0).item() == pytest.approx(expected)


# The network.


def denoiser() -> UNetDenoiser:
    return UNetDenoiser(tiny_unet(), SD1, LatentFormat(), "tiny")


def row() -> Row:
    generator = torch.Generator().manual_seed(1)
    return Row(
        torch.randn(1, 4, 8, 8, generator=generator), SIGMA, torch.randn(1, 7, 16, generator=generator)
    )


def answer(of: UNetDenoiser) -> Tensor:
    return of([row()])[0]


def test_changes_that_do_nothing_leave_the_very_same_denoiser() -> None:
    one = denoiser()
    assert changed_denoiser(one, [RescaledCfg(), NormedCfg(), PerturbedAttention()]) is one
    assert changed_denoiser(one, [Predicts("eps")]) is one


@pytest.mark.parametrize(
    "change",
    [
        FreeU(1, 1.5, 1.6, 0.9, 0.2),
        FreeU(2, 1.5, 1.6, 0.9, 0.2),
        ScaledAttention("attn2", v=2.0),
        Predicts("v"),
    ],
)
def test_a_change_is_another_denoiser_that_shares_all_weights(change: Any) -> None:
    one = denoiser()
    before = answer(one)
    other = changed_denoiser(one, [change])
    assert other.identity != one.identity
    assert not torch.allclose(answer(other), before)
    assert torch.equal(answer(one), before)
    assert other.unet is one.unet


@pytest.mark.parametrize(
    "change", [FreeU(1, 1.0, 1.0, 1.0, 1.0), FreeU(2, 1.0, 1.0, 1.0, 1.0), ScaledAttention("attn1")]
)
def test_a_change_by_nothing_gives_the_same_answer(change: Any) -> None:
    one = denoiser()
    assert torch.allclose(answer(changed_denoiser(one, [change])), answer(one), atol=1e-5)


def test_low_frequencies_are_scaled_as_in_diffusers() -> None:
    theirs: Any = fourier_filter
    square = torch.randn(2, 3, 8, 8)
    assert torch.allclose(filtered(square, 0.3), theirs(square, threshold=1, scale=0.3), atol=1e-5)


def test_free_u_scales_half_of_the_backbone_and_the_skip() -> None:
    hook = FreeU(1, 2.0, 3.0, 0.5, 1.0)._hook(4, 2.0, 0.5)
    backbone, skip = torch.ones(1, 4, 8, 8), torch.randn(1, 2, 8, 8)
    joined = hook(torch.nn.Identity(), (torch.cat([backbone, skip], dim=1),))[0]
    assert joined[:, :2].min() == 2
    assert joined[:, 2:4].max() == 1
    assert torch.allclose(joined[:, 4:], filtered(skip, 0.5))
    backbone = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).expand(-1, 4, -1, -1)
    joined = FreeU(2, 2.0, 3.0, 0.5, 1.0)._hook(4, 2.0, 0.5)(
        torch.nn.Identity(), (torch.cat([backbone, skip], 1),)
    )[0]
    assert torch.allclose(joined[:, 0], (backbone * (backbone + 1))[:, 0])


def test_free_u_is_at_the_two_deepest_widths() -> None:
    unet: Any = tiny_unet()
    handles = list(FreeU(1, 1.1, 1.2, 0.9, 0.2)._alter(unet))
    assert len(handles) == 3  # where 32 channels, twice those of the first layer, come in
    hooked = [len(resnet._forward_pre_hooks) for block in unet.up_blocks for resnet in block.resnets]
    for handle in handles:
        handle.remove()
    assert sum(hooked) == 3
    assert not any(resnet._forward_pre_hooks for block in unet.up_blocks for resnet in block.resnets)


def test_attention_is_scaled_as_its_weights_would_be() -> None:
    one = denoiser()
    other = copy.deepcopy(one.unet)
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            if ".attn1.to_v." in name:
                parameter.mul_(0.5)
            if ".attn1.to_out.0." in name:
                parameter.mul_(3.0)
    expected = answer(UNetDenoiser(other, SD1, LatentFormat(), "other"))
    assert torch.allclose(
        answer(changed_denoiser(one, [ScaledAttention("attn1", v=0.5, out=3.0)])), expected, atol=1e-5
    )


def test_perturbed_attention_leads_away_from_what_diffusers_perturbs() -> None:
    one, asked = denoiser(), row()
    theirs: Any = copy.deepcopy(one.unet)
    make: Any = PAGIdentitySelfAttnProcessor2_0
    for block in theirs.mid_block.attentions[0].transformer_blocks:
        block.attn1.set_processor(make())
    twice = Row(asked.x.repeat(2, 1, 1, 1), SIGMA, asked.tokens)
    perturbed = UNetDenoiser(theirs, SD1, LatentFormat(), "theirs")([twice])[0][1:]
    plain_answer = one([asked])[0]
    extras = changed_guidance(Extras(), SD1, [PerturbedAttention(3.0)])

    def question() -> Sampling:
        return (yield asked.x, SIGMA)

    led = run(guided_by(question(), one, Guide((Cond(asked.tokens),), extras=extras)))
    assert not torch.allclose(perturbed, plain_answer, atol=1e-3)
    assert torch.allclose(led, plain_answer + 3 * (plain_answer - perturbed), atol=1e-4)
