"""Nodes that change how a model is used, with the embedded model."""

from typing import Any

import pytest
import torch

from engine.errors import UserError
from nodes import model_changes as changes
from nodes.codecs import EXACT
from nodes.latent import empty_latent_image, set_latent_noise_mask
from nodes.latent_operations import latent_operation_sharpen
from nodes.model_sampling import model_sampling_discrete, model_sampling_flux, model_sampling_sd3
from nodes.sampling import k_sampler
from nodes.sockets import Latent, Model
from tests.nodes.pinhole_models import Loaded, loaded

SMALL = empty_latent_image(width=64, height=64)


@pytest.fixture
def pinhole(home: Any) -> Loaded:
    return loaded(home)


def sample(pinhole: Loaded, model: Model, latent: Latent = SMALL, **more: Any) -> torch.Tensor:
    given = {"steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "seed": 1, **more}
    lists = {"positive": pinhole.positive, "negative": pinhole.negative}
    sampled: Latent = pinhole.home.call(k_sampler, model=model, latent_image=latent, **lists, **given)
    return sampled.samples


def all_changes(model: Model) -> list[Model]:
    operation = latent_operation_sharpen()
    return [
        changes.rescale_cfg(model=model),
        changes.cfg_norm(model=model, strength=0.9).patched_model,
        changes.cfg_zero_star(model=model).patched_model,
        changes.apg(model=model, eta=0.0, norm_threshold=1.0),
        changes.cfg_override(model=model, cfg=2.0),
        changes.epsilon_scaling(model=model, scaling_factor=1.1),
        changes.latent_apply_operation_cfg(model=model, operation=operation),
        changes.free_u(model=model),
        changes.free_u_v2(model=model),
        changes.perturbed_attention_guidance(model=model),
        changes.unet_self_attention_multiply(model=model, q=2.0),
        changes.unet_cross_attention_multiply(model=model, v=2.0),
        model_sampling_discrete(model=model, sampling="v_prediction", zsnr=True),
    ]


def test_every_change_shows_and_the_model_stays_as_it_was(pinhole: Loaded) -> None:
    plain = sample(pinhole, pinhole.model)
    for changed in all_changes(pinhole.model):
        assert changed.identity == pinhole.model.identity  # the same weights
        assert changed != pinhole.model
        assert not torch.allclose(sample(pinhole, changed), plain, atol=1e-3), changed.changes
    assert torch.equal(sample(pinhole, pinhole.model), plain)


def test_changes_add_up(pinhole: Loaded) -> None:
    both = changes.rescale_cfg(model=changes.free_u(model=pinhole.model))
    assert len(both.changes) == 2
    for one in both.changes:
        assert not torch.allclose(
            sample(pinhole, both),
            sample(pinhole, Model(pinhole.model.path, pinhole.model.weights, changes=(one,))),
            atol=1e-3,
        )


def test_a_changed_recipe_comes_back_from_disk(pinhole: Loaded) -> None:
    for changed in all_changes(pinhole.model):
        assert EXACT.unpack(EXACT.pack(changed)) == changed


def test_a_gray_mask_changes_whiter_places_more(pinhole: Loaded) -> None:
    latent = Latent(torch.randn(1, 4, 8, 8))
    mask = torch.zeros(8, 8)
    mask[:, 3:6], mask[:, 6:] = 0.4, 1.0
    masked = set_latent_noise_mask(samples=latent, mask=mask)
    model = changes.differential_diffusion(model=pinhole.model)
    changed = (sample(pinhole, model, masked, steps=6) - latent.samples).abs().mean((0, 1, 2))
    assert changed[:3].max() < 0.05  # at the lowest level every place may change
    assert 0.05 < changed[3:6].mean() < changed[6:].mean()
    assert not torch.allclose(sample(pinhole, pinhole.model, masked, steps=6), changed, atol=1e-2)


def test_what_has_no_levels_to_shift_says_so(pinhole: Loaded) -> None:
    with pytest.raises(UserError, match=r"shifted by 3; this node is for flow models"):
        model_sampling_sd3(model=pinhole.model)
    with pytest.raises(UserError, match=r"shifted by 1\.15; this node is for flow models"):
        model_sampling_flux(model=pinhole.model)
