"""Flags that commands share, and how problems are told."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from engine.engine import Engine
from engine.errors import UserError
from engine.problems import Problem
from server.session import WORKFLOWS, Workflow, open_engine, read_document, read_workflow

#: Exit codes; the README lists them.
OK: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130


def add_home(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where things are")
    group.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="models/, input/, output/, packs/ and all state (~/safelight)",
    )
    group.add_argument(
        "--models", type=Path, action="append", default=[], metavar="DIR",
        help="a models folder, of ComfyUI or A1111 too; may be repeated",
    )  # fmt: skip


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def add_workflow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a workflow: JSON, or a picture that carries one")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", dest="values",
        help='named inputs: prompt="a red circle" seed=3; or any input as node.input=value',
    )  # fmt: skip
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:1, mps (default: the best there is)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where pictures go (default: HOME/output)")


def engine_for(arguments: argparse.Namespace, *, disk: bool = True) -> Engine:
    return open_engine(
        arguments.home,
        arguments.models,
        getattr(arguments, "output", None),
        getattr(arguments, "device", "auto"),
        disk=disk,
    )


def workflow_for(arguments: argparse.Namespace, engine: Engine) -> Workflow:
    """Read the file that was named, with the values that were set; say which packs are not there."""
    if not arguments.json:
        for pack in engine.registry.broken:
            print(f"warning: pack {pack.name}: {pack.reason}", file=sys.stderr)
    document = read_document(find_workflow(arguments.file), engine.registry)
    return read_workflow(engine, document, parse_values(arguments.values))


def find_workflow(path: Path) -> Path:
    """The file itself, or one of the workflows that come with Safelight, named as they are in a clone."""
    if not path.exists() and not path.is_absolute():
        for candidate in (WORKFLOWS.parent / path, WORKFLOWS / path, WORKFLOWS / f"{path}.json"):
            if candidate.is_file() and candidate.resolve().is_relative_to(WORKFLOWS.resolve()):
                return candidate
    return path


def parse_values(pairs: Iterable[str]) -> dict[str, str]:
    """`name=value` texts as a mapping.

    Raises:
        UserError: one has no `=`.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set {pair!r}: write NAME=VALUE, for example seed=3")
        values[name] = value
    return values


def tell(problems: Sequence[Problem]) -> None:
    """Problems for a person, on standard error."""
    for problem in problems:
        mark = "error" if problem.severity == "error" else "warning"
        print(f"{mark}: {problem}", file=sys.stderr)


def as_json(problem: Problem) -> dict[str, Any]:
    return {
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "path": list(problem.path),
        "node": problem.node,
        "input": problem.input,
        "class_type": problem.class_type,
        "title": problem.title,
    }


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))
