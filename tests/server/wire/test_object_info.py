"""What `/object_info` says: the schema that ComfyUI's clients build their nodes from.

`catalogue.txt` lists the signatures of ComfyUI's own classes: `name?` is optional, `{a,b}` a closed list,
`COMBO` any other one.  Saved workflows hold the values of widgets by position, so names and their order
must be those.
"""

# mypy: disable-error-code="empty-body"

import json
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import Field

from engine.errors import UserError
from engine.files import Files
from engine.node import Choices, Lazy, Multiline, Omittable, Socket, Step, Upload, node
from engine.registry import Registry
from server.session import BUILTIN
from server.wire.object_info import node_info, object_info

CATALOGUE = (Path(__file__).parent / "catalogue.txt").read_text().splitlines()
SIGNATURE = re.compile(r"(?P<name>.+?)\((?P<inputs>.*)\) -> (?P<outputs>[^\[]*?) ?(?P<marks>\[.*)?")
INPUT = re.compile(r"(?P<name>[^:?]+)(?P<optional>\??):(?P<type>\{.*\}|[^=]+)(?:=(?P<default>.*))?")
BOUNDED = ("default", "min", "max", "step")

Image = Annotated[object, Socket("IMAGE")]


@cache
def builtin() -> Registry:
    registry = Registry()
    registry.load_builtin(BUILTIN)
    assert not registry.broken
    return registry


def files(home: Path) -> Files:
    made = Files(home)
    builtin().contribute_models(made.models)
    return made


def info(function: Callable[..., Any], home: Path = Path("/nowhere"), **facts: Any) -> dict[str, Any]:
    return node_info(node("Made", category="test", **facts)(function).spec, Files(home))


def options(class_type: str, name: str) -> dict[str, Any]:
    described = node_info(builtin()[class_type], files(Path("/nowhere")))
    found: dict[str, Any] = described["input"]["required"][name][1]
    return found


# Against the classes that everybody has.

#: What the front-ends need to start, and to show the graph that they start with.
AT_START = """
CheckpointLoaderSimple ImageOnlyCheckpointLoader LoraLoader LoraLoaderModelOnly VAELoader ControlNetLoader
UNETLoader UpscaleModelLoader StyleModelLoader GLIGENLoader CLIPLoader EmptySD3LatentImage
ModelSamplingAuraFlow CLIPTextEncode KSampler VAEDecode SaveImage
"""


def test_the_classes_that_front_ends_start_with_are_there() -> None:
    assert [name for name in AT_START.split() if name not in builtin()] == []


def known() -> list[str]:
    return [line for line in CATALOGUE if line.partition("(")[0] in builtin()]


def test_the_catalogue_lists_nearly_all_that_we_have() -> None:
    assert len(known()) > 40


@pytest.mark.parametrize("line", known(), ids=lambda line: line.partition("(")[0])
def test_a_class_has_the_inputs_that_saved_workflows_count_on(line: str, tmp_path: Path) -> None:
    expected = SIGNATURE.fullmatch(line)
    assert expected is not None
    described = node_info(builtin()[expected["name"]], files(tmp_path))
    given = described["input"]["required"] | described["input"]["optional"]
    wanted = [found for each in expected["inputs"].split(", ") if (found := INPUT.fullmatch(each))]
    assert list(given) == [each["name"] for each in wanted]
    assert list(described["input"]["optional"]) == [each["name"] for each in wanted if each["optional"]]
    for each in wanted:
        kind, facts = given[each["name"]]
        match each["type"]:
            case "COMBO":
                assert isinstance(kind, list)
            case closed if closed.startswith("{"):
                assert kind == closed.strip("{}").split(",")
            case wire:
                assert kind == wire
        if each["default"] is not None:
            assert str(facts.get("default", kind[0])) in {each["default"], f"{each['default']}.0"}


@pytest.mark.parametrize("line", known(), ids=lambda line: line.partition("(")[0])
def test_a_class_has_the_outputs_that_saved_workflows_count_on(line: str, tmp_path: Path) -> None:
    expected = SIGNATURE.fullmatch(line)
    assert expected is not None
    described = node_info(builtin()[expected["name"]], files(tmp_path))
    wanted = [] if expected["outputs"] == "()" else expected["outputs"].split(", ")
    assert described["output_name"] == [each.partition(":")[0] for each in wanted]
    assert described["output"] == [each.rpartition(":")[2] for each in wanted]
    assert described["output_node"] == ("[out]" in (expected["marks"] or ""))


def test_widgets_stand_in_the_order_of_the_parameters() -> None:
    """Required ones come first everywhere, so that an optional one between them would be out of place."""
    for spec in builtin().specs.values():
        order = node_info(spec, files(Path("/nowhere")))["input_order"]
        named = dict.fromkeys(each.parent or each.name for each in spec.inputs.values())
        assert [*order["required"], *order["optional"]] == list(named), spec.class_type


# What single facts become.


def test_every_key_that_a_client_may_read_is_there() -> None:
    def f(*, image: Image) -> Image:
        """Passes a picture on."""

    assert info(f, display_name="A Node", output_node=True) == {
        "input": {"required": {"image": ["IMAGE", {}]}, "optional": {}, "hidden": {}},
        "input_order": {"required": ["image"], "optional": [], "hidden": []},
        "is_input_list": False,
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["IMAGE"],
        "output_tooltips": [""],
        "name": "Made",
        "display_name": "A Node",
        "description": "Passes a picture on.",
        "python_module": "custom_nodes.",
        "category": "test",
        "output_node": True,
        "has_intermediate_output": False,
        "deprecated": False,
        "experimental": False,
        "dev_only": False,
        "api_node": False,
        "search_aliases": [],
    }


