"""Whatever comes in: bad input is problems or a `DocumentError`, never another exception."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import TOYS

from engine.errors import DocumentError
from engine.prompt import as_document, read_json
from engine.testing import Bench

IDS = st.sampled_from(["1", "2", "3", "4", "x"])
CLASSES = st.sampled_from([each.spec.class_type for each in TOYS])
NAMES = st.sampled_from(["a", "b", "value", "values", "left", "right", "text", "flag", "n", "on_true", "?"])

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | IDS
    | st.integers(min_value=10**30, max_value=10**31)
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | NAMES, inner, max_size=4)
    ),
    max_leaves=12,
)
LINKS = st.tuples(IDS, st.integers(-1, 2)).map(list)
NODES = st.fixed_dictionaries(
    {"class_type": CLASSES, "inputs": st.dictionaries(NAMES, LINKS | SCALARS, max_size=4)}
)
GRAPHS = st.dictionaries(IDS, NODES | JSON, max_size=5)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("home"), TOYS)
    with bench.engine:
        yield bench


def survives(bench: Bench, graph: dict[str, Any]) -> None:
    """Validation gives problems; what it calls sound can be planned."""
    for targets in (None, list(graph)):
        validation = bench.engine.validate(graph, targets)
        assert all(str(problem) and len(str(problem)) < 2000 for problem in validation.problems)
        json.dumps([dict(problem.facts) for problem in validation.problems], allow_nan=False)
        bench.engine.plan(validation.graph, validation.outputs)
        if targets is not None and graph and not validation.errors:
            assert set(validation.outputs) == set(graph)


@settings(max_examples=150, deadline=None)
@given(graph=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_any_object_can_be_validated(shared: Bench, graph: dict[str, Any]) -> None:
    survives(shared, graph)


@settings(max_examples=300, deadline=None)
@given(graph=GRAPHS)
def test_what_looks_like_a_graph_can_be_validated(shared: Bench, graph: dict[str, Any]) -> None:
    survives(shared, graph)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_json_or_a_document_error(text: str | bytes) -> None:
    with suppress(DocumentError):
        as_document(read_json(text))


@settings(max_examples=100, deadline=None)
@given(value=JSON, cut=st.integers(0, 60))
def test_json_that_breaks_off_is_a_document_error(value: Any, cut: int) -> None:
    text = json.dumps({"key": value})[:cut]
    with suppress(DocumentError):
        assert read_json(text) == json.loads(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_far_too_deeply_is_a_document_error(opening: str, closing: str) -> None:
    for text in (opening * 100_000, opening * 100_000 + "1" + closing * 100_000):
        with pytest.raises(DocumentError):
            read_json(text)


def test_an_integer_of_too_many_digits_is_a_document_error() -> None:
    with pytest.raises(DocumentError, match="not JSON"):
        read_json("1" * 100_000)


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_document_is_an_object(value: Any) -> None:
    with pytest.raises(DocumentError, match="expected an object"):
        as_document(value, "body")


def test_not_a_number_is_read_so_that_validation_can_say_where(shared: Bench) -> None:
    graph = read_json('{"1": {"class_type": "Number", "inputs": {"value": NaN}}}')
    [problem] = shared.engine.validate(graph, ["1"]).problems
    assert (problem.node, problem.input) == ("1", "value")


def test_a_file_in_another_encoding_is_a_document_error(tmp_path: Path) -> None:
    file = tmp_path / "latin.json"
    file.write_bytes('{"a": "é"}'.encode("latin-1"))
    with pytest.raises(DocumentError, match="UTF-8"):
        read_json(file.read_bytes(), file.name)
