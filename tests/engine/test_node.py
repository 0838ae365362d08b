"""A typed function becomes a node: what is read from its signature."""

# mypy: disable-error-code="empty-body"

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import annotated_types
import pytest
from pydantic import Field

from engine.errors import NodeDefinitionError
from engine.files import Files
from engine.node import (
    Blocked,
    Choices,
    Context,
    Expansion,
    Lazy,
    Multiline,
    Node,
    Omittable,
    Seeded,
    Socket,
    Step,
    Upload,
    node,
)

Picture = Annotated[object, Socket("IMAGE", color="#123456")]
T = TypeVar("T")


class Latent:
    """A type that brings its socket along."""

    __socket__ = Socket("LATENT")


def made(function: Callable[..., Any]) -> Node[..., Any]:
    return node("Made", category="test")(function)


def refusal(function: Callable[..., Any]) -> str:
    with pytest.raises(NodeDefinitionError) as caught:
        made(function)
    return str(caught.value)


def test_inputs_keep_the_order_and_the_defaults_of_the_parameters() -> None:
    def f(*, b: int, a: str = "x", c: bool = True) -> int: ...

    inputs = made(f).spec.inputs
    assert list(inputs) == ["b", "a", "c"]
    assert [each.required for each in inputs.values()] == [True, False, False]
    assert inputs["a"].default == "x"


@pytest.mark.parametrize(
    ("annotation", "wire"),
    [
        (int, "INT"),
        (float, "FLOAT"),
        (str, "STRING"),
        (bool, "BOOLEAN"),
        (Any, "*"),
        (object, "*"),
        (T, "*"),
        (Picture, "IMAGE"),
        (Latent, "LATENT"),
        (int | float, "INT,FLOAT"),
        (Picture | Latent, "IMAGE,LATENT"),
        (Picture | None, "IMAGE"),
        (list[Picture], "IMAGE"),
        (Lazy[Latent], "LATENT"),
        (Lazy[list[int]], "INT"),
        (Literal["a", "b"], "COMBO"),
        (Annotated[str, Choices(["a"])], "COMBO"),
        (Annotated[int, Field(ge=0)] | None, "INT"),
    ],
)
def test_a_type_is_a_socket(annotation: Any, wire: str) -> None:
    async def f(*, value: Any) -> int: ...

    f.__annotations__["value"] = annotation
    assert made(f).spec.inputs["value"].socket.wire == wire


def test_lists_lazy_and_optional_inputs_are_marked() -> None:
    async def f(
        *, many: list[int], later: Lazy[int], both: Lazy[list[int]], maybe: Picture | None = None
    ) -> int: ...

    spec = made(f).spec
    assert spec.lazy_inputs == {"later", "both"}
    assert spec.list_inputs == {"many", "both"}
    assert [name for name, each in spec.inputs.items() if each.optional] == ["maybe"]


def test_what_is_annotated_is_read() -> None:
    def f(
        *,
        number: Annotated[float, Field(ge=0, le=8, description="How much."), Step(0.5)] = 1,
        text: Annotated[str, Multiline(dynamic=True)] = "",
        seed: Annotated[int, Field(ge=0), Seeded()] = 0,
        image: Annotated[str, Choices(["a.png"]), Upload()] = "a.png",
        bare: Annotated[int, annotated_types.Ge(2)] = 2,
    ) -> int: ...

    inputs = made(f).spec.inputs
    number = inputs["number"]
    assert (number.ge, number.le, number.step, number.help) == (0, 8, 0.5, "How much.")
    assert inputs["text"].multiline == Multiline(dynamic=True)
    assert inputs["seed"].seeded
    assert inputs["image"].upload == Upload("image")
    assert inputs["bare"].ge == 2


def test_a_default_of_a_float_is_a_float() -> None:
    def f(*, value: float = 8) -> int: ...

    assert type(made(f).spec.inputs["value"].default) is float


def test_choices_may_be_listed_when_asked(tmp_path: Any) -> None:
    def listed(files: Files) -> list[str]:
        return [files.home.name]

    def f(*, value: Annotated[str, Choices(listed)]) -> int: ...

    choices = made(f).spec.inputs["value"].choices
    assert choices is not None
    assert choices.values(Files(tmp_path)) == [tmp_path.name]


def test_a_context_is_no_input() -> None:
    def f(ctx: Context, *, value: int) -> int: ...

    spec = made(f).spec
    assert spec.context == "ctx"
    assert list(spec.inputs) == ["value"]


