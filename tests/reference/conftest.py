"""The full-size checkpoint of the reference results, made once per run."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.reference import checkpoint

    path = tmp_path_factory.mktemp("models") / "sd15_random.safetensors"
    checkpoint.make(path)
    return path
