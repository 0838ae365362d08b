"""Parameters that stand for several inputs: those that grow, and those that ask what a choice needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import Field

from engine.errors import NodeDefinitionError
from engine.formats import lower, to_editor
from engine.node import Growing, Variants, node
from engine.testing import Bench
from engine.validation import Validation


class ToSize(NamedTuple):
    width: Annotated[int, Field(ge=1)] = 512
    crop: Literal["disabled", "center"] = "disabled"


class ByFactor(NamedTuple):
    crop: Literal["disabled", "top"] = "disabled"
    factor: float = 1.0


class Like(NamedTuple):
    match: Any


@node("Sum", category="test", output_node=True)
def total(*, values: Annotated[Mapping[str, int], Growing(("a", "b", "c"), least=1)], more: int = 0) -> int:
    """Adds."""
    return sum(values.values()) + more


@node("Resize", category="test", output_node=True)
def resize(
    *,
    kind: Annotated[ToSize | ByFactor | Like, Variants({"size": ToSize, "factor": ByFactor, "like": Like})],
    name: str = "x",
) -> str:
    """Says what it was given."""
    return f"{kind} {name}"


@node("One", category="test")
def one(*, value: int = 1) -> int:
    """A number."""
    return value


def bench(home: Path) -> Bench:
    return Bench(home, (total, resize, one))


def check(home: Path, graph: Mapping[str, Any]) -> Validation:
    return bench(home).engine.validate(graph)


ONE = {"class_type": "One", "inputs": {"value": 3}}


def test_as_many_are_given_as_are_linked(tmp_path: Path) -> None:
    inputs = {"values.a": ["1", 0], "values.c": ["1", 0], "more": 1}
    log = bench(tmp_path).run({"1": ONE, "2": {"class_type": "Sum", "inputs": inputs}}, "2")
    assert log.outputs["2"] == (7,)


def test_the_first_of_them_must_be_there_and_no_more_than_are_named(tmp_path: Path) -> None:
    wrong = check(tmp_path, {"1": ONE, "2": {"class_type": "Sum", "inputs": {"values.d": ["1", 0]}}}).errors
    assert {(each.code, each.input) for each in wrong} == {
        ("required_input_missing", "values.a"),
        ("unknown_input", "values.d"),
    }


def test_a_choice_decides_what_a_node_is_given(tmp_path: Path) -> None:
    for inputs, expected in [
        ({"kind": "size", "kind.width": 8}, "ToSize(width=8, crop='disabled') x"),
        ({"kind": "factor", "kind.factor": 2, "kind.width": 8}, "ByFactor(crop='disabled', factor=2.0) x"),
        ({"kind": "factor", "kind.crop": "top"}, "ByFactor(crop='top', factor=1.0) x"),
        ({"kind": "like", "kind.match": ["1", 0]}, "Like(match=3) x"),
    ]:
        log = bench(tmp_path).run({"1": ONE, "2": {"class_type": "Resize", "inputs": inputs}}, "2")
        assert log.outputs["2"] == (expected,)


def test_what_the_chosen_variant_needs_is_asked_for(tmp_path: Path) -> None:
    log = bench(tmp_path).run({"2": {"class_type": "Resize", "inputs": {"kind": "like"}}}, "2")
    assert log.failed["2"] == "kind.match: is missing, and 'like' needs it; link it"


def test_bounds_and_choices_hold_for_parts_too(tmp_path: Path) -> None:
    inputs = {"kind": "size", "kind.width": 0, "kind.crop": "left"}
    wrong = check(tmp_path, {"2": {"class_type": "Resize", "inputs": inputs}}).errors
    assert [each.input for each in wrong] == ["kind.width", "kind.crop"]


def test_the_function_is_called_by_hand_as_it_is_written() -> None:
    assert total(values={"a": 1, "b": 2}) == 3
    assert resize(kind=ByFactor(factor=2.0)).endswith("factor=2.0) x")


def test_variants_that_contradict_each_other_are_refused() -> None:
    class Other(NamedTuple):
        width: int = 64

    def clash(*, kind: Annotated[ToSize | Other, Variants({"a": ToSize, "b": Other})]) -> int: ...  # type: ignore[empty-body]

    with pytest.raises(NodeDefinitionError, match=r"variants differ in the type or default of `kind\.width`"):
        node("Clash", category="test")(clash)

    class Turned(NamedTuple):
        crop: Literal["disabled"] = "disabled"
        width: int = 512

    def turned(*, kind: Annotated[ToSize | Turned, Variants({"a": ToSize, "b": Turned})]) -> int: ...  # type: ignore[empty-body]

    with pytest.raises(NodeDefinitionError, match="must stand in one order"):
        node("Turned", category="test")(turned)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["size", 8, "center", "n"], {"kind": "size", "kind.width": 8, "kind.crop": "center", "name": "n"}),
        (
            ["factor", "top", 2.5, "n"],
            {"kind": "factor", "kind.crop": "top", "kind.factor": 2.5, "name": "n"},
        ),
        (["like"], {"kind": "like"}),
    ],
)
def test_an_editor_keeps_the_widgets_of_the_chosen_variant_only(
    tmp_path: Path, values: list[Any], expected: dict[str, Any]
) -> None:
    specs = bench(tmp_path).engine.registry.specs
    file = {"nodes": [{"id": 2, "type": "Resize", "widgets_values": values}], "links": []}
    lowered = lower(file, specs)
    given = lowered.graph["2"]["inputs"]
    assert given == expected
    written = to_editor({"2": {"class_type": "Resize", "inputs": given}}, specs)
    document = written[0] if isinstance(written, tuple) else written
    assert document["nodes"][0]["widgets_values"][: len(values)] == values
