"""What is wrong with a graph, said at once and as data."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from toys import TOYS, call, chain

from engine.files import Files
from engine.node import Choices, Lazy, Socket, node
from engine.problems import Problem
from engine.registry import Registry
from engine.validation import Validation, validate

MODELS = ["sd15/dream.safetensors", "photo.safetensors", "euler"]


def _unlistable(_files: Files) -> Sequence[str]:
    raise PermissionError("the folder is locked")


@node("Form", category="toys")
def form(
    *,
    count: Annotated[int, Field(ge=1, le=10)] = 1,
    ratio: Annotated[float, Field(ge=0, le=1.5)] = 0.5,
    words: str = "",
    flag: bool = False,
    model: Annotated[str, Choices(MODELS)] = "euler",
    size: Literal[1, 2, 4] = 1,
    maybe: int | None = None,
    numbers: list[int] = [],  # noqa: B006  # a signature is a schema here
    anything: Any = None,
) -> int:
    """One of each kind of input."""
    del count, ratio, words, flag, model, size, maybe, numbers, anything
    return 0


Latent = Annotated[object, Socket("LATENT")]


@node("Encode", category="toys")
def encode(*, latent: Latent, either: int | str = 0) -> Latent:
    """Takes what only a link can bring."""
    del either
    return latent


@node("Locked", category="toys")
def locked(*, name: Annotated[str, Choices(_unlistable)]) -> str:
    """Its choices cannot be listed."""
    return name


@node("Even", category="toys")
def even(*, number: int, other: int = 0) -> int:
    """Takes even numbers."""
    return number + other


@even.check
def _even(_files: Files, number: int | None) -> Mapping[str, str]:
    return {"number": f"{number} is odd"} if number is not None and number % 2 else {}


@node("Careless", category="toys")
def careless(*, number: int) -> int:
    """Its check has a bug."""
    return number


@careless.check
def _careless(_files: Files, number: int) -> Mapping[str, str]:
    raise KeyError(number)


@node("LazyForm", category="toys")
async def lazy_form(*, value: Lazy[Annotated[int, Field(ge=1)]]) -> int:
    """A bound on a lazy input."""
    return await value


@node("Show", category="toys", output_node=True)
def show(*, value: Any) -> None:
    """An output that takes anything."""


NODES = (*TOYS, form, encode, locked, even, careless, lazy_form, show)


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = Registry()
    registry.add(*NODES, namespace="toys")
    return registry


class Check:
    """Validates graphs of toy nodes; the node that a test is about is wanted as if it were an output."""

    def __init__(self, registry: Registry, home: Path) -> None:
        self.registry = registry
        self.files = Files(home)

    def __call__(self, graph: Mapping[str, Any], *targets: str) -> Validation:
        return validate(graph, self.registry, self.files, targets=targets or None)

    def only(self, graph: Mapping[str, Any], *targets: str) -> Problem:
        [problem] = self(graph, *targets).problems
        return problem

    def form(self, **inputs: Any) -> Problem:
        return self.only({"1": call("Form", **inputs)}, "1")

    def bound(self, **inputs: Any) -> Any:
        """What the one input is bound to, when nothing was said about it."""
        validation = self({"1": call("Form", **inputs)}, "1")
        assert validation.problems == ()
        [name] = inputs
        return validation.graph.calls["1"].literals[name]


@pytest.fixture
def check(registry: Registry, tmp_path: Path) -> Check:
    return Check(registry, tmp_path)


# Node classes and inputs.


def test_a_sound_graph_has_no_problems_and_an_order(check: Check) -> None:
    validation = check({"b": call("Save", text=["a", 0]), "a": call("Text", value="x")})
    assert validation.problems == ()
    assert validation.outputs == ("b",)
    assert list(validation.graph.order) == ["a", "b"]


def test_an_unknown_class_is_named_with_its_nearest_neighbour(check: Check) -> None:
    problem = check.only({"7": call("Txet")})
    assert (problem.code, problem.node, problem.input) == ("missing_node_type", "7", "")
    assert "Txet" in problem.message
    assert problem.hint == "did you mean 'Text'?"


def test_an_unknown_class_like_no_other_hints_at_its_pack(check: Check) -> None:
    assert "pack" in check.only({"7": call("ZZZZZZ")}).hint


@pytest.mark.parametrize("class_type", [None, 5, [], {}, True])
def test_a_class_that_is_no_text_is_a_problem(check: Check, class_type: Any) -> None:
    problem = check.only({"7": {"class_type": class_type, "inputs": {}}})
    assert (problem.code, problem.node) == ("missing_node_type", "7")


@pytest.mark.parametrize("raw", [None, 5, "Text", [], True])
def test_a_node_that_is_no_object_is_a_problem(check: Check, raw: Any) -> None:
    problem = check.only({"7": raw, "8": call("Show", value=1)}, "7", "8")
    assert (problem.code, problem.node, problem.severity) == ("invalid_node", "7", "error")


@pytest.mark.parametrize("inputs", [None, 5, "a", [], True])
def test_inputs_that_are_no_object_are_a_problem(check: Check, inputs: Any) -> None:
    problem = check.only({"7": {"class_type": "Text", "inputs": inputs}}, "7")
    assert (problem.code, problem.node) == ("invalid_inputs", "7")


def test_inputs_may_be_left_out_when_all_have_defaults(check: Check) -> None:
    assert check({"7": {"class_type": "Text"}}, "7").problems == ()


def test_an_unknown_input_is_named_with_its_nearest_neighbour(check: Check) -> None:
    problem = check.only({"7": call("Text", valeu="x")}, "7")
    assert (problem.code, problem.node, problem.input) == ("unknown_input", "7", "valeu")
    assert problem.hint == "did you mean 'value'?"


def test_a_missing_input_says_of_which_type_and_whether_to_link(check: Check) -> None:
    value = check.only({"7": call("Add")}, "7")
    assert (value.code, value.input, value.message) == (
        "required_input_missing",
        "a",
        "a value of type INT is missing",
    )
    link = check.only({"7": call("Encode")}, "7")
    assert link.message == "a link of type LATENT is missing"


# Values.


@pytest.mark.parametrize(
    ("name", "value", "code", "message"),
    [
        ("count", 0, "value_smaller_than_min", "0 is smaller than the minimum 1"),
        ("count", 11, "value_bigger_than_max", "11 is bigger than the maximum 10"),
        ("ratio", -0.1, "value_smaller_than_min", "-0.1 is smaller than the minimum 0"),
        ("ratio", 2, "value_bigger_than_max", "2.0 is bigger than the maximum 1.5"),
        ("count", "many", "invalid_input_type", "'many' is not an integer"),
        ("count", None, "invalid_input_type", "None is not an integer"),
        ("count", {}, "invalid_input_type", "{} is not an integer"),
        ("count", math.nan, "invalid_input_type", "nan is not an integer"),
        ("count", math.inf, "invalid_input_type", "inf is not an integer"),
        ("count", "inf", "invalid_input_type", "inf is not an integer"),
        ("ratio", math.nan, "invalid_input_type", "nan is not a finite number"),
        ("ratio", -math.inf, "invalid_input_type", "-inf is not a finite number"),
        ("ratio", "nan", "invalid_input_type", "'nan' is not a finite number"),
        ("ratio", 10**400, "invalid_input_type", "is not a number"),
        ("words", None, "invalid_input_type", "None is not a text"),
        ("words", math.nan, "invalid_input_type", "nan is not a text"),
        ("flag", "perhaps", "invalid_input_type", "'perhaps' is not true or false"),
        ("flag", math.inf, "invalid_input_type", "inf is not true or false"),
        ("model", None, "invalid_input_type", "is not one of the choices"),
        ("model", {"a": 1}, "invalid_input_type", "is not one of the choices"),
        ("size", 3, "value_not_in_list", "3 is not in the list (1, 2, 4)"),
        ("numbers", {"__value__": [1, "x"]}, "invalid_input_type", "'x' is not an integer"),
        ("anything", math.nan, "invalid_input_type", "NaN"),
        ("anything", {"deep": [math.inf]}, "invalid_input_type", "NaN"),
    ],
)
def test_a_wrong_value_is_one_problem(check: Check, name: str, value: Any, code: str, message: str) -> None:
    problem = check.form(**{name: value})
    assert (problem.code, problem.node, problem.input) == (code, "1", name)
    assert message in problem.message
    assert problem.severity == "error"


def test_a_huge_number_does_not_make_a_huge_message(check: Check) -> None:
    assert len(check.form(count=10**4000).message) < 200


def test_a_value_nested_too_deeply_is_a_problem(check: Check) -> None:
    deep: Any = 0
    for _ in range(2000):
        deep = {"in": deep}
    assert check.form(anything=deep).code == "invalid_input_type"


def test_what_only_a_link_can_bring_refuses_values(check: Check) -> None:
    problem = check.only({"1": call("Encode", latent=5)}, "1")
    assert (problem.code, problem.input) == ("invalid_input_type", "latent")
    assert problem.hint == "link it: [node id, output index]"


def test_a_bound_holds_for_a_lazy_input_too(check: Check) -> None:
    assert check.only({"1": call("LazyForm", value=0)}, "1").code == "value_smaller_than_min"


# Combos.


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("Euler_a", "did you mean 'euler'?"),
        ("other/photo.safetensors", "did you mean 'photo.safetensors'?"),
        ("dream.safetensors", "did you mean 'sd15/dream.safetensors'?"),
        ("old\\dream.safetensors", "did you mean 'sd15/dream.safetensors'?"),
        ("zzzzzzzzzzz", ""),
    ],
)
def test_what_is_not_in_the_list_hints_at_what_may_be_meant(check: Check, given: str, hint: str) -> None:
    problem = check.form(model=given)
    assert (problem.code, problem.hint) == ("value_not_in_list", hint)
    assert "sd15/dream.safetensors, photo.safetensors, euler" in problem.message


def test_either_path_separator_names_a_choice(check: Check) -> None:
    validation = check({"1": call("Form", model="sd15\\dream.safetensors")}, "1")
    assert validation.graph.calls["1"].literals["model"] == "sd15/dream.safetensors"
    assert [problem.code for problem in validation.problems] == ["coerced"]


def test_choices_that_are_numbers_take_numbers(check: Check) -> None:
    assert check.bound(size=2) == 2
    assert type(check.bound(size=2.0)) is int
    assert check.form(size="4").severity == "warning"


def test_choices_that_cannot_be_listed_are_a_problem_of_that_input(check: Check) -> None:
    problem = check.only({"1": call("Locked", name="a")}, "1")
    assert (problem.code, problem.input) == ("custom_validation_failed", "name")
    assert "the folder is locked" in problem.message


# Coercions.


@pytest.mark.parametrize(
    ("name", "given", "bound"),
    [
        ("count", "7", 7),
        ("count", "7.0", 7),
        ("count", 1.7, 1),
        ("count", True, 1),
        ("ratio", "0.25", 0.25),
        ("ratio", True, 1.0),
        ("words", 5, "5"),
        ("words", True, "True"),
        ("flag", "true", True),
        ("flag", "Off", False),
        ("flag", 0, False),
        ("flag", 1.0, True),
    ],
)
def test_what_can_be_understood_is_taken_with_a_warning(
    check: Check, name: str, given: Any, bound: Any
) -> None:
    validation = check({"1": call("Form", **{name: given})}, "1")
    [problem] = validation.problems
    assert (problem.code, problem.input, problem.severity) == ("coerced", name, "warning")
    value = validation.graph.calls["1"].literals[name]
    assert value == bound
    assert type(value) is type(bound)


@pytest.mark.parametrize(
    ("name", "given", "bound"),
    [
        ("count", 8.0, 8),
        ("ratio", 1, 1.0),
        ("maybe", None, None),
        ("maybe", 3, 3),
        ("numbers", 3, [3]),
        ("numbers", {"__value__": [1, 2]}, [1, 2]),
        ("numbers", {"__value__": []}, []),
        ("anything", {"__value__": ["1", 0]}, ["1", 0]),
        ("anything", {"a": [1]}, {"a": [1]}),
        ("words", {"__value__": "x"}, "x"),
    ],
)
def test_what_means_the_same_is_taken_without_a_word(check: Check, name: str, given: Any, bound: Any) -> None:
    value = check.bound(**{name: given})
    assert value == bound
    assert type(value) is type(bound)


# Links.


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (["1", 1], "node 1 (Text) has no output 1: it has 1, counted from 0"),
        (["1", -1], "node 1 (Text) has no output -1"),
        (["1", True], "a link is [node id, output index], not ['1', True]"),
        (["1", "0"], "a link is [node id, output index]"),
        (["1", 0.0], "a link is [node id, output index]"),
        (["1", None], "a link is [node id, output index]"),
        ([1.0, 0], "a link is [node id, output index]"),
        ([None, 0], "a link is [node id, output index]"),
        ([["1"], 0], "a link is [node id, output index]"),
        ([], "a link is [node id, output index]"),
        (["1"], "a link is [node id, output index]"),
        (["1", 0, 0], "a link is [node id, output index]"),
    ],
)
def test_a_wrong_link_is_one_problem(check: Check, link: list[Any], message: str) -> None:
    problem = check.only({"1": call("Text"), "2": call("Show", value=link)})
    assert (problem.code, problem.node, problem.input) == ("bad_linked_input", "2", "value")
    assert message in problem.message


def test_a_link_to_nowhere_names_the_nearest_node(check: Check) -> None:
    problem = check.only({"prompt": call("Text"), "2": call("Show", value=["promt", 0])})
    assert (problem.code, problem.node, problem.input) == ("bad_linked_input", "2", "value")
    assert problem.hint == "did you mean 'prompt'?"


def test_a_list_as_a_value_hints_at_how_it_is_written(check: Check) -> None:
    assert "__value__" in check.only({"2": call("Show", value=[1, 2, 3])}).hint


def test_a_link_may_leave_the_quotes_out(check: Check) -> None:
    assert check({"1": call("Text"), "2": call("Show", value=[1, 0])}).problems == ()


def test_an_output_without_outputs_cannot_be_linked_to(check: Check) -> None:
    problem = check.only({"1": call("Show", value=1), "2": call("Show", value=["1", 0])})
    assert "has no output 0: it has none" in problem.message


def test_a_type_that_does_not_fit_names_an_output_that_does(check: Check) -> None:
    problem = check.only({"1": call("Text"), "2": call("Encode", latent=["1", 0])}, "2")
    assert (problem.code, problem.node, problem.input) == ("return_type_mismatch", "2", "latent")
    assert problem.message == "takes LATENT, but output 0 of node 1 (Text) is STRING"
    assert problem.hint == ""


def test_an_integer_fits_a_float_and_a_text_a_combo_and_a_union_its_parts(check: Check) -> None:
    graph = {"n": call("Number"), "t": call("Text"), "f": call("Form", ratio=["n", 0], model=["t", 0])}
    graph["e"] = call("Encode", latent=["x", 0], either=["t", 0])
    graph["x"] = call("Switch", flag=True, on_true=["n", 0], on_false=["n", 0])
    assert check(graph, "f", "e").problems == ()


def test_a_float_does_not_fit_an_integer(check: Check) -> None:
    problem = check.only({"1": call("Divide", a=1, b=1), "2": call("Text", value=["1", 0])}, "2")
    assert problem.code == "return_type_mismatch"


# Cycles.


def test_a_cycle_names_its_nodes(check: Check) -> None:
    graph = {name: call("Add", a=[source, 0]) for name, source in [("x", "z"), ("y", "x"), ("z", "y")]}
    problem = check.only(graph, "y")
    assert problem.code == "dependency_cycle"
    assert problem.message == "the links form a cycle: x (Add) -> y (Add) -> z (Add) -> x (Add)"
    assert problem.facts["cycle_nodes"] == ["x", "y", "z"]


def test_a_node_that_feeds_itself_is_a_cycle(check: Check) -> None:
    problem = check.only({"1": call("Add", a=["1", 0])}, "1")
    assert problem.message == "the links form a cycle: 1 (Add) -> 1 (Add)"


def test_each_of_several_cycles_is_a_problem_and_what_hangs_on_them_is_not(check: Check) -> None:
    graph = {
        "a": call("Add", a=["b", 0]),
        "b": call("Add", a=["a", 0]),
        "c": call("Add", a=["c", 0]),
        "d": call("Add", a=["b", 0], b=["c", 0]),
    }
    validation = check(graph, "d")
    assert [problem.facts["cycle_nodes"] for problem in validation.problems] == [["a", "b"], ["c"]]
    assert validation.outputs == ()


def test_a_cycle_of_ten_thousand_nodes_is_found(check: Check) -> None:
    graph = chain(10_000)
    graph["0"] = call("Add", a=["10000", 0])
    problem = check.only(graph, "5")
    assert len(problem.facts["cycle_nodes"]) == 10_001
    assert len(problem.message) < 500


# Outputs, targets and severity.


def test_a_graph_without_outputs_says_so(check: Check) -> None:
    problem = check.only({"1": call("Text")})
    assert (problem.code, problem.node) == ("prompt_no_outputs", "")
    assert check.only({}).code == "prompt_no_outputs"


def test_a_target_that_is_not_there_is_named_with_its_nearest_neighbour(check: Check) -> None:
    problem = check.only({"last": call("Text")}, "lsat")
    assert (problem.code, problem.hint) == ("prompt_no_outputs", "did you mean 'last'?")


def test_any_node_can_be_a_target(check: Check) -> None:
    assert check({"1": call("Text")}, "1").outputs == ("1",)


def test_a_problem_in_a_node_that_no_output_needs_is_a_warning(check: Check) -> None:
    graph = {
        "1": call("Show", value=1),
        "2": call("Number", value="many"),
        "3": call("Add", a=["3", 0]),
        "4": 5,
        "5": call("Add", a=["nowhere", 0]),
    }
    validation = check(graph)
    assert validation.errors == []
    assert {problem.node for problem in validation.warnings} == {"2", "3", "4", "5"}
    assert validation.outputs == ("1",)


def test_a_broken_branch_leaves_the_other_outputs_runnable(check: Check) -> None:
    graph = {
        "good": call("Show", value=1),
        "source": call("Number", value=10_000),
        "bad": call("Show", value=["source", 0]),
    }
    validation = check(graph)
    assert [problem.node for problem in validation.errors] == ["source"]
    assert validation.outputs == ("good",)
    assert "bad" not in validation.graph.calls


def test_everything_that_is_wrong_is_said_at_once(check: Check) -> None:
    graph = {
        "1": call("Txet"),
        "2": call("Form", count=99, ratio="x", nonsense=1),
        "3": call("Add"),
        "4": call("Show", value=["9", 0]),
        "5": call("Add", a=["5", 0]),
    }
    codes = sorted(problem.code for problem in check(graph, *graph).errors)
    assert codes == sorted([
        "missing_node_type", "value_bigger_than_max", "invalid_input_type", "unknown_input",
        "required_input_missing", "bad_linked_input", "dependency_cycle",
    ])  # fmt: skip


# What people read.


def test_a_problem_reads_as_a_sentence_with_the_nodes_title(check: Check) -> None:
    graph = {"6": {"class_type": "Text", "inputs": {"valeu": ""}, "_meta": {"title": "Prompt"}}}
    said = str(check.only(graph, "6"))
    assert said.startswith("node 6 (Prompt), valeu: Text has no such input")
    assert said.endswith("did you mean 'value'?")


def test_a_problem_has_a_path_into_the_document(check: Check) -> None:
    assert check.form(count=0).path == ("1", "inputs", "count")
    assert check.only({"7": call("Txet")}).path == ("7",)
    assert check.only({}).path == ()


# A node's own check.


def test_a_nodes_own_check_marks_its_inputs(check: Check) -> None:
    problem = check.only({"1": call("Even", number=3)}, "1")
    assert (problem.code, problem.input, problem.message) == (
        "custom_validation_failed",
        "number",
        "3 is odd",
    )


def test_a_check_is_not_asked_about_a_link_or_about_a_broken_node(check: Check) -> None:
    assert check({"0": call("Number"), "1": call("Even", number=["0", 0])}, "1").problems == ()
    assert check.only({"1": call("Even", number=3, other="x")}, "1").input == "other"


def test_a_bug_in_a_check_is_a_problem_of_its_node(check: Check) -> None:
    problem = check.only({"1": call("Careless", number=3)}, "1")
    assert (problem.code, problem.node) == ("custom_validation_failed", "1")
    assert "KeyError" in problem.message


# Size.


@pytest.mark.parametrize("broken", [False, True])
def test_a_large_graph_takes_time_in_proportion(check: Check, *, broken: bool) -> None:
    def seconds(length: int) -> float:
        graph = chain(length)
        if broken:
            for number in range(1, length + 1):
                graph[str(number)]["inputs"]["a"] = [f"missing-{number}", 0]
        start = time.perf_counter()
        check(graph, "1")
        return time.perf_counter() - start

    seconds(100)
    small = min(seconds(1_000) for _ in range(3))
    assert seconds(10_000) < 40 * small + 1.0