class Two(NamedTuple):
    image: Picture
    masks: list[int]


def test_a_named_tuple_gives_several_named_outputs() -> None:
    def f() -> Two: ...

    outputs = made(f).spec.outputs
    assert [(each.name, each.socket.wire, each.is_list) for each in outputs] == [
        ("image", "IMAGE", False),
        ("masks", "INT", True),
    ]


def test_one_output_is_named_by_its_type_and_none_is_none() -> None:
    def one() -> Picture: ...

    def many() -> list[Latent]: ...

    def nothing() -> None: ...

    assert [each.name for each in made(one).spec.outputs] == ["IMAGE"]
    assert [(each.name, each.is_list) for each in made(many).spec.outputs] == [("LATENT", True)]
    assert made(nothing).spec.outputs == ()


def test_an_expansion_or_a_block_beside_the_outputs_is_no_output() -> None:
    def one() -> int | Expansion | Blocked: ...

    def two() -> Two | Expansion: ...

    def nothing() -> Expansion | None: ...

    assert [each.name for each in made(one).spec.outputs] == ["INT"]
    assert [each.name for each in made(two).spec.outputs] == ["image", "masks"]
    assert made(nothing).spec.outputs == ()


def test_the_docstring_is_the_description_and_the_class_type_a_default_name() -> None:
    def f() -> int:
        """Makes a number.

        With care.
        """
        return 1

    spec = made(f).spec
    assert spec.description == "Makes a number.\n\nWith care."
    assert spec.display_name == "Made"


def test_a_node_stays_callable_as_the_function_it_is() -> None:
    @node("Plus", category="test")
    def plus(*, a: int, b: int = 1) -> int:
        """A sum."""
        return a + b

    @node("Either", category="test")
    async def either(*, a: Lazy[int]) -> int:
        """A lazy one."""
        return await a

    assert plus(a=1) == 2
    assert plus.__doc__ == "A sum."
    assert asyncio.run(either(a=Lazy.of(5))) == 5


def test_what_does_not_describe_a_node_is_refused_by_name() -> None:
    def untyped(*, value) -> int: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    def no_return(*, value: int): ...  # type: ignore[no-untyped-def]  # noqa: ANN202

    def rest(**values: int) -> int: ...

    def positional(value: int, /) -> int: ...

    def unknown(*, value: complex) -> int: ...

    def bare_list(*, value: list) -> int: ...  # type: ignore[type-arg]

    def pair() -> tuple[int, str]: ...

    def forward(*, value: "Nowhere") -> int: ...  # type: ignore[name-defined]  # noqa: F821

    assert "`value` has no type" in refusal(untyped)
    assert "return type is missing" in refusal(no_return)
    assert "`values` must be a named parameter" in refusal(rest)
    assert "`value` must be a named parameter" in refusal(positional)
    assert "complex" in refusal(unknown)
    assert "no socket" in refusal(bare_list)
    assert "no socket" in refusal(pair)
    assert "Nowhere" in refusal(forward)


def test_a_bound_that_would_not_be_held_is_refused() -> None:
    def strict(*, value: Annotated[int, Field(gt=0)]) -> int: ...

    def stepped(*, value: Annotated[int, Field(multiple_of=8)]) -> int: ...

    assert "ge and le" in refusal(strict)
    assert "ge and le" in refusal(stepped)


def test_lazy_inputs_need_a_coroutine() -> None:
    def f(*, value: Lazy[int]) -> int: ...

    assert "async def" in refusal(f)


def test_traits_belong_to_the_node() -> None:
    @node("Traits", category="test", lane="io", numeric=True, version=3, output_node=True, tolerates=["old"])
    def f(*, value: int) -> int:
        return value

    @f.fingerprint
    def mark(_files: Files, value: int) -> int:
        return value

    spec = f.spec
    assert (spec.lane, spec.numeric, spec.version, spec.output_node) == ("io", True, 3, True)
    assert spec.tolerates == {"old"}
    assert spec.fingerprint is mark


def test_an_input_may_be_marked_as_one_that_older_graphs_lack() -> None:
    def f(*, a: str, b: Annotated[Literal["x", "y"], Omittable()] = "x") -> int: ...

    inputs = made(f).spec.inputs
    assert [each.omittable for each in inputs.values()] == [False, True]


def test_an_output_may_be_one_of_several_words() -> None:
    def f() -> Literal["x", "y"]: ...

    (output,) = made(f).spec.outputs
    assert output.socket.wire == output.name == "COMBO"
    assert output.choices == Choices(("x", "y"))
