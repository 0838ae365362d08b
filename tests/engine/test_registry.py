"""Node packs: found, loaded, and reported when they are broken."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import add, text

from engine.node import node
from engine.registry import Registry

PACK = """
from engine.node import node

@node("{name}", category="test")
def f(*, a: int = {default}) -> int:
    return a
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("safelight_pack_"):
            del sys.modules[name]


def write(folder: Path, name: str, content: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def loaded(folder: Path) -> Registry:
    registry = Registry()
    registry.load_folder(folder)
    return registry


def pack(name: str = "Hello", default: int = 1) -> str:
    return PACK.format(name=name, default=default)


def test_each_file_and_each_folder_is_a_pack(tmp_path: Path) -> None:
    write(tmp_path, "one.py", pack("One"))
    write(tmp_path, "two/__init__.py", pack("Two"))
    write(tmp_path, "no/readme.txt", "")
    write(tmp_path, "_private.py", "raise ValueError")
    write(tmp_path, ".hidden.py", "raise ValueError")
    write(tmp_path, "off.py.disabled", "raise ValueError")
    write(tmp_path, "off.disabled/__init__.py", "raise ValueError")
    registry = loaded(tmp_path)
    assert set(registry.specs) == {"One", "Two"}
    assert registry.broken == []


def test_a_folder_that_is_not_there_has_no_packs(tmp_path: Path) -> None:
    assert loaded(tmp_path / "nowhere").specs == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("def (", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit"),
        ("1 / 0", "ZeroDivisionError"),
        (
            "from engine.node import node\n@node('X', category='')\ndef f(*, a): return a",
            "`a` has no type",
        ),
    ],
)
def test_a_broken_pack_is_reported_and_the_others_load(tmp_path: Path, content: str, reason: str) -> None:
    write(tmp_path, "a_broken.py", content)
    write(tmp_path, "b_good.py", pack("Good"))
    registry = loaded(tmp_path)
    assert "Good" in registry
    [broken] = registry.broken
    assert broken.name == "a_broken.py"
    assert reason in broken.reason
    assert "safelight_pack_a_broken" not in sys.modules


def test_a_name_that_is_taken_stays_with_who_came_first_and_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "a.py", pack(default=1))
    write(tmp_path, "b.py", pack(default=2))
    registry = loaded(tmp_path)
    assert registry["Hello"].inputs["a"].default == 1
    [broken] = registry.broken
    assert broken.name.startswith("b@")
    assert "Hello is hidden by the one of a@" in broken.reason


def test_an_edit_of_a_pack_is_another_namespace(tmp_path: Path) -> None:
    write(tmp_path, "p/__init__.py", "NAMESPACE = 'mine'\n" + pack())
    write(tmp_path, "p/helper.py", "x = 1")
    first, again = loaded(tmp_path)["Hello"].namespace, loaded(tmp_path)["Hello"].namespace
    write(tmp_path, "p/helper.py", "x = 2")
    edited = loaded(tmp_path)["Hello"].namespace
    assert first.startswith("mine@")
    assert first == again != edited


def test_nodes_that_a_pack_only_imports_are_not_its_own(tmp_path: Path) -> None:
    write(tmp_path, "p.py", "from toys import add\n" + pack())
    assert set(loaded(tmp_path).specs) == {"Hello"}


def test_a_folder_pack_may_name_modules_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "p/__init__.py", "MODULES = ['.more', '.broken']\n")
    write(tmp_path, "p/more.py", pack("More"))
    write(tmp_path, "p/broken.py", "1 / 0")
    registry = loaded(tmp_path)
    assert set(registry.specs) == {"More"}
    assert [broken.name for broken in registry.broken] == [".broken"]


def test_a_pack_may_bring_models(tmp_path: Path) -> None:
    write(
        tmp_path, "p.py", f"from pathlib import Path\nMODELS = {{'vae': {{'tiny': Path({str(tmp_path)!r})}}}}"
    )
    registry = loaded(tmp_path)
    assert registry.models == {"vae": {"tiny": tmp_path}}


def test_a_folder_pack_does_not_change_what_the_built_in_one_says(tmp_path: Path) -> None:
    write(tmp_path, "p.py", "def profile(device):\n    return 'hijacked'\n" + pack())
    assert loaded(tmp_path).hooks.profile("cpu") == "cpu"


def test_nodes_can_be_added_by_hand() -> None:
    registry = Registry()
    registry.add(add, text, namespace="toys")
    assert registry["Add"].namespace == "toys"
    assert add.spec.namespace == ""  # the node itself is as it was
    assert "Nope" not in registry


def test_a_module_that_is_not_there_is_reported() -> None:
    registry = Registry()
    registry.load_builtin("no_such_module_anywhere")
    assert [broken.name for broken in registry.broken] == ["no_such_module_anywhere"]


def test_two_nodes_of_one_name_in_one_pack_are_reported() -> None:
    @node("Twin", category="test")
    def one() -> int:
        return 1

    @node("Twin", category="test")
    def two() -> int:
        return 2

    registry = Registry()
    registry.add(one, two, namespace="test")
    assert registry["Twin"].function() == 1
    assert len(registry.broken) == 1
