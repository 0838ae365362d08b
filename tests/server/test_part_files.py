"""Part files get their names whole and once, on whatever disk they came in."""

import os
from pathlib import Path

import pytest

from engine.errors import StorageError
from server.part_files import put_new, put_over


@pytest.fixture
def part(tmp_path: Path) -> Path:
    part = tmp_path / ".x.part"
    part.write_bytes(b"new")
    return part


def test_a_free_name_is_given_and_a_taken_one_is_not(part: Path, tmp_path: Path) -> None:
    root = tmp_path / "input"
    assert put_new(part, root, root / "a" / "x.txt")
    assert (root / "a" / "x.txt").read_bytes() == b"new"
    assert not part.exists()
    part.write_bytes(b"newer")
    assert not put_new(part, root, root / "a" / "x.txt")
    assert part.read_bytes() == b"newer"
    put_over(part, root, root / "a" / "x.txt")
    assert (root / "a" / "x.txt").read_bytes() == b"newer"
    assert [path.name for path in (root / "a").iterdir()] == ["x.txt"]


def test_a_disk_without_links_does_as_well(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert put_new(part, tmp_path, tmp_path / "x.txt")
    part.write_bytes(b"newer")
    assert not put_new(part, tmp_path, tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_bytes() == b"new"


SHARED = Path("/dev/shm")  # noqa: S108  # another disk, where there is one


@pytest.mark.skipif(not os.access(SHARED, os.W_OK), reason="there is one disk here")
def test_a_part_may_come_in_on_another_disk(tmp_path: Path) -> None:
    part = SHARED / f".{tmp_path.name}.part"
    part.write_bytes(b"new")
    try:
        assert put_new(part, tmp_path, tmp_path / "x.txt")
        assert not part.exists()
        part.write_bytes(b"newer")
        put_over(part, tmp_path, tmp_path / "x.txt")
        assert not part.exists()
    finally:
        part.unlink(missing_ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_bytes() == b"newer"


def test_a_part_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*x\.txt"):
        put_new(tmp_path / "absent", tmp_path, tmp_path / "x.txt")
