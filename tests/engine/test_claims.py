"""Names for outputs: each given once, and nothing half-written under it."""

import asyncio
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from toys import call

from engine.claims import Claim, claim, fill_in
from engine.errors import PathError, StorageError
from engine.node import node
from engine.testing import Bench

KILOBYTE = b"x" * 1024


def write(given: Claim, content: bytes = b"x") -> Path:
    with given as part:
        part.write_bytes(content)
    return given.path


def test_names_are_numbered_from_one_for_each_prefix(tmp_path: Path) -> None:
    names = [write(claim(tmp_path, prefix, ".png")).name for prefix in ("a", "a", "b")]
    assert names == ["a_00001_.png", "a_00002_.png", "b_00001_.png"]


def test_the_number_follows_the_highest_that_is_there_whatever_its_kind(tmp_path: Path) -> None:
    for name in ("a_00041_.png", "a_00007_.webp", "A_00099_.png", "ab_00200_.png", "a_x_.png"):
        (tmp_path / name).touch()
    assert claim(tmp_path, "a", ".txt").filename == "a_00100_.txt"


def test_a_claim_holds_its_name_until_it_is_dropped(tmp_path: Path) -> None:
    first = claim(tmp_path, "a", ".png")
    second = claim(tmp_path, "a", ".png")
    assert (first.filename, second.filename) == ("a_00001_.png", "a_00002_.png")
    del first, second
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_finds_a_reserved_name_leaves_it_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claim(tmp_path, "a", ".png")
    monkeypatch.setattr("engine.claims._latest.after", lambda *_: 1)  # as if all looked at the same moment
    other = claim(tmp_path, "a", ".png")
    third = claim(tmp_path, "a", ".png")
    assert len({held.filename, other.filename, third.filename}) == 3
    assert held.part.exists()
    monkeypatch.undo()
    write(held)
    assert claim(tmp_path, "a", ".png").filename == "a_00004_.png"


def test_the_numbers_of_a_folder_that_was_emptied_begin_anew(tmp_path: Path) -> None:
    for _ in range(3):
        write(claim(tmp_path, "a", ".png"))
    for path in tmp_path.iterdir():
        path.unlink()
    assert claim(tmp_path, "a", ".png").filename == "a_00001_.png"


def test_files_that_others_wrote_meanwhile_are_passed_over(tmp_path: Path) -> None:
    write(claim(tmp_path, "a", ".png"))
    for number in (2, 3):
        (tmp_path / f"a_{number:05}_.png").touch()
    assert claim(tmp_path, "a", ".png").filename == "a_00004_.png"


def test_a_folder_is_not_looked_through_for_each_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(claim(tmp_path, "a", ".png"))
    monkeypatch.setattr("engine.claims._highest", lambda *_: pytest.fail("it was looked through"))
    given = [claim(tmp_path, "a", ".png") for _ in range(10)]
    assert given[-1].filename == "a_00011_.png"


def test_nothing_is_there_under_the_name_before_it_is_complete(tmp_path: Path) -> None:
    given = claim(tmp_path, "a", ".png")
    with given as part:
        part.write_bytes(b"half")
        assert not given.path.exists()
    assert given.path.read_bytes() == b"half"
    assert not given.part.exists()


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    expected = StorageError if error is OSError else error

    def fail(part: Path) -> None:
        part.write_bytes(b"half")
        raise error

    with pytest.raises(expected), claim(tmp_path, "a", ".png") as part:
        fail(part)
    assert list(tmp_path.iterdir()) == []


def test_a_prefix_may_hold_folders_and_marks(tmp_path: Path) -> None:
    given = claim(tmp_path, "%year%/run\\%width%x%height%%odd%", ".png", {"width": 8, "height": 16})
    assert re.fullmatch(r"\d{4}/run", given.subfolder)
    assert given.filename == "8x16%odd%_00001_.png"
    assert claim(tmp_path, "", ".png").filename == "Safelight_00001_.png"
    assert claim(tmp_path, "sub/", ".png").subfolder == "sub"
    assert claim(tmp_path, "a", ".png").subfolder == ""


def test_marks_are_two_digits_wide() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", fill_in("%year%-%month%-%day% %hour%:%minute%:%second%", {})
    )


