"""Noise is a function of the seed and of nothing else."""

import torch

from nodes.diffusion.noise import brownian_noise, fresh_noise, initial_noise

SHAPE = (2, 4, 8, 8)
LEVELS = [14.6, 5.0, 2.0, 0.5, 0.03, 0.0]


def test_equal_seeds_give_equal_noise_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(initial_noise(SHAPE, 7), initial_noise(SHAPE, 7))
    assert not torch.equal(initial_noise(SHAPE, 7), initial_noise(SHAPE, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_what_torch_draws_on_the_cpu_for_that_seed() -> None:
    torch.manual_seed(123456789)
    assert torch.equal(initial_noise(SHAPE, 123456789), torch.randn(SHAPE))


def test_seeds_reach_to_the_largest_unsigned_64_bit_number() -> None:
    assert initial_noise(SHAPE, 2**64 - 1).isfinite().all()
    x = torch.zeros(SHAPE)
    assert brownian_noise(x, LEVELS, 2**64 - 1)(5.0, 2.0).isfinite().all()


def test_the_first_of_a_batch_starts_like_a_single_picture() -> None:
    assert torch.equal(initial_noise((3, 4, 8, 8), 5)[:1], initial_noise((1, 4, 8, 8), 5))


def test_items_taken_out_of_a_batch_keep_their_noise() -> None:
    whole = initial_noise((4, 4, 8, 8), 5)
    assert torch.equal(initial_noise((3, 4, 8, 8), 5, [2, 0, 2]), whole[[2, 0, 2]])


def test_step_noise_begins_with_the_initial_noise_and_goes_on() -> None:
    x = torch.zeros(SHAPE)
    noise = fresh_noise(x, LEVELS, 3)
    first = noise(14.6, 5.0)
    assert torch.equal(first, initial_noise(SHAPE, 3))
    assert not torch.equal(noise(5.0, 2.0), first)


def test_a_brownian_path_does_not_depend_on_who_asks_when() -> None:
    x = torch.zeros(SHAPE)
    down = [brownian_noise(x, LEVELS, 3)(a, b) for a, b in ((5.0, 2.0), (2.0, 0.5))]
    up = brownian_noise(x, LEVELS, 3)
    assert torch.equal(up(2.0, 0.5), down[1])
    assert torch.equal(up(5.0, 2.0), down[0])


def test_brownian_increments_add_up_and_have_unit_variance() -> None:
    noise = brownian_noise(torch.zeros(1, 4, 64, 64), LEVELS, 3)
    parts = noise(5.0, 2.0) * 3**0.5 + noise(2.0, 0.5) * 1.5**0.5
    torch.testing.assert_close(parts, noise(5.0, 0.5) * 4.5**0.5, rtol=1e-4, atol=1e-4)
    assert abs(noise(5.0, 2.0).std().item() - 1) < 0.03


def test_a_brownian_increment_is_the_fall_of_torchsdes_tree() -> None:
    from torchsde import BrownianTree

    tree = BrownianTree(t0=0.03, t1=14.6, w0=torch.zeros(SHAPE), entropy=11)
    expected = -tree(2.0, 5.0) / 3**0.5
    torch.testing.assert_close(brownian_noise(torch.zeros(SHAPE), LEVELS, 11)(5.0, 2.0), expected)
