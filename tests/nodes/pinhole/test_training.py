"""Each stage of the training learns: its loss falls on a configuration that fits in seconds."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from nodes.pinhole import WEIGHTS  # noqa: E402
from nodes.pinhole.autoencoder import train_decoder, whiten  # noqa: E402
from nodes.pinhole.joint import Joint, Recipe, encoded, noised  # noqa: E402
from nodes.pinhole.networks import Networks, to_pixels  # noqa: E402
from nodes.pinhole.optimizer import orthogonalized  # noqa: E402
from nodes.pinhole.pictures import example  # noqa: E402
from nodes.pinhole.sampler import sample, schedule, sigma_table  # noqa: E402
from nodes.pinhole.vocabulary import merges_for  # noqa: E402


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.load(WEIGHTS)


@pytest.fixture
def joint(networks: Networks, tmp_path: Path) -> Joint:
    torch.manual_seed(0)
    fresh = Networks.fresh(networks.tokenizer)
    fresh.vae = networks.vae
    recipe = Recipe(steps=12, batch=8, warmup=1, exaggerated=0)
    return Joint(fresh, recipe, [encoded(fresh, 16, tmp_path)])


def test_the_text_warm_up_teaches_attributes(joint: Joint) -> None:
    losses = list(joint.warm_up(6, text=True, batch=16))
    assert losses[-1] < 0.9 * losses[0]


def test_joint_steps_lower_the_error(joint: Joint) -> None:
    errors = [joint.step(k / 12)[0].mean().item() for k in range(7)]
    assert sum(errors[-2:]) < sum(errors[:2])


def test_a_run_goes_on_where_it_stopped(joint: Joint, tmp_path: Path) -> None:
    joint.step(0)
    joint.save(tmp_path)
    weight = joint.trained[0].detach().clone()
    joint.step(0.1)
    joint.load(tmp_path)
    assert joint.done == 1
    assert torch.equal(joint.trained[0], weight)
    assert (tmp_path / "model" / "unet" / "config.json").exists()


def test_whitening_changes_latents_and_not_pictures(networks: Networks) -> None:
    copy = Networks.load(WEIGHTS)
    pixels = to_pixels([example(0, index)[1] for index in range(4)])
    with torch.no_grad():
        copy.vae.quant_conv.bias[:4] += 0.3
        copy.vae.post_quant_conv.bias -= copy.vae.post_quant_conv.weight[:, :, 0, 0] @ torch.full((4,), 0.3)
        whiten(copy, pixels)
        latents = copy.encode_pictures(pixels)
        assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
        assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3)
        before = networks.decode_latents(networks.encode_pictures(pixels))
        assert torch.allclose(copy.decode_latents(latents), before, atol=1e-3)


def test_the_decoder_stage_leaves_the_encoder_alone() -> None:
    networks = Networks.load(WEIGHTS)
    pixels = to_pixels([example(0, 0)[1]])
    before, weight = networks.encode_pictures(pixels), networks.vae.decoder.conv_out.weight.detach().clone()
    saved: list[bool] = []
    train_decoder(networks, 2, lambda: saved.append(True), batch=2)
    assert saved
    assert torch.equal(networks.encode_pictures(pixels), before)
    assert not torch.equal(networks.vae.decoder.conv_out.weight, weight)


def test_plain_targets_are_v_and_exaggerated_ones_still_lead_to_the_latent() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(64, 4, 2, 2, generator=generator)
    x, t, v, weights = noised(latents, exaggerated=0.5, noisy=0.3, generator=generator)
    sigma = sigma_table()[t].view(-1, 1, 1, 1)
    denoised = (x - sigma * v) / (1 + sigma**2).sqrt()
    assert torch.allclose(denoised, latents, atol=1e-3)
    assert 0 < (weights < 1).sum() < 64


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalized(torch.randn(2, 8, 24)))
    assert values.min() > 0.4
    assert values.max() < 1.4


@pytest.mark.parametrize("name", ["normal", "simple", "sgm_uniform", "karras"])
def test_schedules_fall_from_the_largest_sigma_to_zero(name: str) -> None:
    sigmas = schedule(name, 20)
    assert len(sigmas) == 21
    assert sigmas[0] == pytest.approx(sigma_table()[-1].item(), rel=1e-3)
    assert (sigmas.diff() < 0).all()
    assert sigmas[-1] == 0


def test_every_word_becomes_one_token_through_the_merges() -> None:
    merges = merges_for(["red", "ring"])
    assert merges == [("r", "e"), ("re", "d</w>"), ("r", "i"), ("ri", "n"), ("rin", "g</w>")]


def test_the_shipped_model_shows_what_the_prompt_says(networks: Networks) -> None:
    from nodes.pinhole.checker import read_single

    seen = read_single(sample(networks, ["a red circle on a white background"], seed=1)[0])
    assert (seen.shape, seen.color, seen.background) == ("circle", "red", "white")


def test_any_text_can_be_tokenized(networks: Networks) -> None:
    ids = networks.token_ids(["A Red CIRCLE", "a red circle", "日本 zzz"])
    assert ids.shape == (3, 77)
    assert torch.equal(ids[0], ids[1])
