"""Names from outside are resolved inside their root, or refused."""

from pathlib import Path

import pytest

from engine.errors import PathError, StorageError
from engine.files import Files, inside, make_folder

BAD = [
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "..",
    "a/..",
    "..\\secret",
    "a\\..\\..\\secret",
    "C:\\Windows\\win.ini",
    "c:secret",
    "\\\\server\\share\\file",
    "//server/share/file",
    "a\0b",
    "",
    ".",
    "\ud800",
    "/",
]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path / "home")
    (files.input / "sub").mkdir(parents=True)
    (files.input / "a.png").touch()
    (files.input / "sub" / "b.png").touch()
    (tmp_path / "home" / "secret").touch()
    (tmp_path / "secret").touch()
    return files


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leaves_its_folder_is_refused(files: Files, name: str) -> None:
    with pytest.raises(PathError):
        files.resolve(name)
    with pytest.raises(PathError):
        inside(files.output, name)
    with pytest.raises(PathError):
        files.models.find("checkpoints", name)


@pytest.mark.parametrize("length", [300, 5_000, 100_000])
def test_a_name_that_is_too_long_is_not_there_and_makes_no_long_message(files: Files, length: int) -> None:
    for name in ("x" * length, "y/" * (length // 2) + "z"):
        with pytest.raises(PathError) as caught:
            files.resolve(name)
        assert len(str(caught.value)) < 1000
        with pytest.raises(PathError) as caught:
            files.models.find("checkpoints", name)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["a.png", "./a.png", "sub/../a.png", "sub\\b.png", "sub//b.png"])
def test_a_name_inside_is_resolved_with_either_separator(files: Files, name: str) -> None:
    if ".." in name:
        with pytest.raises(PathError):  # no name needs it
            files.resolve(name)
    else:
        assert files.resolve(name).is_file()


def test_a_folder_is_no_file_and_what_is_missing_is_named(files: Files) -> None:
    with pytest.raises(PathError, match="no file 'sub' in the input folder"):
        files.resolve("sub")
    with pytest.raises(PathError, match=r"no file 'c\.png'"):
        files.resolve("c.png")


def test_a_link_that_leads_outside_is_refused_and_one_that_stays_is_followed(files: Files) -> None:
    (files.input / "out").symlink_to(files.home.parent)
    (files.input / "file").symlink_to(files.home / "secret")
    (files.input / "in").symlink_to(files.input / "sub")
    (files.input / "loop").symlink_to(files.input / "loop")
    for name in ("out/secret", "file", "loop", "loop/x"):
        with pytest.raises(PathError):
            files.resolve(name)
    assert files.resolve("in/b.png").is_file()


def test_a_root_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "input").mkdir(parents=True)
    (tmp_path / "real" / "input" / "a.png").touch()
    (tmp_path / "home").symlink_to(tmp_path / "real")
    assert Files(tmp_path / "home").resolve("a.png").is_file()


def test_a_name_may_say_its_root(files: Files) -> None:
    for root in (files.output, files.temp):
        root.mkdir()
        (root / "x.png").write_text(root.name)
    assert files.resolve("x.png [output]").read_text() == "output"
    assert files.resolve("x.png[temp]").read_text() == "temp"
    assert files.resolve("a.png [input]", "output").is_file()
    with pytest.raises(PathError):
        files.resolve("../secret [output]")


def test_names_are_listed_deep_without_hidden_ones(files: Files) -> None:
    (files.input / ".hidden").mkdir()
    (files.input / ".hidden" / "c.png").touch()
    (files.input / ".part").touch()
    (files.input / "B.TXT").touch()
    assert files.names() == ["a.png", "B.TXT", "sub/b.png"]
    assert files.names(suffixes=frozenset({".txt"})) == ["B.TXT"]
    assert Files(files.home / "nowhere").names() == []


def test_the_output_folder_can_be_elsewhere(tmp_path: Path) -> None:
    files = Files(tmp_path, output=tmp_path / "pictures")
    assert files.root("output") == tmp_path / "pictures"
    assert Files(tmp_path).root("output") == tmp_path / "output"


def test_a_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make folder"):
        make_folder(tmp_path / "file" / "sub")
    with pytest.raises(StorageError, match="cannot make folder"):
        make_folder(tmp_path / "file")
