"""A workflow as a script: it is Python, it holds everything, and it runs."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.script import script_of

ROOT = Path(__file__).parents[2]


def written(document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The workflow that a script holds, and its source."""
    script = script_of(document, {})
    held = next(each for each in ast.parse(script).body if isinstance(each, ast.Assign))
    return ast.literal_eval(held.value), script


def test_a_script_holds_the_workflow_digit_for_digit_and_letter_for_letter() -> None:
    document = {
        "1": {"class_type": "Text", "inputs": {"value": 'a """ \\ \n é 🌍', "seed": 2**64 - 1, "on": True}},
        "_workflow": {"version": 1, "title": 'Quotes " and """', "inputs": {"seed": ["1", "seed"]}},
    }
    held, script = written(document)
    assert held == document
    assert f"seed={2**64 - 1}," in script


def test_names_that_are_no_names_of_python_are_given_all_the_same() -> None:
    inputs = {"class": ["1", "a"], "the text": ["1", "b"], "cache": ["1", "c"], "fine": ["1", "d"]}
    node = {"class_type": "Text", "inputs": {"a": 1, "b": 2, "c": 3, "d": 4}}
    _, script = written({"1": node, "_workflow": {"inputs": inputs}})
    assert "fine=4," in script
    assert "**{'class': 1, 'the text': 2}," in script


def test_a_workflow_without_names_becomes_a_script_too() -> None:
    assert "workflow.run()" in written({"1": {"class_type": "Text", "inputs": {}}})[1]


@pytest.mark.slow
def test_a_script_makes_the_picture(tmp_path: Path) -> None:
    document = json.loads((ROOT / "workflows" / "text_to_image.json").read_bytes())
    document["3"]["inputs"]["steps"] = 2
    path = tmp_path / "picture.py"
    path.write_text(script_of(document, {}), encoding="utf-8")
    environment = os.environ | {"SAFELIGHT_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes().startswith(b"\x89PNG")
