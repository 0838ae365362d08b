"""Who may import whom, and what is not loaded until it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

#: What takes seconds to import, or belongs to a layer above.
HEAVY: Final = ("torch", "diffusers", "transformers", "torchsde")
#: The one door by which nodes enter the engine.
DOOR: Final = "engine.node"


def modules(package: str) -> list[Path]:
    found = sorted(path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)
    assert found, f"{package} has no modules"
    return found


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at whatever depth, with the line: `a.b` for `from a import b` too."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(each, ast.Import):
            yield from ((each.lineno, alias.name) for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            above = package[: len(package) - each.level + 1] if each.level else ()
            base = ".".join((*above, each.module)) if each.module else ".".join(above)
            yield each.lineno, base
            if base in {"engine", "nodes", "server"}:  # `from engine import types` names a module
                yield from ((each.lineno, f"{base}.{alias.name}") for alias in each.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def strangers(paths: list[Path], *forbidden: str, but: tuple[str, ...] = ()) -> list[str]:
    """Imports of what is forbidden, as `file:line: module`."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in paths
        for line, module in imported(path)
        if any(within(module, each) for each in forbidden) and not any(within(module, each) for each in but)
    ]


def test_the_engine_knows_neither_nodes_nor_server_nor_what_computes_or_serves() -> None:
    assert strangers(modules("engine"), "nodes", "server", "aiohttp", *HEAVY) == []


def test_the_numerics_know_neither_the_engine_nor_the_nodes() -> None:
    paths = modules("nodes/diffusion")
    assert strangers(paths, "engine", "server", "nodes", but=("nodes.diffusion",)) == []


def test_nodes_enter_the_engine_by_one_door() -> None:
    assert strangers(modules("nodes"), "engine", but=(DOOR,)) == []


def test_nodes_know_no_server() -> None:
    assert strangers(modules("nodes"), "server", "aiohttp") == []


def test_the_server_finds_nodes_by_name() -> None:
    paths = [path for path in modules("server") if "module" not in path.relative_to(ROOT).parts]
    assert strangers(paths, "nodes", *HEAVY) == []


def test_only_tests_take_the_benches_of_tests() -> None:
    paths = [path for path in (*modules("engine"), *modules("server")) if path.name != "testing.py"]
    assert strangers(paths, "engine.testing", "pytest", "hypothesis") == []


@pytest.mark.parametrize("package", ["engine", "nodes", "server"])
def test_every_package_says_what_it_is_for(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(package)
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


# What is loaded, and when.

IMPORTS = """
import importlib, pkgutil, sys
import {package}
for each in pkgutil.iter_modules({package}.__path__, "{package}."):
    if not each.ispkg or each.name == "engine.cache" or each.name == "engine.formats":
        importlib.import_module(each.name)
print([name for name in {heavy!r} if name in sys.modules])
"""

BUILTIN = """
import sys
from engine.registry import Registry
registry = Registry()
registry.load_builtin("nodes")
assert registry.specs and not registry.broken, registry.broken
print([name for name in {heavy!r} if name in sys.modules])
"""


def loaded(script: str, heavy: tuple[str, ...]) -> str:
    """Which heavy modules a new interpreter has after a script."""
    done = subprocess.run(
        [sys.executable, "-c", script.format(heavy=heavy, package="engine")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_whole_engine_loads_nothing_heavy() -> None:
    assert loaded(IMPORTS, (*HEAVY, "aiohttp", "nodes", "server")) == "[]"


def test_listing_the_built_in_nodes_loads_nothing_heavy() -> None:
    assert loaded(BUILTIN, (*HEAVY, "aiohttp", "server")) == "[]"
