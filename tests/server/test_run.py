"""`safelight run`: what it writes, what it says, and how it stops."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import Safelight
from PIL import Image

GraphFile = Callable[[Mapping[str, Any] | str], Path]
ROOT = Path(__file__).parents[2]


def copy_graph(prefix: str = "copy") -> dict[str, Any]:
    """A graph that needs no model."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "red_circle.png"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": prefix}},
    }


def test_it_prints_the_path_of_what_it_wrote_and_nothing_else(
    safelight: Safelight, graph_file: GraphFile, home: Path
) -> None:
    said = safelight("run", graph_file(copy_graph()))
    assert said.code == 0
    assert said.out == f"{home / 'output' / 'copy_00001_.png'}\n"
    assert Path(said.out.strip()).is_file()
    assert "3 of 3 nodes to run" in said.err


def test_an_unchanged_workflow_is_not_run_again_and_names_its_file(
    safelight: Safelight, graph_file: GraphFile, home: Path
) -> None:
    first = safelight("run", graph_file(copy_graph()))
    again = safelight("run", graph_file(copy_graph()))
    assert again.out == first.out
    assert "nodes to run" not in again.err
    assert len(list((home / "output").iterdir())) == 1


def test_a_file_that_was_deleted_is_written_again(safelight: Safelight, graph_file: GraphFile) -> None:
    path = Path(safelight("run", graph_file(copy_graph())).out.strip())
    path.unlink()
    said = safelight("run", graph_file(copy_graph()))
    assert said.code == 0
    assert Path(said.out.strip()).is_file()


def test_another_folder_gets_a_file_of_its_own(
    safelight: Safelight, graph_file: GraphFile, tmp_path: Path
) -> None:
    safelight("run", graph_file(copy_graph()))
    said = safelight("run", graph_file(copy_graph()), "--output", tmp_path / "elsewhere")
    assert Path(said.out.strip()) == tmp_path / "elsewhere" / "copy_00001_.png"
    assert Path(said.out.strip()).is_file()


def test_refresh_computes_everything_again(safelight: Safelight, graph_file: GraphFile) -> None:
    safelight("run", graph_file(copy_graph()))
    said = safelight("run", graph_file(copy_graph()), "--refresh")
    assert "3 of 3 nodes to run" in said.err
    assert said.out.endswith("copy_00002_.png\n")


def test_set_changes_any_input(safelight: Safelight, graph_file: GraphFile) -> None:
    said = safelight("run", graph_file(copy_graph()), "--set", "3.filename_prefix=sub/other")
    assert said.out.endswith("output/sub/other_00001_.png\n")


def test_set_takes_a_link_as_the_file_has_it(safelight: Safelight, graph_file: GraphFile) -> None:
    said = safelight("run", graph_file(copy_graph()), "--set", '3.images=["1", 0]')
    assert said.code == 0
    with Image.open(said.out.strip()) as image:
        assert image.getpixel((64, 64))[0] > 200  # type: ignore[index]  # the circle, not inverted


def test_a_state_folder_that_cannot_be_used_is_told(
    safelight: Safelight, graph_file: GraphFile, home: Path
) -> None:
    home.mkdir()
    (home / "state").write_text("in the way")
    said = safelight("run", graph_file(copy_graph()))
    assert said.code == 2
    assert "cannot make folder" in said.err


def test_json_is_one_object_and_the_only_thing_that_is_printed(
    safelight: Safelight, graph_file: GraphFile
) -> None:
    document = copy_graph() | {"_workflow": {"version": 1, "outputs": {"picture": "3", "inverted": ["2", 0]}}}
    said = safelight("run", graph_file(document), "--json")
    assert said.err == ""
    assert said.json["status"] == "completed"
    assert said.json["outputs"]["picture"] == said.json["files"]
    assert said.json["failures"] == []


def test_a_node_that_fails_is_named_and_the_others_are_finished(
    safelight: Safelight, graph_file: GraphFile, home: Path
) -> None:
    graph = copy_graph() | {
        "4": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "../no"}}
    }
    said = safelight("run", graph_file(graph), "--json")
    assert said.code == 1
    assert said.json["status"] == "failed"
    assert [failure["node"] for failure in said.json["failures"]] == ["4"]
    assert [Path(path).name for path in said.json["files"]] == ["copy_00001_.png"]
    assert [path.name for path in (home / "output").iterdir()] == ["copy_00001_.png"]


def test_a_picture_is_a_workflow_too(safelight: Safelight, graph_file: GraphFile, tmp_path: Path) -> None:
    path = safelight("run", graph_file(copy_graph())).out.strip()
    said = safelight("run", path, "--output", tmp_path / "again")
    assert said.code == 0
    with Image.open(path) as one, Image.open(said.out.strip()) as other:
        assert one.tobytes() == other.tobytes()


def test_a_picture_without_a_workflow_is_refused(safelight: Safelight, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    said = safelight("run", tmp_path / "plain.png")
    assert said.code == 2
    assert "carries no workflow" in said.err


def test_a_trace_opens_in_a_trace_viewer(safelight: Safelight, graph_file: GraphFile, tmp_path: Path) -> None:
    safelight("run", graph_file(copy_graph()), "--trace", tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["name"] for event in events} >= {"LoadImage", "SaveImage"}
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)


def test_models_of_another_program_are_taken_as_they_are(safelight: Safelight, tmp_path: Path) -> None:
    weights = ROOT / "nodes" / "pinhole" / "weights"
    folder = tmp_path / "webui" / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    (folder / "tiny").symlink_to(weights, target_is_directory=True)
    said = safelight("plan", "text_to_image", "--models", tmp_path / "webui", "--set", "model=tiny", "--json")
    assert said.code == 0


@pytest.fixture
def started(home: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """`safelight run` as a process of its own, when it is in the middle of sampling."""

    def start(*arguments: str) -> "subprocess.Popen[str]":
        script = "import sys; from server.cli import main; sys.exit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", script, "run", "text_to_image", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SAFELIGHT_HOME": str(home)},
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Negative prompt"):  # what comes next is the sampler
                break
        time.sleep(1.0)
        return process

    return start


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_within_a_step_and_leaves_nothing(
    started: Callable[..., "subprocess.Popen[str]"], home: Path, sent: signal.Signals
) -> None:
    process = started("--set", "steps=10000")
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)  # ten thousand steps would take many minutes
    assert process.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not [path for path in (home / "output").rglob("*") if path.is_file()]


def test_two_processes_on_one_home_do_not_meet(home: Path, graph_file: GraphFile) -> None:
    file = graph_file(copy_graph())
    script = "import sys; from server.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SAFELIGHT_HOME": str(home)}
    command = [sys.executable, "-c", script, "run", str(file), "--refresh"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(3)
    ]
    paths = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert len(set(paths)) == 3
    for path in paths:
        with Image.open(path) as image:
            image.load()
