"""Sub-graphs in the place of a node: from what the node gave to calls that can be demanded."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import UserError
from engine.files import Files
from engine.graph import Call, Graph
from engine.prompt import Link, is_link
from engine.registry import Registry
from engine.spec import Expansion, NodeSpec
from engine.validation import validate

#: For each output of the expanded node: where its values come from, or the values themselves.
Outputs = list[Link | Sequence[Any]]


def expanded(
    call: Call, expansion: Expansion, number: int, outer: Mapping[str, Call], registry: Registry, files: Files
) -> tuple[Graph, Outputs]:
    """The sound graph of a call's expansion number `number`, and where the call's outputs come from.

    `outer` is what the graph may link to outside itself.  Inner nodes get the ids `call.number.inner`.

    Raises:
        UserError: it is no sound graph.
    """
    prefix = f"{call.id}.{number}."
    graph = {prefix + node: _renamed(raw, expansion.graph, prefix) for node, raw in expansion.graph.items()}
    found = validate(graph, registry, files, targets=graph, outer=outer)
    try:
        if graph and found.errors:
            raise UserError("; ".join(str(problem) for problem in found.errors[:5]))
        outputs = _outputs(call.spec, expansion, prefix, {**outer, **found.graph.calls})
    except UserError as error:
        raise UserError(f"its expansion is no sound graph: {error}") from error
    return found.graph, outputs


def _renamed(raw: Any, inner: Mapping[str, Any], prefix: str) -> Any:
    """A node of an expansion with the full ids in its links; what is no node is left to validation."""
    if not isinstance(raw, Mapping) or not isinstance(inputs := raw.get("inputs", {}), Mapping):
        return raw
    return {**raw, "inputs": {name: _full(value, inner, prefix) for name, value in inputs.items()}}


def _full(value: Any, inner: Mapping[str, Any], prefix: str) -> Any:
    if is_link(value) and len(value) == 2 and isinstance(value[0], str) and value[0] in inner:
        return [prefix + value[0], value[1]]
    return value


def _outputs(
    spec: NodeSpec, expansion: Expansion, prefix: str, calls: Mapping[str, Call]
) -> list[Link | Sequence[Any]]:
    """For each output of an expanded node where its values come from, or the values themselves.

    Raises:
        UserError: there are too many or too few, or one leads nowhere.
    """
    if len(expansion.outputs) != len(spec.outputs):
        raise UserError(f"it gave {len(expansion.outputs)} outputs, not {len(spec.outputs)}")
    outputs: list[Link | Sequence[Any]] = []
    for output, value in zip(spec.outputs, expansion.outputs, strict=True):
        match value:
            case [str(), int(index)] if is_link(value):
                node, _ = _full(value, expansion.graph, prefix)
                source = calls.get(node)
                if source is None or isinstance(index, bool) or not 0 <= index < len(source.spec.outputs):
                    raise UserError(f"its output {value} leads nowhere")
                outputs.append(Link(node, index))
            case list() | tuple() if output.is_list:
                outputs.append(value)
            case _:
                outputs.append([value])
    return outputs
