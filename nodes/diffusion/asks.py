"""Questions to a network, put by generators that do not call it themselves.

A generator yields a list of `Ask` and is sent the answers in the same order.  Whoever drives it may
answer the asks of several generators at once: equal key, one call.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

T = TypeVar("T")

Steps = Generator["Sequence[Ask]", Sequence[Any], T]
"""A computation in steps: yields asks, is sent their answers, returns its result."""


@dataclass(frozen=True, eq=False)
class Ask:
    """One row for a call that may take many; asks with an equal `key` may share one `call`.

    `size` is how many items of a batch the row stands for; `alone` says why it must not share a call.
    """

    key: Hashable
    call: Callable[[Sequence[Any]], Sequence[Any]]
    row: Any
    size: int = 1
    alone: str = ""


class Key(NamedTuple):
    """What has to be equal for asks to share a call; its fields are what timelines name when it is not."""

    model: Hashable
    size: Hashable
    kind: Hashable = None


def answer(asks: Sequence[Ask]) -> list[Any]:
    """The answers, in order, by one call for each key."""
    groups: dict[Hashable, list[int]] = {}
    for index, ask in enumerate(asks):
        groups.setdefault(ask.key, []).append(index)
    answers: dict[int, Tensor] = {}
    for members in groups.values():
        results = asks[members[0]].call([asks[index].row for index in members])
        answers.update(zip(members, results, strict=True))
    return [answers[index] for index in range(len(asks))]


def plainly(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Ask]:
    """Asks that a function answers, each by itself."""
    return lambda row: Ask(object(), lambda rows: [function(each) for each in rows], row)


def run(steps: Steps[T]) -> T:
    """Drive one computation to its end.  It hears of what its calls raise."""
    try:
        asks = next(steps)
        while True:
            try:
                answers = answer(asks)
            except Exception as error:  # noqa: BLE001  # the computation decides
                asks = steps.throw(error)
            else:
                asks = steps.send(answers)
    except StopIteration as end:
        result: T = end.value
        return result


def run_together(computations: Sequence[Steps[T]]) -> list[T]:
    """Drive several computations in step, merging what they ask."""
    results: dict[int, T] = {}
    pending: dict[int, Sequence[Ask]] = {}

    def advance(index: int, answers: list[Any] | None) -> None:
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
