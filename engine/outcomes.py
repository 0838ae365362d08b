"""How calls and runs end: values, a failure as a value, or sub-graphs that are still to run."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.cache import Entry, Slots, measure
from engine.context import Context
from engine.errors import UserError
from engine.invocation import join
from engine.spec import Expansion, NodeSpec


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a node has no values.  `because` is the failed source, when the node itself never ran."""

    node: str
    message: str
    kind: str = "UserError"
    details: str = ""
    because: str = ""

    def at(self, consumer: str) -> "Failed":
        """The same failure, where it keeps a consumer from running."""
        return Failed(consumer, self.message, self.kind, because=self.because or self.node)


Outcome = Slots | Failed


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    status: Literal["completed", "failed"]
    outcomes: Mapping[str, Outcome]
    failures: tuple[Failed, ...]
    shown: Mapping[str, Mapping[str, Sequence[Any]]]

    def values(self, node: str) -> Slots:
        """The values of a wanted node.

        Raises:
            UserError: it failed.
        """
        outcome = self.outcomes[node]
        if isinstance(outcome, Failed):
            raise UserError(f"node {node}: {outcome.message}")
        return outcome


class SourceFailed(Exception):  # noqa: N818  # carries an outcome out of a node that pulled it
    def __init__(self, failed: Failed) -> None:
        super().__init__()
        self.failed = failed


@dataclass(frozen=True, slots=True)
class Unexpanded:
    """What a node's calls gave, when there are sub-graphs among it."""

    parts: Sequence[Expansion | Slots]
    contexts: Sequence[Context]


Made = Entry | Failed | Unexpanded


def failure(node: str, error: BaseException) -> Failed:
    """An exception of a node as an outcome; a user's mistake is its message alone."""
    if isinstance(error, UserError | ValueError | MemoryError) and str(error):
        message = str(error)
    elif isinstance(error, MemoryError):
        message = "not enough memory; use smaller sizes or batches"
    else:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    details = "".join(traceback.format_exception(error))
    return Failed(node, message, type(error).__name__, details)


def made_of(
    spec: NodeSpec, parts: Sequence[Expansion | Slots], contexts: Sequence[Context], seconds: float
) -> Entry | Unexpanded:
    slots = [part for part in parts if not isinstance(part, Expansion)]
    if len(slots) < len(parts):
        return Unexpanded(parts, contexts)
    return entry_of(spec, join(spec, slots), contexts, seconds)


def entry_of(spec: NodeSpec, slots: Slots, contexts: Sequence[Context], seconds: float) -> Entry:
    shown: dict[str, list[Any]] = {}
    files: list[str] = []
    for context in contexts:
        for kind, items in context.shown.items():
            shown.setdefault(kind, []).extend(items)
        files += [str(claim.path) for claim in context.written]
    exact = all(context.exact for context in contexts)
    return Entry(slots, shown, tuple(files), seconds, measure(spec, slots), exact)
