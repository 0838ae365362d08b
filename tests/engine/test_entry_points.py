"""Packs of installed distributions are found by their entry point, and kept apart by their version."""

import importlib
from pathlib import Path

import pytest

from engine.registry import Registry

PACK = '''
from engine.node import node


@node("Installed", category="toys")
def installed(*, value: int = 1) -> int:
    """Comes with a distribution."""
    return value
'''


def install(folder: Path, name: str, module: str, source: str) -> None:
    """What installing a wheel leaves behind."""
    (folder / f"{module}.py").write_text(source)
    about = folder / f"{name}-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[safelight.packs]\n{name} = {module}\n")


def test_an_installed_pack_is_loaded_under_its_name_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "toybox", "toybox_nodes_of_a_test", PACK)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    registry = Registry()
    registry.load_entry_points()
    assert registry["Installed"].namespace == "toybox@1.2"


def test_an_installed_pack_that_breaks_is_reported_and_the_next_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken", "broken_nodes_of_a_test", "raise RuntimeError('not today')")
    install(tmp_path, "working", "working_nodes_of_a_test", PACK)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    registry = Registry()
    registry.load_entry_points()
    assert "Installed" in registry
    [broken] = registry.broken
    assert (broken.name, broken.reason) == ("broken", "RuntimeError: not today")
