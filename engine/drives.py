"""A generator on its way through a device lane: what it asks, what it was answered, who waits."""

import asyncio
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from engine.turns import Account

T = TypeVar("T")


class Ask(Protocol):
    """One question: `call([row, ...])` answers all rows of equal `key` in one go.

    It may also say its `size`, how many items its row stands for (1), and why it must be asked `alone`.
    """

    @property
    def key(self) -> Hashable: ...
    @property
    def call(self) -> Callable[[Sequence[Any]], Sequence[Any]]: ...
    @property
    def row(self) -> Any: ...


Steps = Generator[Sequence[Ask], Sequence[Any], T]

#: What stands in the place of an answer that is not there yet.
OPEN: Final = object()


def size(ask: Ask) -> int:
    return max(1, int(getattr(ask, "size", 1)))


def alone(ask: Ask) -> str:
    """Why an ask must not share a call; nothing when it may."""
    return str(getattr(ask, "alone", ""))


@dataclass(eq=False, slots=True)
class Story:
    """What became of a generator's asks: how many calls answered them, and how many others had asks there."""

    calls: int = 0
    shared: int = 0
    most: int = 1
    apart: dict[str, None] = field(default_factory=dict)
    retried: int = 0

    @property
    def exact(self) -> bool:
        """Whether everything was answered as if nobody else were there."""
        return not self.shared

    def __str__(self) -> str:
        parts = [f"{self.calls} calls"]
        if self.shared:
            parts.append(f"{self.shared} of them shared by up to {self.most}")
        if self.retried:
            parts.append(f"{self.retried} made again after a failure")
        if self.apart:
            parts.append("apart from others: " + ", ".join(self.apart))
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Single:
    """The ask of a plain call: a key of its own."""

    call: Callable[[Sequence[Any]], Sequence[Any]]
    row: Any = None
    key: Hashable = field(default_factory=object)
    alone: str = "a plain call"


def just(function: Callable[[], T]) -> Steps[T]:
    answer = yield [Single(lambda _rows: [function()])]
    value: T = answer[0]
    return value


@dataclass(eq=False, slots=True)
class Drive:
    """See the module."""

    steps: Steps[Any]
    loop: asyncio.AbstractEventLoop
    end: asyncio.Future[Any]
    account: Account
    story: Story
    asks: Sequence[Ask] = ()
    answers: list[Any] = field(default_factory=list)
    failure: BaseException | None = None
    cancelled: bool = False

    @property
    def open(self) -> list[int]:
        """The asks that wait for an answer; none once one of them has failed."""
        if self.failure is not None:
            return []
        return [index for index, answer in enumerate(self.answers) if answer is OPEN]

    def asks_answered(self) -> bool:
        """Whether it can go on: with all its answers, or with a failure."""
        return self.failure is not None or not self.open

    def begin(self) -> bool:
        """Go to the first asks; False when there are none."""
        return self._advance(lambda: self.steps.send(None))  # type: ignore[arg-type]  # a new generator takes None

    def go_on(self) -> bool:
        """Send what was answered; True when there are new asks, False when the generator came to its end."""
        answers, failure, self.failure = self.answers, self.failure, None
        if failure is not None:
            return self._advance(lambda: self.steps.throw(failure))
        return self._advance(lambda: self.steps.send(answers))

    def _advance(self, move: Callable[[], Sequence[Ask]]) -> bool:
        try:
            self.asks = list(move())
        except StopIteration as end:
            self.settle(end.value)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # it ends this generator and no other
            self.settle(error=error)
            return False
        self.answers = [OPEN] * len(self.asks)
        return True

    def dropped(self) -> bool:
        """Close a generator that nobody waits for any more."""
        if not self.cancelled:
            return False
        try:
            self.steps.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the waiter decides
            self.settle(error=error)
        else:
            self.settle()
        return True

    def settle(self, result: Any = None, error: BaseException | None = None) -> None:
        def tell() -> None:
            if self.end.done():
                return
            if error is not None:
                self.end.set_exception(carried(error))
            else:
                self.end.set_result(result)

        with suppress(RuntimeError):  # the waiting loop is closed: nobody is left to tell
            self.loop.call_soon_threadsafe(tell)


async def to_the_end(end: asyncio.Future[T], on_cancel: Callable[[], object]) -> T:
    """Await work that a thread does; when cancelled, say so and wait until the thread has noticed."""
    try:
        return await asyncio.shield(end)
    except asyncio.CancelledError:
        on_cancel()
        while not end.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({end})
        if not end.cancelled():
            end.exception()  # looked at, so that asyncio does not warn: the canceller does not want it
        raise


def carried(error: BaseException) -> Exception:
    """An error in a form that a future can carry: an exit would end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a function raised {error!r}")
    wrapped.__cause__ = error
    return wrapped
