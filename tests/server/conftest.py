"""The command line, called in this process; a home of its own for each test."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import Safelight, Said

from server.cli import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("SAFELIGHT_HOME", str(folder))
    return folder


@pytest.fixture
def safelight(home: Path, capsys: pytest.CaptureFixture[str]) -> Safelight:
    assert home

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as exit_:  # argparse's own way to refuse
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return Said(code, captured.out, captured.err)

    return call


@pytest.fixture
def graph_file(tmp_path: Path) -> Callable[[Mapping[str, Any] | str], Path]:
    """A workflow file with this content."""

    def write(content: Mapping[str, Any] | str) -> Path:
        path = tmp_path / "workflow.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write
