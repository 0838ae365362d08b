"""Workflows from Python: `safelight.load("file.json").run(prompt="a red circle")` gives pictures."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from engine.engine import Engine
from engine.errors import UserError
from engine.events import Event
from engine.formats import translate
from engine.formats.document import KEY
from engine.outcomes import Result
from engine.plan import CacheMode
from engine.prompt import Document, as_document
from server.commands.common import find_workflow
from server.commands.run import run
from server.session import make_home, open_engine, read_document, read_workflow, written_files

if TYPE_CHECKING:
    from PIL.Image import Image


class WorkflowError(UserError):
    """A workflow that is not sound, or that failed; the message says everything that is wrong."""


class Pictures(list["Image"]):
    """The pictures of a run, and what else came of it."""

    #: The files that were written.
    files: list[Path]
    #: The workflow's named outputs: the files of an output node, or the value of another's output.
    outputs: dict[str, Any]


@dataclass
class Workflow:
    """A workflow that can be called.  Keep it: models stay loaded, and nothing is computed twice."""

    document: Document
    engine: Engine = field(repr=False)
    closed: bool = False

    @property
    def inputs(self) -> list[str]:
        """The names that `run` takes."""
        document, _ = translate(self.document, self.engine.registry.specs)
        about = document.get(KEY, {})
        return list(about.get("inputs", {})) if isinstance(about, dict) else []

    def run(
        self,
        *,
        cache: CacheMode = "use",
        listen: Callable[[Event], None] = lambda _event: None,
        **values: Any,
    ) -> Pictures:
        """Run it with these values of its named inputs.

        Raises:
            WorkflowError: something is wrong with it, or a node failed.
        """
        if self.closed:
            raise WorkflowError("this workflow is closed; load it again")
        if cache not in get_args(CacheMode):
            raise WorkflowError(f"cache={cache!r}: choose one of {', '.join(get_args(CacheMode))}")
        workflow = read_workflow(self.engine, self.document, values)
        if workflow.errors:
            raise WorkflowError("\n".join(map(str, workflow.errors)))
        make_home(self.engine.files)
        result = run(self.engine, workflow, cache, listen)
        if result.failures:
            raise WorkflowError("\n".join(f"node {each.node}: {each.message}" for each in result.failures))
        return self._pictures(result, workflow.lowered.outputs)

    def _pictures(self, result: Result, outputs: Mapping[str, Any]) -> Pictures:
        from PIL import Image

        pictures = Pictures()
        pictures.files = [
            path for shown in result.shown.values() for path in written_files(self.engine.files, shown)
        ]
        pictures.outputs = {}
        for path in pictures.files:
            if path.suffix == ".png":
                with Image.open(path) as image:
                    pictures.append(image.copy())
        for name, output in outputs.items():
            if output.output is None:
                pictures.outputs[name] = written_files(self.engine.files, result.shown.get(output.node, {}))
                continue
            values: Sequence[Any] = result.values(output.node)[output.output]
            pictures.outputs[name] = values[0] if len(values) == 1 else list(values)
            for value in values:
                pictures.extend(self.engine.registry.hooks.as_images(value))
        return pictures

    def close(self) -> None:
        """Let go of models and threads, and finish what is being written."""
        self.closed = True
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    home: str | os.PathLike[str] | None = None,
    models: Sequence[str | os.PathLike[str]] = (),
    output: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Workflow:
    """A workflow from a JSON file, from a picture that carries one, or as a mapping.

    Raises:
        UserError: it is not there, or is no workflow.
    """
    engine = open_engine(
        Path(home) if home is not None else None,
        [Path(each) for each in models],
        Path(output) if output is not None else None,
        device,
    )
    if isinstance(source, Mapping):
        return Workflow(as_document(dict(source)), engine)
    return Workflow(read_document(find_workflow(Path(source)), engine.registry), engine)
