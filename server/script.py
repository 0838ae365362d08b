"""A workflow as a Python script that runs it, with its named inputs as arguments."""

import json
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from pprint import pformat
from typing import Any, Final

from engine.formats import lower
from engine.prompt import Document
from engine.spec import NodeSpec
from server.v1.library import title_of

#: Arguments of `run` that are no inputs.
_TAKEN: Final = frozenset({"self", "cache", "listen"})


def script_of(document: Document, specs: Mapping[str, NodeSpec]) -> str:
    """The script.

    Raises:
        DocumentError: the document is of a version that is not read, or its sub-graphs are too many.
    """
    title, text = title_of(document)
    about = " ".join((title or "A workflow of Safelight").split())
    lowered = lower(document, specs)
    values = {
        name: raw.get("inputs", {}).get(parameter.input)
        for name, parameter in lowered.inputs.items()
        if isinstance(raw := lowered.graph.get(parameter.node), dict)
    }
    given = {name: value for name, value in values.items() if value is not None and not _is_list(value)}
    workflow = pformat(document, indent=1, width=100, sort_dicts=False)
    return _SCRIPT.format(
        about=json.dumps(f"{about}{': ' if text else ''}{' '.join(text.split())}", ensure_ascii=False),
        workflow=workflow,
        arguments=f"\n{arguments}            " if (arguments := "".join(_arguments(given))) else "",
    )


def _arguments(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name.isidentifier() and not iskeyword(name) and name not in _TAKEN:
            yield f"                {name}={value!r},\n"
    rest = {
        name: value
        for name, value in given.items()
        if name not in _TAKEN and (not name.isidentifier() or iskeyword(name))
    }
    if rest:
        yield f"                **{rest!r},\n"


def _is_list(value: Any) -> bool:
    """Whether it is a link, or the wrapping of a list: nothing that is given by hand."""
    return isinstance(value, list) or (isinstance(value, dict) and "__value__" in value)


_SCRIPT: Final = """{about}

import sys

import safelight

WORKFLOW = {workflow}


def main() -> int:
    try:
        with safelight.load(WORKFLOW) as workflow:
            result = workflow.run({arguments})
    except safelight.WorkflowError as error:
        print(error, file=sys.stderr)
        return 1
    for path in result.files:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
"""
