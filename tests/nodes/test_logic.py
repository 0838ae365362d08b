"""Constants are what they say; a switch computes one side only."""

import asyncio

import pytest

from engine.node import Lazy
from nodes.logic import primitive_int, primitive_string_multiline, switch_node


def test_a_constant_is_what_it_says() -> None:
    assert primitive_int(value=2**53 - 1) == 2**53 - 1
    assert primitive_string_multiline(value="a\nb") == "a\nb"


@pytest.mark.parametrize("switch", [True, False])
def test_a_switch_computes_one_side_only(switch: bool) -> None:
    async def never() -> str:
        raise AssertionError("computed")

    wanted, other = Lazy.of("wanted"), Lazy(never)
    sides = (other, wanted) if switch else (wanted, other)
    chosen = asyncio.run(switch_node(on_false=sides[0], on_true=sides[1], switch=switch))
    assert chosen.output == "wanted"
