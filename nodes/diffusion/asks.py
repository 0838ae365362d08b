"""Questions to a network, put by generators that do not call it themselves.

A generator yields a list of `Ask` and is sent the answers in the same order.  Whoever drives it may
answer the asks of several generators at once: equal key, one call.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")

Steps = Generator["list[Ask]", list[Tensor], T]
"""A computation in steps: yields asks, is sent their answers, returns its result."""


@dataclass(frozen=True, eq=False)
class Ask:
    """One row for a call that may take many; asks with an equal `key` may share one `call`."""

    key: Hashable
    call: Callable[[Sequence[Any]], Sequence[Tensor]]
    row: Any


def answer(asks: Sequence[Ask]) -> list[Tensor]:
    """The answers, in order, by one call for each key."""
    groups: dict[Hashable, list[int]] = {}
    for index, ask in enumerate(asks):
        groups.setdefault(ask.key, []).append(index)
    answers: dict[int, Tensor] = {}
    for members in groups.values():
        results = asks[members[0]].call([asks[index].row for index in members])
        answers.update(zip(members, results, strict=True))
    return [answers[index] for index in range(len(asks))]


def run(steps: Steps[T]) -> T:
    """Drive one computation to its end."""
    return run_together([steps])[0]


def run_together(computations: Sequence[Steps[T]]) -> list[T]:
    """Drive several computations in step, merging what they ask."""
    results: dict[int, T] = {}
    pending: dict[int, list[Ask]] = {}

    def advance(index: int, answers: list[Tensor] | None) -> None:
        try:
            pending[index] = computations[index].send(answers)  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            results[index] = end.value
            pending.pop(index, None)

    for index in range(len(computations)):
        advance(index, None)
    while pending:
        waiting = list(pending.items())
        answers = iter(answer([ask for _, asks in waiting for ask in asks]))
        for index, asks in waiting:
            advance(index, [next(answers) for _ in asks])
    return [results[index] for index in range(len(computations))]