@pytest.mark.parametrize(
    "prefix",
    ["../a", "/etc/a", "a/../../b", "..\\a", "C:\\a", "a\0", "x" * 300, "é" * 150, "\ud800", "%mark%"],
)
def test_a_prefix_that_leads_outside_or_cannot_be_a_name_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(PathError):
        claim(tmp_path / "output", prefix, ".png", {"mark": "../../a"})
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_output_folder_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "out").symlink_to(tmp_path)
    with pytest.raises(PathError):
        claim(tmp_path / "output", "out/a", ".png")


def test_a_folder_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises((PathError, StorageError)):
        claim(tmp_path, "x" * 300 + "/a", ".png")


# Where nothing can be written.


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    with pytest.raises(StorageError, match="output"):
        claim(tmp_path / "output", "a", ".png")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk that is soon full: a file system of that size, or a limit on what a file may hold."""
    mount = shutil.which("mount")
    made = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)] if mount else []
    if made and os.geteuid() == 0 and subprocess.run(made, check=False, capture_output=True).returncode == 0:
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607
        return
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path, 64 * 1024):
        with pytest.raises(StorageError, match="cannot write"), claim(tmp_path, "a", ".bin") as part:
            part.write_bytes(KILOBYTE * 200)
        assert list(tmp_path.iterdir()) == []
        assert write(claim(tmp_path, "a", ".bin"), KILOBYTE).name == "a_00001_.bin"


def test_a_full_disk_fails_the_node_that_writes_and_no_other(bench: Bench) -> None:
    output = bench.home / "output"
    output.mkdir()
    with small_disk(output, 64 * 1024):
        graph = {"large": call("Save", text="x" * 200_000), "small": call("Save", text="x")}
        log = bench.run(graph)
        assert set(log.failed) == {"large"}
        assert "cannot write" in log.failed["large"]
        assert [path.read_text() for path in output.iterdir()] == ["x"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_folder_that_cannot_be_written_to_is_told() -> None:
    with pytest.raises(StorageError, match="cannot"):  # root may write anywhere but here
        claim(Path("/proc/self"), "a", ".png")


# Several processes.

PROCESS = """
import sys
from pathlib import Path
from engine.claims import claim
for number in range(50):
    given = claim(Path(sys.argv[1]), "shared/a", ".txt")
    with given as part:
        part.write_text(sys.argv[2])
    print(given.filename)
"""


def test_two_processes_never_get_the_same_name(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path), name],
            env=environment, stdout=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    names = [process.communicate(timeout=60)[0].split() for process in processes]
    assert len({*names[0], *names[1]}) == 100
    written = sorted((tmp_path / "shared").iterdir())
    assert len(written) == 100
    assert [path.read_text() for path in written].count("one") == 50


# The book: a job that is run again after a crash.


class Notes:
    """A book that remembers."""

    def __init__(self) -> None:
        self.paths: dict[tuple[str, int], Path] = {}

    def recall(self, node: str, index: int) -> Path | None:
        return self.paths.get((node, index))

    def record(self, node: str, index: int, path: Path) -> None:
        self.paths[node, index] = path


@pytest.fixture
def rerun(bench: Bench) -> Callable[[Notes], list[str]]:
    def run(book: Notes) -> list[str]:
        graph = {"n": call("Range", stop=2), "t": call("Named", n=["n", 0]), "s": call("Save", text=["t", 0])}
        validation = bench.engine.validate(graph)
        plan = bench.engine.plan(validation.graph, validation.outputs, "off")
        result = asyncio.run(bench.engine.run(plan, book=book))
        return [each["filename"] for each in result.shown["s"]["text"]]

    @node("Named", category="test")
    def named(*, n: int) -> str:
        return f"file {n}"

    bench.engine.registry.add(named, namespace="test")
    return run


def test_a_job_that_is_run_again_writes_over_its_own_files(
    bench: Bench, rerun: Callable[[Notes], list[str]]
) -> None:
    book = Notes()
    assert rerun(book) == ["text_00001_.txt", "text_00002_.txt"]
    assert rerun(book) == ["text_00001_.txt", "text_00002_.txt"]
    assert rerun(Notes()) == ["text_00003_.txt", "text_00004_.txt"]
    assert len(list((bench.home / "output").iterdir())) == 4
