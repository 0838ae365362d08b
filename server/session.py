"""An engine on a home, with every pack loaded: what the command line, scripts and the server share."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.engine import Engine
from engine.errors import DocumentError
from engine.files import Files, default_home, make_folder
from engine.formats import Lowered, lower, translate
from engine.formats.document import KEY, with_inputs
from engine.problems import Problem
from engine.prompt import Document, as_document, read_json
from engine.registry import Registry
from engine.validation import Validation

#: The built-in pack, found by its name: nothing here imports it.
BUILTIN: Final = "nodes"

#: Workflows lie beside the packages, in a clone and when installed.
WORKFLOWS: Final = Path(__file__).parent.parent / "workflows"


@dataclass(frozen=True)
class Workflow:
    """A workflow that was read and lowered, and what is wrong with it."""

    document: Document
    lowered: Lowered
    validation: Validation
    texts: Mapping[str, str]

    @property
    def problems(self) -> list[Problem]:
        return [*self.lowered.problems, *self.validation.problems]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def open_engine(
    home: Path | None = None,
    models: Iterable[Path] = (),
    output: Path | None = None,
    device: str = "auto",
    *,
    disk: bool = True,
    merge: bool = False,
) -> Engine:
    """An engine with all packs of a home.

    Raises:
        UserError: a folder that was named is not there, or the home cannot be made.
    """
    files = Files(home or default_home(), output or Path(), examples=WORKFLOWS / "input")
    for root in models:
        files.models.add_root(root.expanduser().absolute())
    registry = Registry()
    registry.load_builtin(BUILTIN)
    registry.load_entry_points()
    registry.load_folder(files.packs)
    registry.contribute_models(files.models)
    return Engine.open(registry, files, device=device, disk=disk, merge=merge)


def make_home(files: Files) -> None:
    """The folders of a home that a person will look for.

    Raises:
        StorageError: they cannot be made.
    """
    kept = files.state / "cache"
    for folder in (files.input, files.output, files.temp, files.packs, files.home / "models", kept):
        make_folder(folder)


def read_document(path: Path, registry: Registry) -> Document:
    """A workflow from a JSON file, or from a picture that carries one.

    Raises:
        DocumentError: there is none in it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DocumentError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DocumentError(f"{path}: is a folder, not a workflow") from None
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror or error}") from None
    if content[:1] in {b"\x89", b"\xff", b"R"}:  # PNG, JPEG, RIFF
        return _from_picture(path, registry)
    return as_document(read_json(content, str(path)), str(path))


def _from_picture(path: Path, registry: Registry) -> Document:
    texts = registry.hooks.read_workflow(path)
    found = [texts[name] for name in ("safelight", "prompt", "workflow") if name in texts]
    if not found:
        raise DocumentError(f"{path}: this picture carries no workflow")
    return as_document(read_json(found[0], f"the workflow in {path}"), f"the workflow in {path}")


def read_workflow(engine: Engine, document: Document, values: Mapping[str, Any] | None = None) -> Workflow:
    """Put values into a document, lower it, and check it.

    Raises:
        UserError: a value names no input, or the document's form is not read.
    """
    specs = engine.registry.specs
    document, problems = translate(document, specs)
    document = with_inputs(document, values or {}, specs)
    lowered = lower(document, specs)
    lowered.problems[:0] = problems
    extra = [result.node for result in lowered.outputs.values() if result.output is not None]
    targets = None
    if extra:  # beside the output nodes, the nodes whose values are named
        ends = [node for node, raw in lowered.graph.items() if _is_output(engine, raw)]
        targets = dict.fromkeys([*ends, *extra])
    validation = engine.validate(lowered.graph, targets, lowered.titles)
    return Workflow(document, lowered, validation, _texts(document, lowered))


def _is_output(engine: Engine, raw: Any) -> bool:
    spec = engine.registry.specs.get(str(raw.get("class_type"))) if isinstance(raw, dict) else None
    return spec is not None and spec.output_node


def _texts(document: Document, lowered: Lowered) -> dict[str, str]:
    """What written pictures carry: the plain graph, and our document when it says more.

    Raises:
        DocumentError: it holds what JSON cannot, as a mapping made in Python may.
    """
    try:
        texts = {"prompt": json.dumps(lowered.graph)}
        if KEY in document or any(isinstance(raw, dict) and "_meta" in raw for raw in document.values()):
            texts["safelight"] = json.dumps(document)
    except (TypeError, ValueError) as error:
        raise DocumentError(f"the workflow holds a value that JSON cannot: {error}") from None
    except RecursionError:
        raise DocumentError("the workflow is nested too deeply") from None
    return texts


def written_files(files: Files, shown: Mapping[str, Any]) -> list[Path]:
    """The files that an output node showed, as paths."""
    found = []
    for items in shown.values():
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("filename"), str):
                root = files.root(item.get("type", "output"))
                found.append(root / item.get("subfolder", "") / item["filename"])
    return found
