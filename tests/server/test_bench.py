"""`safelight bench`: a table of what was measured, whatever the figures are."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from calling import Safelight

QUICK = ("--rounds", 1, "--steps", 1, "--jobs", 2, "--threads", 1, "--device", "cpu")


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def rows(safelight: Safelight, part: str) -> list[dict[str, Any]]:
    said = safelight("bench", part, *QUICK, "--json")
    assert said.code == 0
    found: list[dict[str, Any]] = said.json["rows"]
    assert {row["part"] for row in found} == {part}
    return found


def test_the_engine_is_measured_fresh_and_cached(safelight: Safelight) -> None:
    fresh, cached = rows(safelight, "engine")
    assert fresh["value"] > cached["value"] > 0


def test_jobs_at_once_are_measured_beside_the_same_jobs_in_a_row(safelight: Safelight) -> None:
    one, two = rows(safelight, "throughput")
    assert one["name"] == "1 jobs at once"
    assert two["value"] > 0
    assert two["yardstick"] > 0
    assert "the UNet alone gains" in two["note"]


def test_sampling_is_measured_beside_a_bare_loop(safelight: Safelight) -> None:
    assert len(rows(safelight, "sampling")) == 3


def test_memory_is_told_as_a_table(safelight: Safelight) -> None:
    said = safelight("bench", "memory", *QUICK)
    assert said.code == 0
    head, _, *lines = said.out.splitlines()
    assert head.startswith("| part | what | Safelight |")
    assert any("models that stay loaded" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("speed",), "there is no part 'speed' to measure; there are memory, engine"),
        (("--device", "abacus", "memory"), "unknown device 'abacus'"),
    ],
)
def test_what_cannot_be_measured_is_told(
    safelight: Safelight, arguments: tuple[str, ...], problem: str
) -> None:
    said = safelight("bench", *arguments)
    assert said.code == 2
    assert problem in said.err


def test_numbers_are_from_one_up(safelight: Safelight) -> None:
    said = safelight("bench", "--rounds", "0")
    assert said.code == 2
    assert "'0' is not a number from 1 up" in said.err