def test_a_seed_reaches_to_the_last_of_64_bits_as_an_integer() -> None:
    text = json.dumps(options("KSampler", "seed"))
    assert '"max": 18446744073709551615' in text
    assert '"control_after_generate": true' in text


def test_numbers_say_their_default_bounds_and_step() -> None:
    steps, cfg = options("KSampler", "steps"), options("KSampler", "cfg")
    assert [steps[key] for key in BOUNDED] == [20, 1, 10_000, 1]
    assert [cfg[key] for key in (*BOUNDED, "round")] == [8.0, 0, 100, 0.1, 0.01]


def test_numbers_without_bounds_get_wide_ones_as_clients_would_take_narrow_ones() -> None:
    def f(*, whole: int, part: float) -> int: ...

    required = info(f)["input"]["required"]
    assert required["whole"] == ["INT", {"min": 1 - 2**53, "max": 2**53 - 1, "step": 1}]
    assert required["part"][1] == {"min": 1 - 2**53, "max": 2**53 - 1, "step": 0.01, "round": False}


def test_fine_steps_are_not_rounded_away() -> None:
    def f(*, part: Annotated[float, Field(ge=0), Step(0.001)] = 0.5) -> int: ...

    assert info(f)["input"]["required"]["part"][1]["round"] == 0.001


def test_a_combo_is_a_list_of_its_choices() -> None:
    kind, facts = node_info(builtin()["ImageScale"], files(Path("/nowhere")))["input"]["required"]["crop"]
    assert kind == ["disabled", "center"]
    assert "default" not in facts


def test_a_picture_can_be_uploaded(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/a.png").touch()
    kind, facts = node_info(builtin()["LoadImage"], files(tmp_path))["input"]["required"]["image"]
    assert kind == ["a.png"]
    assert facts["image_upload"] is True


def test_text_is_edited_over_several_lines_where_the_node_says_so() -> None:
    def f(*, prompt: Annotated[str, Multiline(dynamic=True)], name: str = "x") -> int: ...

    required = info(f)["input"]["required"]
    assert required["prompt"][1] == {"multiline": True, "dynamicPrompts": True}
    assert required["name"][1] == {"default": "x", "multiline": False}


def test_only_what_may_be_left_out_is_optional() -> None:
    def f(
        *,
        image: Image,
        amount: int = 1,
        mask: Image | None = None,
        device: Annotated[Literal["default", "cpu"], Omittable()] = "default",
        text: str | None = None,
    ) -> int: ...

    assert info(f)["input_order"] == {
        "required": ["image", "amount"],
        "optional": ["mask", "device", "text"],
        "hidden": [],
    }
    assert info(f)["input"]["optional"]["device"] == [["default", "cpu"], {"default": "default"}]
    assert "default" not in info(f)["input"]["optional"]["text"][1]


def test_lazy_inputs_and_help_are_told() -> None:
    async def f(*, on_true: Annotated[Lazy[Image], Field(description="Taken when true.")]) -> Image: ...

    assert info(f)["input"]["required"]["on_true"] == ["IMAGE", {"tooltip": "Taken when true.", "lazy": True}]


def test_unions_anything_and_lists_have_the_ecosystem_s_names() -> None:
    class Both(NamedTuple):
        mode: Literal["a", "b"]
        images: list[Image]

    def f(*, number: int | str, anything: Any, images: list[Image]) -> Both: ...

    described = info(f)
    assert [kind for kind, _ in described["input"]["required"].values()] == ["INT,STRING", "*", "IMAGE"]
    assert described["is_input_list"] is True
    assert described["output"] == [["a", "b"], "IMAGE"]
    assert described["output_name"] == ["mode", "images"]
    assert described["output_is_list"] == [False, True]


def test_the_module_tells_built_in_classes_from_those_of_packs(tmp_path: Path) -> None:
    @node("Mine", category="test")
    def mine() -> int: ...

    registry = Registry(dict(builtin().specs))
    registry.add(mine, namespace="some_pack@1.2")
    described, _ = object_info(registry, files(tmp_path))
    assert described["KSampler"]["python_module"] == "nodes"
    assert described["Mine"]["python_module"] == "custom_nodes.some_pack"


# All of them.


def failing(_files: Files) -> Sequence[str]:
    raise OSError("the disk is gone")


def test_a_class_whose_choices_cannot_be_listed_is_left_out_and_named(tmp_path: Path) -> None:
    @node("Broken", category="test")
    def broken(*, name: Annotated[str, Choices(failing), Upload()]) -> int: ...

    @node("Sound", category="test")
    def sound() -> int: ...

    registry = Registry()
    registry.add(broken, sound, namespace="pack")
    described, left_out = object_info(registry, Files(tmp_path))
    assert list(described) == ["Sound"]
    said = "Broken: the choices of name cannot be listed: OSError: the disk is gone"
    assert left_out == [said]
    with pytest.raises(UserError, match="the disk is gone"):
        node_info(broken.spec, Files(tmp_path))


def test_a_folder_is_listed_once_for_all_classes(tmp_path: Path) -> None:
    asked = 0

    def names(_files: Files) -> list[str]:
        nonlocal asked
        asked += 1
        return ["x"]

    name = Annotated[str, Choices(names)]

    def one(*, name: name) -> int: ...
    def other(*, name: name) -> int: ...

    registry = Registry()
    made = [node(each.__name__, category="test")(each) for each in (one, other)]
    registry.add(*made, namespace="pack")
    object_info(registry, Files(tmp_path))
    assert asked == 1


def test_all_classes_are_described_at_once_as_json(tmp_path: Path) -> None:
    took = []
    for _ in range(5):
        began = time.perf_counter()
        described, left_out = object_info(builtin(), files(tmp_path))
        text = json.dumps(described, allow_nan=False)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05
    assert left_out == []
    assert json.loads(text) == described
