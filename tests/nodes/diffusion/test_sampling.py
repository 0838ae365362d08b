"""From a latent to a finished one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from nodes.diffusion.asks import Steps, run, run_together
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Row, UNetDenoiser
from nodes.diffusion.model_sampling import LatentFormat
from nodes.diffusion.names import SAMPLERS
from nodes.diffusion.noise import initial_noise
from nodes.diffusion.sampling import NotANumberError, sample
from nodes.diffusion.schedules import sampler_sigmas, schedule, window
from tests.nodes.diffusion.toys import SD1, ToyDenoiser, one_thread, tiny_unet  # noqa: F401  # a fixture

SHAPE = (1, 4, 8, 8)


def text(seed: int) -> tuple[Cond, ...]:
    return (Cond(torch.randn(1, 7, 16, generator=torch.Generator().manual_seed(seed))),)


def steps(**changes: Any) -> Steps[Tensor]:
    """A run of the tiny network, with whatever is different."""
    name = changes.get("sampler_name", "euler")
    settings: dict[str, Any] = {
        "denoiser": UNetDenoiser(tiny_unet(), SD1, LatentFormat(), "tiny"),
        "latent": torch.zeros(SHAPE),
        "sampler_name": name,
        "sigmas": sampler_sigmas(name, "normal", SD1, 4),
        "positive": text(1),
        "negative": text(2),
        "cfg": 5.0,
        "seed": 7,
    } | changes
    settings.setdefault("noise", initial_noise(settings["latent"].shape, settings["seed"]))
    return sample(settings.pop("denoiser"), settings.pop("latent"), **settings)


def test_sampling_ends_in_the_space_of_the_vae() -> None:
    result = run(steps(denoiser=ToyDenoiser(), positive=(Cond(torch.full((1, 2, 2), 0.5)),), cfg=1.0))
    torch.testing.assert_close(result, torch.full(SHAPE, 0.5 / 0.18215), rtol=1e-4, atol=1e-4)


def test_equal_seeds_give_equal_pictures() -> None:
    assert torch.equal(run(steps()), run(steps()))
    assert not torch.allclose(run(steps()), run(steps(seed=8)))


def test_an_unknown_sampler_is_euler() -> None:
    assert torch.equal(run(steps(sampler_name="no such sampler")), run(steps()))


def test_jobs_in_one_batch_get_what_they_would_get_alone() -> None:
    jobs: list[dict[str, Any]] = [{"sampler_name": "euler_ancestral"}, {"sampler_name": "heun", "cfg": 2.0}]
    together = run_together([steps(**job) for job in jobs])
    for merged, job in zip(together, jobs, strict=True):
        alone = run(steps(**job))
        assert (merged - alone).abs().max() < 1e-5 * alone.abs().max()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_shares_its_calls_with_another_job(name: str) -> None:
    toy = ToyDenoiser(curved=True)
    jobs: list[dict[str, Any]] = [{"sampler_name": name, "seed": 1}, {"sampler_name": "heun", "cfg": 2.0}]
    alone = [run(steps(denoiser=toy, **job)) for job in jobs]
    apart = len(toy.calls)
    together = run_together([steps(denoiser=toy, **job) for job in jobs])
    assert len(toy.calls) - apart < apart
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "euler_ancestral"])
def test_the_first_of_a_batch_is_the_single_picture(name: str) -> None:
    batch = run(steps(latent=torch.zeros(3, 4, 8, 8), sampler_name=name))
    single = run(steps(sampler_name=name))
    assert batch.shape == (3, 4, 8, 8)
    if name == "euler_ancestral":  # drawn for the whole batch: only the first draw begins alike
        assert not torch.allclose(batch[:1], single, atol=1e-3)
    else:
        assert (batch[:1] - single).abs().max() < 1e-5 * single.abs().max()


def test_two_runs_with_noise_left_over_are_one_run() -> None:
    sigmas = schedule("normal", SD1, 6)
    whole = run(steps(sigmas=sigmas))
    first = run(steps(sigmas=window(sigmas, 0, 3, leftover_noise=True)))
    second = run(steps(sigmas=window(sigmas, 3), latent=first, noise=torch.zeros(SHAPE)))
    torch.testing.assert_close(second, whole, rtol=1e-4, atol=1e-4)


def test_an_empty_schedule_gives_the_latent_back() -> None:
    latent = torch.randn(SHAPE)
    assert run(steps(latent=latent, sigmas=torch.empty(0))) is latent


def test_partial_denoising_stays_near_the_latent() -> None:
    latent = torch.randn(SHAPE) * 5
    sigmas = sampler_sigmas("euler", "normal", SD1, 4, 0.1)
    far, near = (
        (run(steps(latent=latent, sigmas=s)) - latent).abs().mean()
        for s in (schedule("normal", SD1, 4), sigmas)
    )
    assert near < far / 4


@pytest.mark.parametrize("name", ["euler", "ddim", "dpmpp_2m", "uni_pc", "heun"])
def test_what_a_mask_keeps_is_kept(name: str) -> None:
    latent = torch.randn(SHAPE)
    mask = torch.zeros(1, 64, 64)
    mask[:, :, :32] = 1
    result = run(steps(latent=latent, noise_mask=mask, sampler_name=name))
    left = 0.05 if name == "uni_pc" else 1e-4  # it stops at sigma 0.001
    torch.testing.assert_close(result[..., 4:], latent[..., 4:], rtol=left, atol=left)
    assert (result[..., :4] - latent[..., :4]).abs().mean() > 0.1


def test_the_kept_part_is_shown_at_the_level_at_hand() -> None:
    toy = ToyDenoiser()
    latent, mask = torch.ones(SHAPE) / 0.18215, torch.zeros(1, 1, 8, 8)
    noise = initial_noise(SHAPE, 7)
    sigmas = torch.tensor([14.614641, 2.0, 0.0])
    run(steps(denoiser=toy, latent=latent, noise_mask=mask, sigmas=sigmas, noise=noise))
    for call, sigma in zip(toy.calls, (14.614641, 2.0), strict=True):
        torch.testing.assert_close(call[0].x, 1 + noise * sigma, rtol=1e-5, atol=1e-5)


def test_ddim_noises_the_kept_part_with_a_draw_of_its_own() -> None:
    toy = ToyDenoiser()
    options = {"latent": torch.ones(SHAPE) / 0.18215, "noise_mask": torch.zeros(1, 1, 8, 8)}
    run(steps(denoiser=toy, sampler_name="ddim", sigmas=torch.tensor([2.0, 0.0]), **options))
    torch.testing.assert_close(toy.calls[0][0].x, 1 + initial_noise(SHAPE, 8) * 2.0, rtol=1e-5, atol=1e-5)


def test_a_mask_of_ones_changes_nothing() -> None:
    torch.testing.assert_close(
        run(steps(noise_mask=torch.ones(1, 1, 8, 8))), run(steps()), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_heard_of_once(name: str) -> None:
    heard: list[tuple[int, int]] = []

    def on_step(step: int, total: int, x0: Tensor) -> None:
        assert x0.shape == SHAPE
        heard.append((step, total))

    sigmas = sampler_sigmas(name, "karras", SD1, 6)
    run(steps(denoiser=ToyDenoiser(curved=True), sampler_name=name, sigmas=sigmas, on_step=on_step))
    assert [total for _, total in heard] == [6] * len(heard)
    numbers = [step for step, _ in heard]
    if name == "dpm_fast":  # three evaluations make one of its steps, at levels of its own
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 6
    else:
        assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_sampler_takes_options() -> None:
    silent = {"sampler_name": "euler_ancestral", "options": {"eta": 0.0}}
    torch.testing.assert_close(run(steps(**silent)), run(steps()), rtol=1e-4, atol=1e-4)


def test_inputs_stay_as_they_were() -> None:
    latent, noise, mask = torch.randn(SHAPE), torch.randn(SHAPE), torch.rand(1, 1, 8, 8)
    copies = [tensor.clone() for tensor in (latent, noise, mask)]
    run(steps(latent=latent, noise=noise, noise_mask=mask, sampler_name="euler_ancestral"))
    assert all(torch.equal(a, b) for a, b in zip(copies, (latent, noise, mask), strict=True))


def test_a_closed_run_asks_no_more() -> None:
    toy = ToyDenoiser()
    running = steps(denoiser=toy, noise_mask=torch.ones(1, 1, 8, 8), on_step=lambda *_: None)
    next(running)
    running.close()
    with pytest.raises(StopIteration):
        next(running)


@dataclass(eq=False)
class Breaking(ToyDenoiser):
    """Gives NaN from the call with this number on."""

    first: int = 3
    value: float = math.nan

    def predict(self, row: Row) -> Tensor:
        return super().predict(row) + (self.value if len(self.calls) >= self.first else 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "ddim"])
def test_a_prediction_that_is_not_a_number_is_named_with_its_step(name: str, value: float) -> None:
    with pytest.raises(NotANumberError, match="at step 3 of 4"):
        run(steps(denoiser=Breaking(value=value), sampler_name=name, sigmas=schedule("normal", SD1, 4)))


@dataclass(eq=False)
class Small(ToyDenoiser):
    """A device that holds so many items at once; remembers what was put to it."""

    room: int = 1
    sizes: list[int] = field(default_factory=list)

    def __call__(self, rows: Sequence[Row], /) -> list[Tensor]:
        self.sizes.append(sum(row.x.shape[0] for row in rows))
        if self.sizes[-1] > self.room:
            raise torch.OutOfMemoryError
        return super().__call__(rows)


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_a_batch_that_memory_does_not_hold_goes_in_parts_with_the_same_result(room: int) -> None:
    job: dict[str, Any] = {"latent": torch.zeros(3, 4, 8, 8), "sampler_name": "euler_ancestral", "cfg": 3.0}
    whole = run(steps(denoiser=ToyDenoiser(curved=True), **job))
    small = Small(curved=True, room=room)
    assert torch.equal(run(steps(denoiser=small, **job)), whole)
    too_large = [size for size in small.sizes if size > room]
    assert too_large == sorted(too_large, reverse=True)  # what was too large once is not tried again
    assert len(too_large) <= 3


def test_when_not_even_one_item_fits_the_error_is_the_device_s_own() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        run(steps(denoiser=Small(room=0), cfg=3.0))
