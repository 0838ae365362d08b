"""`safelight convert`: what it prints and writes, and how it tells what is wrong; and running such files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import safelight as safelight_module
from calling import Safelight
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sheets import File, box, sheet, socket

GraphFile = Callable[[Mapping[str, Any] | str], Path]
ROOT = Path(__file__).parents[2]


def editor_file(**changes: Any) -> File:
    """A picture, inverted behind a reroute, and saved; `changes` are keys of the file."""
    return (
        sheet(
            box(
                1, "LoadImage", values=["red_circle.png", "image"], outputs=["IMAGE", "MASK"], title="Circle"
            ),
            box(2, "Reroute", socket("", "*", 1), outputs=["IMAGE"]),
            box(3, "ImageInvert", socket("image", "IMAGE", 2), outputs=["IMAGE"]),
            box(4, "SaveImage", socket("images", "IMAGE", 3), values=["copy"], outputs=[]),
            box(5, "Note", values=["Look!"], outputs=[]),
            links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]],
        )
        | changes
    )


API = {
    "1": {
        "inputs": {"image": "red_circle.png"},
        "class_type": "LoadImage",
        "_meta": {"title": "Circle"},
    },
    "3": {"inputs": {"image": ["1", 0]}, "class_type": "ImageInvert"},
    "4": {"inputs": {"filename_prefix": "copy", "images": ["3", 0]}, "class_type": "SaveImage"},
}


def without_titles(graph: File) -> File:
    return {node: {key: raw[key] for key in ("class_type", "inputs")} for node, raw in graph.items()}


def test_a_file_of_the_editor_becomes_the_graph_of_the_api(
    safelight: Safelight, graph_file: GraphFile
) -> None:
    said = safelight("convert", graph_file(editor_file()))
    assert said.code == 0
    assert without_titles(said.json) == without_titles(API)
    assert said.json["1"]["_meta"] == {"title": "Circle"}
    assert said.json["3"]["_meta"]["title"]
    assert not said.err


def test_it_runs_as_it_is(safelight: Safelight, graph_file: GraphFile, home: Path) -> None:
    said = safelight("run", graph_file(editor_file()), "--set", "4.filename_prefix=mine")
    assert said.code == 0
    assert said.out == f"{home / 'output' / 'mine_00001_.png'}\n"


def test_the_inputs_of_app_mode_can_be_set(safelight: Safelight, graph_file: GraphFile, home: Path) -> None:
    app = {"linearData": {"inputs": [[4, "filename_prefix"]], "outputs": [4]}}
    said = safelight("run", graph_file(editor_file(extra=app)), "--set", "filename_prefix=named")
    assert said.out == f"{home / 'output' / 'named_00001_.png'}\n"


def test_scripts_run_it_too(home: Path) -> None:
    app = {"linearData": {"inputs": [[4, "filename_prefix"]], "outputs": [4]}}
    with safelight_module.load(editor_file(extra=app), home=home) as workflow:
        assert workflow.inputs == ["filename_prefix"]
        pictures = workflow.run(filename_prefix="scripted")
    assert [path.name for path in pictures.files] == ["scripted_00001_.png"]
    assert list(pictures.outputs) == ["SaveImage"]


def test_values_that_are_nested_deeply_end_in_no_traceback(
    safelight: Safelight, graph_file: GraphFile
) -> None:
    deep = "[" * 900 + "]" * 900
    text = json.dumps(editor_file()).replace('["copy"]', f"[{deep}]")
    for arguments in (["check"], ["convert"], ["convert", "--form", "editor"], ["run"]):
        said = safelight(arguments[0], graph_file(text), *arguments[1:])
        assert said.code == 2 or arguments[0] == "convert"


def test_a_request_that_holds_a_file_of_the_editor_is_read(
    safelight: Safelight, graph_file: GraphFile
) -> None:
    said = safelight("convert", graph_file({"prompt": editor_file(), "client_id": "x"}))
    assert without_titles(said.json) == without_titles(API)


@pytest.mark.parametrize(
    ("texts", "prefix"),
    [
        ({"workflow": "editor"}, "editor"),
        ({"workflow": "editor", "prompt": "graph"}, "graph"),
        ({"workflow": "editor", "prompt": "graph", "safelight": "ours"}, "ours"),
    ],
    ids=["editor", "graph", "ours"],
)
def test_of_the_workflows_that_a_picture_carries_the_one_that_says_most_is_read(
    safelight: Safelight, tmp_path: Path, texts: dict[str, str], prefix: str
) -> None:
    info = PngInfo()
    for key, name in texts.items():
        file = editor_file()
        file["nodes"][3]["widgets_values"] = [name]
        graph = API | {"4": {**API["4"], "inputs": {"images": ["3", 0], "filename_prefix": name}}}
        info.add_text(key, json.dumps(file if key == "workflow" else graph))
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    said = safelight("convert", path)
    assert said.json["4"]["inputs"]["filename_prefix"] == prefix


def test_it_writes_a_file_and_prints_nothing(
    safelight: Safelight, graph_file: GraphFile, tmp_path: Path
) -> None:
    out = tmp_path / "api.json"
    said = safelight("convert", graph_file(editor_file()), "-o", out)
    assert (said.code, said.out) == (0, "")
    assert without_titles(json.loads(out.read_text(encoding="utf-8"))) == without_titles(API)


def test_a_file_for_the_editor_is_read_back_as_it_was(safelight: Safelight, tmp_path: Path) -> None:
    out = tmp_path / "editor.json"
    safelight("convert", "text_to_image", "--form", "editor", "-o", out)
    file = json.loads(out.read_text(encoding="utf-8"))
    assert file["version"] == 0.4
    assert {node["type"] for node in file["nodes"]} >= {"KSampler", "SaveImage"}
    assert safelight("convert", out).json == safelight("convert", "text_to_image").json
    assert safelight("check", out).code == 0


def test_a_file_of_the_editor_stays_as_it_is_in_that_form(
    safelight: Safelight, graph_file: GraphFile
) -> None:
    assert safelight("convert", graph_file(editor_file()), "--form", "editor").json == editor_file()


def test_warnings_are_told_beside_the_graph(safelight: Safelight, graph_file: GraphFile) -> None:
    file = editor_file()
    file["nodes"].append(box(8, "Stranger", values=["a", 1], outputs=[]))
    said = safelight("convert", graph_file(file))
    assert said.code == 0
    assert "8" in said.json
    assert "warning: node 8 (Stranger): its class is not known here" in said.err
    as_json = safelight("convert", graph_file(file), "--json")
    assert as_json.json["workflow"] == said.json
    assert [each["severity"] for each in as_json.json["problems"]] == ["warning"]
    assert not as_json.err


def test_what_is_wrong_is_told_and_nothing_written(
    safelight: Safelight, graph_file: GraphFile, tmp_path: Path
) -> None:
    file = editor_file()
    file["nodes"][1] = box(2, "GetNode", values=["lost"], outputs=["IMAGE"])
    out = tmp_path / "api.json"
    said = safelight("convert", graph_file(file), "-o", out)
    assert (said.code, said.out) == (2, "")
    assert "error: node 2: there is no Set node of the name 'lost'" in said.err
    assert not out.exists()
    assert "workflow" not in safelight("convert", graph_file(file), "--json").json


def test_a_place_that_cannot_be_written_is_told(
    safelight: Safelight, graph_file: GraphFile, tmp_path: Path
) -> None:
    said = safelight("convert", graph_file(editor_file()), "-o", tmp_path / "none" / "api.json")
    assert said.code == 2
    assert "cannot be written: No such file" in said.err


def test_it_needs_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from server.cli import main; "
        "code = main(['convert', 'text_to_image', '--form', 'editor']); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    environment = {**os.environ, "SAFELIGHT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
