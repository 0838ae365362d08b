"""From a document that a client sent to a job that can be accepted, or all that is wrong with it."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.engine import Engine
from engine.errors import DocumentError
from engine.formats import Lowered, lower
from engine.formats.document import KEY, with_inputs
from engine.graph import reachable
from engine.problems import Problem
from engine.prompt import Document, is_link
from engine.validation import Validation
from server.config import Settings
from server.limits import check_limits

#: Values of `extra_data` that are nobody's business: they are not kept.
SECRETS: Final = frozenset({"auth_token_comfy_org", "api_key_comfy_org"})


@dataclass(frozen=True)
class Checked:
    """A document, lowered and checked."""

    document: Document
    lowered: Lowered
    validation: Validation
    wanted: tuple[str, ...]

    @property
    def problems(self) -> list[Problem]:
        return [*self.lowered.problems, *self.validation.problems]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def results(self) -> dict[str, tuple[str, int | None]]:
        return {name: (result.node, result.output) for name, result in self.lowered.outputs.items()}

    def dependents(self, nodes: Iterable[str]) -> dict[str, list[str]]:
        """For each node, the wanted outputs that need it."""
        sources = {
            node: [str(value[0]) for value in _inputs(raw).values() if is_link(value) and value]
            for node, raw in self.lowered.graph.items()
        }
        known = {node: [each for each in links if each in sources] for node, links in sources.items()}
        found: dict[str, list[str]] = {node: [] for node in nodes}
        for output in self.wanted:
            if output in known:
                needs = reachable([output], known)
                for node, outputs in found.items():
                    if node in needs:
                        outputs.append(output)
        return found


def check(
    engine: Engine,
    settings: Settings,
    document: Any,
    *,
    values: Mapping[str, Any] | None = None,
    targets: Iterable[str] | None = None,
    lenient: bool = False,
) -> Checked:
    """Put values into a document of any form, lower it, and check it.  Takes its time: not on the loop.

    Raises:
        Refusal: it is larger or deeper than the server takes.
        UserError: a value names no input, or it is no workflow.
    """
    if not isinstance(document, dict):
        raise DocumentError('a workflow must be an object of nodes, {"id": {"class_type": …}}')
    check_limits(document, settings)
    specs = engine.registry.specs
    if values:
        document = with_inputs(document, values, specs)
    lowered = lower(document, specs)
    check_limits(lowered.graph, settings)  # sub-graphs multiply
    wanted = tuple(targets) if targets is not None else _wanted(engine, lowered)
    validation = engine.validate(
        lowered.graph, wanted if targets is not None or wanted else None, lowered.titles, lenient=lenient
    )
    return Checked(document, lowered, validation, wanted)


def _wanted(engine: Engine, lowered: Lowered) -> tuple[str, ...]:
    """The output nodes, and the nodes whose values are named outputs."""
    specs = engine.registry.specs
    ends = [
        node
        for node, raw in lowered.graph.items()
        if (spec := specs.get(str(_mapping(raw).get("class_type")))) is not None and spec.output_node
    ]
    named = [result.node for result in lowered.outputs.values() if result.output is not None]
    return tuple(dict.fromkeys([*ends, *named]))


def texts(checked: Checked, extra: Mapping[str, Any]) -> dict[str, str]:
    """What written pictures carry beside the plain graph: what the client gave, and our own document.

    Raises:
        DocumentError: it holds what JSON cannot.
    """
    given = _mapping(extra.get("extra_pnginfo"))
    try:
        found = {str(name): json.dumps(value) for name, value in given.items() if name != "prompt"}
        document = checked.document
        if KEY in document or any("_meta" in _mapping(raw) for raw in document.values()):
            found["safelight"] = json.dumps(document)
        elif isinstance(document.get("nodes"), list):
            found.setdefault("workflow", json.dumps(document))
    except RecursionError:
        raise DocumentError("the workflow is nested too deeply") from None
    return found


def without_secrets(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name not in SECRETS}


def new_id() -> str:
    return str(uuid.uuid4())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _inputs(raw: Any) -> Mapping[str, Any]:
    return _mapping(_mapping(raw).get("inputs"))
