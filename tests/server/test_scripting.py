"""`import safelight`: workflows as functions of Python."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import UserError
from server.scripting import WorkflowError, load

GRAPH: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 2, "color": 255}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    "_workflow": {"version": 1, "inputs": {"color": ["1", "color"]}, "outputs": {"pictures": "3"}},
}


def test_a_run_gives_pictures(tmp_path: Path) -> None:
    with load(GRAPH, home=tmp_path) as workflow:
        assert workflow.inputs == ["color"]
        pictures = workflow.run()
    assert [picture.size for picture in pictures] == [(16, 8), (16, 8)]
    assert pictures[0].getpixel((0, 0)) == (255, 255, 0)
    assert len(pictures.files) == 2


def test_values_of_named_outputs_are_pictures_too_without_a_file(tmp_path: Path) -> None:
    graph = {key: GRAPH[key] for key in ("1", "2")} | {"_workflow": {"outputs": {"inverted": ["2", 0]}}}
    with load(graph, home=tmp_path) as workflow:
        pictures = workflow.run()
    assert len(pictures) == 2
    assert pictures.files == []
    assert pictures.outputs["inverted"].shape == (2, 8, 16, 3)
    assert np.asarray(pictures[0])[0, 0].tolist() == [255, 255, 0]


def test_a_named_output_node_is_its_files(tmp_path: Path) -> None:
    with load(GRAPH, home=tmp_path) as workflow:
        pictures = workflow.run()
    assert pictures.outputs == {"pictures": pictures.files}


def test_numbers_of_other_libraries_are_taken_and_what_is_no_value_is_said(tmp_path: Path) -> None:
    with load(GRAPH, home=tmp_path) as workflow:
        same = workflow.run(color=255).files
        assert workflow.run(color=np.int64(255)).files == same
        with pytest.raises(UserError, match="color: a value of type object"):
            workflow.run(color=object())
        with pytest.raises(UserError, match="color: a value of type bytes"):
            workflow.run(color=b"x")


def test_a_closed_workflow_and_an_unknown_cache_mode_are_said(tmp_path: Path) -> None:
    workflow = load(GRAPH, home=tmp_path)
    with pytest.raises(WorkflowError, match="use, refresh, off"):
        workflow.run(cache="bogus")  # type: ignore[arg-type]  # the mistake is the point
    workflow.close()
    with pytest.raises(WorkflowError, match="closed"):
        workflow.run()


def test_a_second_run_writes_nothing_new_and_another_value_does(tmp_path: Path) -> None:
    with load(GRAPH, home=tmp_path) as workflow:
        first = workflow.run(color=0).files
        assert workflow.run(color=0).files == first
        assert workflow.run(color=1).files != first


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with load(GRAPH, home=tmp_path) as workflow:
        with pytest.raises(UserError, match=r"no input 'colour'.*color"):
            workflow.run(colour=1)
        with pytest.raises(WorkflowError, match=r"node 1 .*color"):
            workflow.run(color="purple")


def test_it_runs_where_an_event_loop_runs_already(tmp_path: Path) -> None:
    async def notebook() -> list[Image.Image]:
        with load(GRAPH, home=tmp_path) as workflow:
            return workflow.run()

    assert len(asyncio.run(notebook())) == 2


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "none.json", home=tmp_path)


def test_a_document_with_values_that_json_cannot_hold_is_said(tmp_path: Path) -> None:
    graph = {**GRAPH, "1": {"class_type": "EmptyImage", "inputs": {"width": np.int64(8)}}}
    with load(graph, home=tmp_path) as workflow, pytest.raises(UserError, match="JSON cannot"):
        workflow.run()
