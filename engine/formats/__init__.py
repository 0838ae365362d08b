"""Every form that a workflow comes in, made a plain graph at the entrance.

`lower(document, specs)` is the one door.  Everything behind it sees `{id: {"class_type", "inputs"}}` and
nothing else.  Texts stay as they are: choices in prompts (`{a|b}`) and names in file names
(`%Sampler.seed%`) are drawn and filled in by editors.
"""

from collections.abc import Mapping

from engine.formats.api import to_api
from engine.formats.comfyui.flattening import flatten
from engine.formats.comfyui.opening import open_file
from engine.formats.comfyui.writing import to_editor
from engine.formats.detection import is_editor_form, unwrapped
from engine.formats.document import Lowered, lower_document
from engine.problems import Problem
from engine.prompt import Document
from engine.spec import NodeSpec

__all__ = ["Lowered", "is_editor_form", "lower", "opened", "to_api", "to_editor", "translate", "unwrapped"]


def lower(document: Document, specs: Mapping[str, NodeSpec]) -> Lowered:
    """The plain graph of a document, and its named inputs and outputs.

    Raises:
        DocumentError: it is of a version that is not read, or its sub-graphs are too many.
    """
    document, problems = translate(document, specs)
    lowered = lower_document(document, specs)
    lowered.problems[:0] = problems
    return lowered


def translate(document: Document, specs: Mapping[str, NodeSpec]) -> tuple[Document, list[Problem]]:
    """A document of any form as one of ours, and what was wrong on the way.

    Raises:
        DocumentError: its sub-graphs are too many, or nested too deeply.
    """
    document = unwrapped(document)
    if is_editor_form(document):
        return flatten(document, specs)
    return document, []


def opened(document: Document, specs: Mapping[str, NodeSpec]) -> tuple[Document, list[Problem]]:
    """As `translate`, for people to go on with: places, modes, groups, notes and sub-graphs are kept.

    Raises:
        DocumentError: its sub-graphs are too many, or nested too deeply.
    """
    document = unwrapped(document)
    if is_editor_form(document):
        return open_file(document, specs)
    return document, []
