"""Whatever a file holds, `safelight` says what is wrong with it and where, and leaves nothing behind."""

import json
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import Safelight

GraphFile = Callable[[Mapping[str, Any] | str], Path]


def text_to_image(**changes: Any) -> dict[str, Any]:
    """The graph everybody starts from; `changes` are `node__input=value`, `...` takes one out."""
    graph: dict[str, Any] = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "pinhole"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["4", 0], "seed": 1, "steps": 2, "cfg": 2.0, "sampler_name": "euler",
                "scheduler": "normal", "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
                "denoise": 1.0,
            },
        },
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "picture"}},
    }  # fmt: skip
    for name, value in changes.items():
        node, _, given = name.removeprefix("n").partition("__")
        if not given:
            graph[node] = value
        elif value is ...:
            del graph[node]["inputs"][given]
        else:
            graph[node]["inputs"][given] = value
    return graph


UNKNOWN = {"class_type": "KSampla", "inputs": {}}
MODEL, NAME = ("3", "inputs", "model"), ("3", "inputs", "sampler_name")
WRONG: list[tuple[str, dict[str, Any], str, tuple[str, ...], str]] = [
    (
        "unknown node",
        {"n3": {"class_type": "KSampla", "inputs": {}}},
        "missing_node_type",
        ("3",),
        "KSampler",
    ),
    ("unknown input", {"n3__sed": 1}, "unknown_input", ("3", "inputs", "sed"), "seed"),
    ("missing input", {"n3__positive": ...}, "required_input_missing", ("3", "inputs", "positive"), ""),
    ("wrong type", {"n3__steps": "many"}, "invalid_input_type", ("3", "inputs", "steps"), ""),
    ("too small", {"n3__steps": 0}, "value_smaller_than_min", ("3", "inputs", "steps"), ""),
    ("too big", {"n3__denoise": 1.5}, "value_bigger_than_max", ("3", "inputs", "denoise"), ""),
    ("not a number", {"n3__cfg": float("nan")}, "invalid_input_type", ("3", "inputs", "cfg"), ""),
    ("infinity", {"n3__cfg": float("inf")}, "invalid_input_type", ("3", "inputs", "cfg"), ""),
    (
        "not listed",
        {"n3__sampler_name": "eulr"},
        "value_not_in_list",
        NAME,
        "euler",
    ),
    ("dangling link", {"n3__model": ["44", 0]}, "bad_linked_input", MODEL, ""),
    ("no such output", {"n3__model": ["4", 3]}, "bad_linked_input", MODEL, ""),
    ("negative output", {"n3__model": ["4", -1]}, "bad_linked_input", MODEL, ""),
    ("long link", {"n3__model": ["4", 0, 1]}, "bad_linked_input", MODEL, ""),
    ("wrong socket", {"n3__model": ["4", 2]}, "return_type_mismatch", MODEL, "'4', 0"),
    ("value for link", {"n3__model": "pinhole"}, "invalid_input_type", MODEL, "link"),
    ("no model", {"n4__ckpt_name": "pinhol"}, "value_not_in_list", ("4", "inputs", "ckpt_name"), "pinhole"),
    ("node is a text", {"n3": "KSampler"}, "invalid_node", ("3",), ""),
    ("no class", {"n3": {"inputs": {}}}, "missing_node_type", ("3",), ""),
    ("inputs a list", {"n9": {"class_type": "SaveImage", "inputs": []}}, "invalid_inputs", ("9",), ""),
]


