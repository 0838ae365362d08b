"""The torch-free tables say what the numerics can do."""

import subprocess
import sys

from nodes.diffusion import names
from nodes.diffusion.masks import OPERATIONS
from nodes.diffusion.samplers import SAMPLERS
from nodes.diffusion.schedules import SCHEDULERS


def test_every_named_sampler_exists_and_the_reverse() -> None:
    assert tuple(SAMPLERS) == names.SAMPLERS


def test_every_named_schedule_exists_and_the_reverse() -> None:
    assert tuple(SCHEDULERS) == names.SCHEDULERS


def test_every_named_mask_operation_exists_and_the_reverse() -> None:
    assert tuple(OPERATIONS) == names.MASK_OPERATIONS


def test_names_conditionings_and_noise_levels_are_known_before_torch_is_loaded() -> None:
    modules = "nodes.diffusion.names, nodes.diffusion.conditioning, nodes.diffusion.model_sampling"
    code = f"import sys, {modules}; print([m for m in ('torch', 'diffusers', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
