"""The key of a call: equal for equal results, and for nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import TOYS, Graph, call

from engine.files import Files
from engine.node import Node, node
from engine.registry import Registry
from engine.signature import Key, Signatures
from engine.validation import validate


@node("Scale", category="toys")
def scale(*, by: float = 8, name: str = "", also: str = "", anything: Any = None) -> float:
    """Has a float, two texts and anything."""
    del name, also, anything
    return by


@node("Numeric", category="toys", numeric=True)
def numeric(*, by: float = 1.0) -> float:
    """Its last bits depend on the device."""
    return by


@node("Read", category="toys")
def read(*, name: str, mark: str = "") -> str:
    """Stands on a fact outside."""
    return name + mark


@read.fingerprint
def _read(files: Files, name: str) -> str | float | None:
    if name == "broken":
        raise OSError("no such file")
    if name == "always":
        return float("nan")
    file = files.home / name
    return file.read_text() if file.is_file() else None


NODES: tuple[Node[..., Any], ...] = (*TOYS, scale, numeric, read)


class Sign:
    """Signs graphs."""

    def __init__(self, home: Path) -> None:
        self.files = Files(home)

    def __call__(
        self,
        graph: Graph,
        node: str = "1",
        *,
        profile: str = "cpu",
        namespace: str = "toys",
        version: int = 1,
    ) -> Key:
        return self.all(graph, profile=profile, namespace=namespace, version=version).keys[node]

    def all(
        self, graph: Graph, *, profile: str = "cpu", namespace: str = "toys", version: int = 1
    ) -> Signatures:
        registry = Registry()
        registry.add(*(replace(each.spec, version=version) for each in NODES), namespace=namespace)
        validation = validate(graph, registry, self.files, targets=list(graph))
        assert validation.errors == []
        signatures = Signatures(self.files, profile)
        signatures.sign_all(validation.graph)
        return signatures


@pytest.fixture
def sign(tmp_path: Path) -> Sign:
    return Sign(tmp_path)


def test_equal_calls_have_equal_keys_whatever_their_ids_and_titles(sign: Sign) -> None:
    titled = {**call("Text", value="x"), "_meta": {"title": "Prompt"}}
    assert sign({"1": call("Text", value="x")}) == sign({"other": titled}, "other")


def test_javascripts_8_and_pythons_are_one(sign: Sign) -> None:
    keys = {sign({"1": call("Scale", by=by)}) for by in (8, 8.0, "8")}
    assert len(keys) == 1


def test_a_default_that_is_given_is_the_default(sign: Sign) -> None:
    assert sign({"1": call("Scale")}) == sign({"1": call("Scale", by=8, name="")})


def test_values_of_different_types_differ_where_any_type_fits(sign: Sign) -> None:
    values = [1, 1.0, True, "1", None, {"__value__": [1]}, {"__value__": ["1"]}, {"1": 1}]
    assert len({sign({"1": call("Scale", anything=value)}) for value in values}) == len(values)


def test_a_change_upstream_is_a_change_of_everything_below(sign: Sign) -> None:
    def graph(value: int) -> Graph:
        return {"0": call("Number", value=value), "1": call("Add", a=["0", 0]), "2": call("Add", a=["1", 0])}

    one, two = sign.all(graph(1)).keys, sign.all(graph(2)).keys
    assert all(one[name] != two[name] for name in ("0", "1", "2"))


def test_which_output_of_a_source_is_linked_matters(sign: Sign) -> None:
    def graph(output: int) -> Graph:
        return {"0": call("Divide", a=7, b=2), "1": call("Add", a=["0", output])}

    assert sign(graph(0)) != sign(graph(1))


def test_a_link_is_not_the_value_that_comes_along_it(sign: Sign) -> None:
    linked = {"0": call("Number", value=5), "1": call("Add", a=["0", 0])}
    assert sign(linked) != sign({"1": call("Add", a=5)})


def test_equal_values_of_different_inputs_differ(sign: Sign) -> None:
    assert sign({"1": call("Scale", name="x")}) != sign({"1": call("Scale", also="x")})


@settings(max_examples=200, deadline=None)
@given(
    one=st.tuples(st.text("ab\x1f:s1"), st.text("ab\x1f:s1")),
    two=st.tuples(st.text("ab\x1f:s1"), st.text("ab\x1f:s1")),
)
def test_texts_never_run_into_each_other(
    tmp_path_factory: pytest.TempPathFactory, one: tuple[str, str], two: tuple[str, str]
) -> None:
    sign = Sign(tmp_path_factory.getbasetemp())
    keys = [sign({"1": call("Scale", name=name, also=also)}) for name, also in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


def test_a_separator_inside_a_text_is_text(sign: Sign) -> None:
    one = call("Scale", name="x\x1fsy", also="z")
    two = call("Scale", name="x", also="y\x1fsz")
    assert sign({"1": one}) != sign({"1": two})


@pytest.mark.parametrize("facts", [{"namespace": "other"}, {"version": 2}])
def test_the_pack_and_the_version_of_a_class_are_part_of_the_key(sign: Sign, facts: dict[str, Any]) -> None:
    graph = {"1": call("Text")}
    assert sign(graph) != sign(graph, **facts)


def test_numeric_classes_depend_on_the_device_and_others_do_not(sign: Sign) -> None:
    assert sign({"1": call("Numeric")}) != sign({"1": call("Numeric")}, profile="cuda")
    assert sign({"1": call("Text")}) == sign({"1": call("Text")}, profile="cuda")


def test_output_nodes_depend_on_the_output_folder_and_others_do_not(tmp_path: Path) -> None:
    here, there = Sign(tmp_path), Sign(tmp_path)
    there.files = Files(tmp_path, output=tmp_path / "elsewhere")
    graph = {"0": call("Text"), "1": call("Save", text=["0", 0])}
    assert here(graph, "0") == there(graph, "0")
    assert here(graph) != there(graph)


def test_a_fingerprint_follows_the_fact_and_nothing_else(sign: Sign) -> None:
    graph = {"1": call("Read", name="a.txt")}
    (sign.files.home / "a.txt").write_text("one")
    one = sign(graph)
    assert sign(graph) == one
    (sign.files.home / "a.txt").write_text("two")
    assert sign(graph) != one


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ({"1": call("Read", name="missing.txt")}, "have no fingerprint"),
        ({"1": call("Read", name="always")}, "have no fingerprint"),
        ({"1": call("Read", name="broken")}, "its fingerprint failed: no such file"),
        ({"1": call("Roll")}, "asks not to be cached"),
    ],
)
def test_what_has_no_key_gets_a_new_one_each_time_and_says_why(sign: Sign, graph: Graph, reason: str) -> None:
    one, two = sign.all(graph), sign.all(graph)
    assert one.keys["1"] != two.keys["1"]
    assert reason in one.uncacheable["1"]


def test_a_fingerprint_sees_none_for_what_arrives_by_a_link(sign: Sign) -> None:
    graph = {"0": call("Text", value="a"), "1": call("Read", name="always", mark=["0", 0])}
    assert "1" in sign.all(graph).uncacheable