@pytest.mark.parametrize(
    ("changes", "code", "path", "hint"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
def test_a_mistake_is_told_with_its_place_its_code_and_a_hint(
    safelight: Safelight,
    graph_file: GraphFile,
    changes: dict[str, Any],
    code: str,
    path: tuple[str, ...],
    hint: str,
) -> None:
    said = safelight("check", graph_file(text_to_image(**changes)), "--json")
    assert said.code == 2
    [problem] = [each for each in said.json["problems"] if each["code"] == code]
    assert tuple(problem["path"]) == path
    assert hint in problem["hint"]
    assert problem["severity"] == "error"


def test_all_mistakes_are_told_at_once(safelight: Safelight, graph_file: GraphFile) -> None:
    changes = {"n3__steps": 0, "n3__seed": -1, "n5__width": "wide", "n9__filename_prefix": ["8", 7]}
    said = safelight("check", graph_file(text_to_image(**changes)))
    assert said.code == 2
    for part in ("node 3 (KSampler), steps", "node 3 (KSampler), seed", "node 5", "node 9"):
        assert part in said.err


def test_a_cycle_is_told_with_its_nodes(safelight: Safelight, graph_file: GraphFile) -> None:
    said = safelight("check", graph_file(text_to_image(n3__latent_image=["3", 0])))
    assert said.code == 2
    assert "3 (KSampler) -> 3 (KSampler)" in said.err


def test_a_graph_without_outputs_is_refused(safelight: Safelight, graph_file: GraphFile) -> None:
    graph = text_to_image()
    del graph["9"]
    said = safelight("run", graph_file(graph))
    assert said.code == 2
    assert "no output node" in said.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[1, 2]", "a list"),
        ("null", "null"),
        ("3", "a bare value"),
        ('{"1": ' * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"1": {"class_type": "A", "inputs": {"x": ' + "9" * 5000 + "}}}", "digit"),
        ('{"nodes": [], "links": []}', "no output node"),
        ('{"_workflow": {"version": 99}}', "version 99"),
    ],
    ids=[
        "broken",
        "empty",
        "list",
        "null",
        "number",
        "deep objects",
        "deep lists",
        "digits",
        "editor",
        "future",
    ],
)
def test_a_file_that_is_no_workflow_is_refused(
    safelight: Safelight, graph_file: GraphFile, content: str, message: str
) -> None:
    for command in ("check", "run", "plan"):
        said = safelight(command, graph_file(content))
        assert said.code == 2
        assert message in said.err


def test_a_file_that_is_not_there_and_one_that_is_a_folder_are_told(
    safelight: Safelight, tmp_path: Path
) -> None:
    assert "no such file" in safelight("check", tmp_path / "none.json").err
    assert "is a folder" in safelight("run", tmp_path).err


def test_a_binary_file_is_refused(safelight: Safelight, tmp_path: Path) -> None:
    path = tmp_path / "workflow.json"
    path.write_bytes(bytes(range(256)))
    said = safelight("check", path)
    assert said.code == 2
    assert "not JSON" in said.err


def test_loose_values_are_coerced_with_a_warning(safelight: Safelight, graph_file: GraphFile) -> None:
    changes = {"n3__steps": "12", "n3__seed": 1.7, "n5__width": 128.0}
    said = safelight("check", graph_file(text_to_image(**changes)), "--json")
    assert said.code == 0
    told = {(each["node"], each["input"]): each for each in said.json["problems"]}
    assert set(told) == {("3", "steps"), ("3", "seed")}
    assert {each["severity"] for each in told.values()} == {"warning"}


def checkpoint(home: Path, name: str, content: bytes) -> None:
    folder = home / "models" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


STRANGE = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
CUT = json.dumps({"w": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}}).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.safetensors", safetensors(CUT, b"\0" * 8), "cut.safetensors"),
        ("short.safetensors", b"abc", "short.safetensors"),
        ("noise.safetensors", os.urandom(64), "noise.safetensors"),
        ("strange.safetensors", safetensors(STRANGE, b"\0" * 4), "family"),
        ("old.ckpt", pickle.dumps({"state_dict": {}}), "pickle"),
    ],
)
def test_a_model_file_that_cannot_be_used_is_told_before_anything_runs(
    safelight: Safelight, graph_file: GraphFile, home: Path, name: str, content: bytes, message: str
) -> None:
    checkpoint(home, name, content)
    said = safelight("run", graph_file(text_to_image(n4__ckpt_name=name)))
    assert said.code == 2
    assert "node 4" in said.err
    assert message in said.err


def picture_graph(name: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "copy"}},
    }


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is this large, with no pixels to speak of."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is no picture", "no image"),
        (png_of(60_000, 60_000), "megapixels"),
        (png_of(64, 64), "damaged"),
        (b"", "no image"),
    ],
    ids=["text", "bomb", "truncated", "empty"],
)
def test_a_picture_that_cannot_be_read_is_told(
    safelight: Safelight, graph_file: GraphFile, home: Path, content: bytes, message: str
) -> None:
    (home / "input").mkdir(parents=True)
    (home / "input" / "x.png").write_bytes(content)
    said = safelight("run", graph_file(picture_graph("x.png")))
    assert said.code in {1, 2}
    assert "x.png" in said.err
    assert message in said.err
    assert not list((home / "output").glob("*"))


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "link.png", "C:\\secret.png", "a\0b.png"])
def test_a_name_that_leaves_the_input_folder_is_refused(
    safelight: Safelight, graph_file: GraphFile, home: Path, tmp_path: Path, name: str
) -> None:
    (home / "input").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png_of(1, 1))
    (home / "input" / "link.png").symlink_to(tmp_path / "secret.png")
    said = safelight("run", graph_file(picture_graph(name)))
    assert said.code == 2
    assert "node 1" in said.err


@pytest.mark.parametrize("prefix", ["../escape", "/tmp/escape", "a/../../escape", "x" * 500])  # noqa: S108  # refused
def test_a_prefix_that_leaves_the_output_folder_writes_nothing(
    safelight: Safelight, graph_file: GraphFile, home: Path, tmp_path: Path, prefix: str
) -> None:
    (home / "input").mkdir(parents=True)
    graph = picture_graph("red_circle.png")
    graph["2"]["inputs"]["filename_prefix"] = prefix
    said = safelight("run", graph_file(graph))
    assert said.code == 1
    assert "(2)" in said.err
    assert not list(tmp_path.rglob("*escape*"))
    assert not [path for path in (home / "output").rglob("*") if path.is_file()]


def test_an_output_folder_that_cannot_be_made_is_told(
    safelight: Safelight, graph_file: GraphFile, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    said = safelight(
        "run", graph_file(picture_graph("red_circle.png")), "--output", tmp_path / "file" / "out"
    )
    assert said.code == 2
    assert "cannot make folder" in said.err


def test_flags_that_make_no_sense_are_told(safelight: Safelight, graph_file: GraphFile) -> None:
    file = graph_file(text_to_image())
    assert "NAME=VALUE" in safelight("run", file, "--set", "seed").err
    assert "no input 'sed'" in safelight("run", "workflows/text_to_image.json", "--set", "sed=3").err
    assert "seed" in safelight("run", "workflows/text_to_image.json", "--set", "sed=3").err
    assert "unknown device" in safelight("run", file, "--device", "abacus").err
    assert "no such folder" in safelight("run", file, "--models", "/nowhere/at/all").err
