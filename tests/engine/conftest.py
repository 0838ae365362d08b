"""A bench for each test: an engine with toy nodes on a home of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import TOYS

from engine.testing import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, TOYS)
    with bench.engine:
        yield bench
