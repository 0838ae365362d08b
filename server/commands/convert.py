"""`safelight convert`: a workflow in another form."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.errors import DocumentError, StorageError
from engine.formats import is_editor_form, lower, to_api, to_editor, translate, unwrapped
from engine.problems import Problem
from engine.prompt import Document
from server.commands.common import (
    OK,
    REFUSED,
    add_home,
    add_json,
    as_json,
    engine_for,
    find_workflow,
    print_json,
    tell,
)
from server.session import read_document


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser(
        "convert",
        help="write a workflow in another form",
        description="Print a workflow as ComfyUI takes it: the graph of its API, or a file of its editor.  "
        "Exit codes: 0 done, 2 not.",
    )
    parser.add_argument("file", type=Path, help="a workflow: JSON, or a picture that carries one")
    parser.add_argument("-o", "--out", type=Path, help="a file to write")
    parser.add_argument("--form", choices=("api", "editor"), default="api", help="api (default) or editor")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    with engine_for(arguments, disk=False) as engine:
        document = read_document(find_workflow(arguments.file), engine.registry)
        converted, problems = convert(document, engine, arguments.form)
    if not arguments.json:
        tell(problems)
    refused = any(problem.severity == "error" for problem in problems)
    if not refused and arguments.out is not None:
        write(arguments.out, converted)
    if arguments.json:
        shown = {"workflow": converted} if arguments.out is None and not refused else {}
        print_json({"problems": [as_json(problem) for problem in problems], **shown})
    elif not refused and arguments.out is None:
        print_json(converted)
    elif not refused:
        print(arguments.out, file=sys.stderr)
    return REFUSED if refused else OK


def convert(document: Document, engine: Engine, form: str) -> tuple[dict[str, Any], list[Problem]]:
    """A document in the form of this name, and what is wrong with it."""
    specs = engine.registry.specs
    lowered = lower(document, specs)
    if form == "api":
        return to_api(lowered, specs), lowered.problems
    document = unwrapped(document)
    if is_editor_form(document):  # with everything that it says
        return document, lowered.problems
    return to_editor(translate(document, specs)[0], specs), lowered.problems


def write(path: Path, converted: dict[str, Any]) -> None:
    """Write a workflow to a file.

    Raises:
        StorageError: it cannot be written.
        DocumentError: it holds what no file can.
    """
    try:
        text = json.dumps(converted, indent=2)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: cannot be written: {error}") from None
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None
