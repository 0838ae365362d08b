"""What is wrong with a prompt, as ComfyUI's clients read it: `{"error", "node_errors"}`."""

from collections.abc import Mapping
from typing import Any, Final

from engine.errors import UserError
from engine.files import Files
from engine.problems import Problem
from engine.registry import Registry
from server.refusal import conceal
from server.submissions import Checked
from server.wire.object_info import node_info

#: What clients show above the details.
TITLES: Final[Mapping[str, str]] = {
    "required_input_missing": "A required input is missing",
    "bad_linked_input": "A link leads nowhere",
    "return_type_mismatch": "A link joins two types that do not fit",
    "invalid_input_type": "A value is not of the input's type",
    "value_smaller_than_min": "A value is too small",
    "value_bigger_than_max": "A value is too large",
    "value_not_in_list": "A value is not in the list",
    "custom_validation_failed": "A value was refused by the node",
    "dependency_cycle": "The graph has a cycle",
}

#: Lists longer than this are not repeated in errors.
_LONG_LIST: Final = 20


def prompt_error(kind: str, message: str, details: str = "", **extra_info: Any) -> dict[str, Any]:
    """The body for what is wrong with a prompt as a whole."""
    return {
        "error": {"type": kind, "message": message, "details": details, "extra_info": extra_info},
        "node_errors": {},
    }


def validation_error(checked: Checked, registry: Registry, files: Files) -> dict[str, Any]:
    """The body when nothing of a prompt can run."""
    errors = checked.errors
    top = next((each for each in errors if each.code == "missing_node_type"), None)
    if top is not None:
        body = prompt_error(
            "missing_node_type",
            top.message,
            f"Node ID '#{top.node}'" + (f"; {top.hint}" if top.hint else ""),
            node_id=top.node,
            class_type=top.class_type or None,
            node_title=top.title or checked.lowered.titles.get(top.node),
        )
    elif all(not each.node for each in errors):
        first = errors[0]
        body = prompt_error(first.code, conceal(first.message, files), conceal(first.hint, files))
    else:
        details = "\n".join(str(each) for each in errors)
        body = prompt_error(
            "prompt_outputs_failed_validation", "the prompt's outputs cannot run", conceal(details, files)
        )
    body["node_errors"] = node_errors(checked, registry, files)
    return body


def node_errors(checked: Checked, registry: Registry, files: Files) -> dict[str, Any]:
    """Every error under the node that it is of, with the outputs that it keeps from running."""
    by_node: dict[str, list[Problem]] = {}
    for problem in checked.errors:
        if problem.node:
            by_node.setdefault(problem.node, []).append(problem)
    if not by_node:
        return {}
    dependents = checked.dependents(by_node)
    return {
        node: {
            "errors": [_entry(problem, registry, files) for problem in problems],
            "dependent_outputs": dependents[node],
            "class_type": problems[0].class_type,
        }
        for node, problems in by_node.items()
    }


def _entry(problem: Problem, registry: Registry, files: Files) -> dict[str, Any]:
    said = problem.message + (f"; {problem.hint}" if problem.hint else "")
    extra: dict[str, Any] = dict(problem.facts)
    if problem.input:
        extra["input_name"] = problem.input
        extra["input_config"] = _config(problem, registry, files)
    return {
        "type": problem.code,
        "message": TITLES.get(problem.code) or conceal(problem.message, files),
        "details": conceal(f"{problem.input} - {said}" if problem.input else said, files),
        "extra_info": extra,
    }


def _config(problem: Problem, registry: Registry, files: Files) -> Any:
    """The declaration of the input, `[type, options]`; nothing for a long list."""
    spec = registry.specs.get(problem.class_type)
    if spec is None or problem.input not in spec.inputs:
        return None
    try:
        groups: Mapping[str, Mapping[str, Any]] = node_info(spec, files)["input"]
    except UserError:
        return None
    for group in groups.values():
        if problem.input in group:
            config = group[problem.input]
            return None if isinstance(config[0], list) and len(config[0]) > _LONG_LIST else config
    return None
