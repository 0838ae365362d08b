"""Running a graph: what is missing is demanded, and a node begins when its inputs are there.

A run starts from its plan, which has found what is cached.  Everything that must be computed is
*demanded*: at first by the plan, later by lazy inputs and expansions, always through the same door.  A
demanded node waits for nothing but its own inputs.  It then runs here and now when it is trivial, and as
a task when it takes time.  A node's failure is an outcome that travels to its consumers, so other
branches go on.  Values are let go after their last use; only the cache keeps them.

Neither the length of a chain nor its depth matters: there is no task per waiting node and no recursion.
"""

import asyncio
import traceback
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Literal, TypeGuard

from engine.cache import Entry, Slots, measure
from engine.context import Context, Host
from engine.errors import Cancelled, UserError
from engine.events import (
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeLingered,
    NodesCached,
    NodesExpanded,
    NodeShown,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from engine.flights import Asker, Flight
from engine.graph import Call
from engine.invocation import invoke, invoke_inline
from engine.node import Blocked, Expansion
from engine.parts import Parts
from engine.plan import Plan
from engine.prompt import Link
from engine.signature import Key
from engine.validation import validate

#: Nodes that run on the event loop should be faster than this.
INLINE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a node has no values.  `because` is the failed source, when the node itself never ran."""

    node: str
    message: str
    kind: str = "UserError"
    details: str = ""
    because: str = ""


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


class _SourceFailed(Exception):  # noqa: N818  # carries an outcome out of a node that pulled it
    def __init__(self, failed: Failed) -> None:
        super().__init__()
        self.failed = failed


@dataclass(eq=False)
class Run:
    """One run of one plan."""

    plan: Plan
    parts: Parts
    host: Host
    shown: dict[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    failures: list[Failed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._calls: dict[str, Call] = dict(self.plan.graph.calls)  # grows by expansion
        self._outcomes: dict[str, Outcome] = {}
        self._stored = set(self.plan.stored)
        self._pending: dict[str, int] = {}  # demanded and not begun or not settled: missing inputs
        self._consumers: defaultdict[str, list[str]] = defaultdict(list)
        self._uses: defaultdict[str, int] = defaultdict(int)
        self._ready: deque[str] = deque()
        self._pulls: dict[str, asyncio.Future[Outcome]] = {}
        self._woken = asyncio.Event()
        self._keys = self.plan.signatures.keys
        self._said: set[str] = set()

    async def __call__(self) -> Result:
        """Compute what is wanted; failures are in the result."""
        began = perf_counter()
        plan = self.plan
        self._emit(RunStarted(len(plan.graph.order), len(plan.missing)))
        self._emit(NodesCached(plan.cached))
        status: Literal["completed", "failed", "cancelled"] = "cancelled"
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start()
                await self._work()
            status = "failed" if self.failures else "completed"
        except asyncio.CancelledError:
            self.host.cancelled.set()
            raise
        finally:
            self._emit(RunFinished(status, perf_counter() - began))
        outcomes = {node: self._outcomes[node] for node in plan.wanted}
        return Result(status, outcomes, tuple(self.failures), self.shown)

    def _start(self) -> None:
        for node in self.plan.wanted:
            self._uses[node] += 1  # kept to the end
        for node, entry in self.plan.found.items():
            self._outcomes[node] = entry.slots
            self._show(node, entry.shown)
        self._demand(node for node in self.plan.graph.order if node in self._stored)
        self._demand(self.plan.missing)

    async def _work(self) -> None:
        """Begin what is ready until nothing is open, and leave the event loop its turns."""
        turn = perf_counter()
        while self._pending:
            while self._ready:
                self._begin(self._ready.popleft())
                if perf_counter() - turn > INLINE_SECONDS:
                    await asyncio.sleep(0)
                    turn = perf_counter()
            if self._pending:
                self._woken.clear()
                try:
                    await self._woken.wait()
                except asyncio.CancelledError:
                    self.host.cancelled.set()  # before the group cancels the tasks: threads look at it
                    raise
                turn = perf_counter()

    # Demand: which nodes are to be computed, and when they can begin.

    def _demand(self, nodes: Iterable[str]) -> None:
        """Have nodes computed; sources come before their consumers."""
        for node in nodes:
            if node in self._pending or node in self._outcomes:
                continue
            call = self._calls[node]
            missing = 0
            if node not in self._stored:
                for link in call.links.values():
                    self._uses[link.node] += 1
                for link in call.eager_links:
                    if link.node not in self._outcomes:
                        self._consumers[link.node].append(node)
                        missing += 1
            self._pending[node] = missing
            if not missing:
                self._ready.append(node)

    def _want(self, node: str) -> None:
        """Demand a node that the plan left out, with whatever it needs and nobody has."""
        order: list[str] = []
        stack: list[tuple[str, bool]] = [(node, False)]
        seen: set[str] = set()
        while stack:
            each, expanded = stack.pop()
            if expanded:
                order.append(each)
                continue
            if each in seen or each in self._outcomes or each in self._pending:
                continue
            seen.add(each)
            if self.plan.mode == "use":
                if (entry := self.parts.memory.get(self._keys[each])) is not None:
                    self._outcomes[each] = entry.slots
                    self._show(each, entry.shown)
                    continue
                if each not in self._stored and self.parts.disk and self.parts.disk.has(self._keys[each]):
                    self._stored.add(each)
            stack.append((each, True))
            if each not in self._stored:
                stack += [(link.node, False) for link in self._calls[each].eager_links]
        self._demand(order)

    async def _pull(self, node: str) -> Outcome:
        """A node's outcome, for a node that is running and has found that it needs it."""
        self._want(node)
        if node in self._outcomes:
            return self._outcomes[node]
        if node not in self._pulls:
            self._pulls[node] = asyncio.get_running_loop().create_future()
        self._woken.set()
        return await self._pulls[node]

    def _settle(self, node: str, outcome: Outcome) -> None:
        """A node is done: its consumers may begin, and its own inputs may go."""
        self._outcomes[node] = outcome
        del self._pending[node]
        for consumer in self._consumers.pop(node, ()):
            self._pending[consumer] -= 1
            if not self._pending[consumer]:
                self._ready.append(consumer)
        for link in self._calls[node].links.values():
            self._release(link.node)
        if (pull := self._pulls.pop(node, None)) is not None and not pull.done():
            pull.set_result(outcome)
        self._woken.set()

    def _release(self, node: str) -> None:
        self._uses[node] -= 1
        if not self._uses[node] and not isinstance(self._outcomes.get(node), Failed):
            self._outcomes.pop(node, None)

    # Beginning a node whose inputs are there.

    def _begin(self, node: str) -> None:
        call = self._calls[node]
        if node in self._stored:
            self._group.create_task(self._restore(call))
            return
        values: dict[str, Sequence[Any]] = {}
        for name, link in call.links.items():
            if name in call.spec.lazy_inputs:
                continue
            outcome = self._outcomes[link.node]
            if isinstance(outcome, Failed):
                because = outcome.because or outcome.node
                self._settle(node, Failed(node, outcome.message, outcome.kind, because=because))
                return
            values[name] = outcome[link.output]
        spec = call.spec
        if spec.lane == "inline" and not spec.is_async and not spec.lazy_inputs:
            self._compute_inline(call, values)
        else:
            self._group.create_task(self._compute(call, values))

    def _compute_inline(self, call: Call, values: Mapping[str, Sequence[Any]]) -> None:
        """Run a trivial node without a task: the usual case, and worth being quick about."""
        start = perf_counter()
        self._emit(NodeStarted(call.id, call.spec.class_type))
        contexts: list[Context] = []
        try:
            result = invoke_inline(call, values, self._contexts(call, self.host, contexts))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a node may raise anything
            self._settle(call.id, self._fail(call, error))
            return
        seconds = perf_counter() - start
        if seconds > INLINE_SECONDS and call.spec.class_type not in self.parts.lingered:
            self.parts.lingered.add(call.spec.class_type)
            self._emit(NodeLingered(call.id, call.spec.class_type, seconds))
        if isinstance(result, Expansion):
            self._group.create_task(self._take_in(call, [result], start))
            return
        entry = self._entry(call, result, contexts, seconds)
        self.parts.keep(self._keys[call.id], call.spec, entry, self.plan.mode)
        self._finish(call, entry, start)

    async def _compute(self, call: Call, values: Mapping[str, Sequence[Any]]) -> None:
        """Run a node that takes time: once in the whole engine, however many runs ask for it."""
        start = perf_counter()
        self._emit(NodeStarted(call.id, call.spec.class_type))
        key = self._keys[call.id]

        async def compute(flight: Flight[Entry | Failed | list[Expansion | Slots]]) -> Any:
            if self.plan.mode == "use" and (entry := self.parts.memory.get(key)) is not None:
                return entry
            host = replace(self.host, emit=flight.emit, cancelled=flight.cancelled)
            return await self._invoke(call, values, host, key)

        reused = False
        if call.spec.lazy_inputs:  # it pulls from this run, so no other may wait for it
            result = await self._invoke(call, values, self.host, key)
        else:
            result, reused = await self.parts.flights.join(key, Asker(call.id, self._emit), compute)
        if isinstance(result, Failed):
            failed = replace(result, node=call.id)
            self._report(call, failed)
            self._settle(call.id, failed)
        elif isinstance(result, Entry):
            self._finish(call, result, start, reused=reused)
        else:
            await self._take_in(call, result, start)

    async def _invoke(
        self, call: Call, values: Mapping[str, Sequence[Any]], host: Host, key: Key
    ) -> Entry | Failed | list[Expansion | Slots]:
        start = perf_counter()
        contexts: list[Context] = []

        async def pull(name: str) -> Sequence[Any]:
            link = call.links[name]
            outcome = await self._pull(link.node)
            if isinstance(outcome, Failed):
                raise _SourceFailed(outcome)
            return outcome[link.output]

        async def run(lane: str, function: Callable[[], Any]) -> Any:
            return await self.parts.lanes.run(lane, function, host.cancelled.set)

        try:
            result = await invoke(call, values, self._contexts(call, host, contexts), run, pull)
        except _SourceFailed as source:
            failed = source.failed
            return Failed(call.id, failed.message, failed.kind, because=failed.because or failed.node)
        except Cancelled as error:
            if host.cancelled.is_set():
                raise asyncio.CancelledError from error
            return Failed(call.id, "the node stopped by itself")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a node may raise anything
            return failure(call.id, error)
        if isinstance(result, list):
            return result
        entry = self._entry(call, result, contexts, perf_counter() - start)
        self.parts.keep(key, call.spec, entry, self.plan.mode)
        return entry

    async def _restore(self, call: Call) -> None:
        """Read a result from disk; when it turns out to be torn, compute it after all."""
        assert self.parts.disk is not None
        key, disk = self._keys[call.id], self.parts.disk
        entry = await self.parts.lanes.run("io", lambda: disk.get(key, call.spec), lambda: None)
        self._stored.discard(call.id)
        if entry is None:
            del self._pending[call.id]
            self._want(call.id)
            self._woken.set()
            return
        self.parts.memory.put(key, entry)
        self._show(call.id, entry.shown)
        for link in call.links.values():
            self._uses[link.node] += 1  # `_settle` releases what a demanded node holds
        self._settle(call.id, entry.slots)

    # Expansions: a sub-graph in the place of a node.

    async def _take_in(self, call: Call, parts: Sequence[Expansion | Slots], start: float) -> None:
        """Run the sub-graphs that a node gave, and take their outputs as the node's own."""
        slots: list[list[Any]] = [[] for _ in call.spec.outputs]
        outcome: Outcome
        for number, part in enumerate(parts):
            if isinstance(part, Expansion):
                outcome = await self._expand(call, part, f"{call.id}.{number}.")
            else:
                outcome = part
            if isinstance(outcome, Failed):
                self._settle(call.id, outcome)
                return
            for slot, values in zip(slots, outcome, strict=True):
                slot.extend(values)
        entry = self._entry(call, tuple(slots), [], perf_counter() - start)
        self.parts.keep(self._keys[call.id], call.spec, entry, self.plan.mode)
        self._finish(call, entry, start)

    async def _expand(self, call: Call, expansion: Expansion, prefix: str) -> Outcome:
        inner = {
            prefix + node: _renamed(raw, expansion.graph, prefix) for node, raw in expansion.graph.items()
        }
        found = validate(inner, self.parts.registry, self.host.files, targets=list(inner), outer=self._calls)
        if found.errors:
            said = "; ".join(str(problem) for problem in found.errors[:5])
            failed = Failed(call.id, f"its expansion is no sound graph: {said}")
            self._report(call, failed)
            return failed
        if len(expansion.outputs) != len(call.spec.outputs):
            count = f"{len(expansion.outputs)} outputs, not {len(call.spec.outputs)}"
            failed = Failed(call.id, f"its expansion gave {count}")
            self._report(call, failed)
            return failed
        self._calls |= found.graph.calls
        for node in found.graph.order:
            self.plan.signatures.sign(self._calls[node])
        self._emit(NodesExpanded(call.id, tuple(found.graph.order)))
        slots: list[Sequence[Any]] = []
        for value in expansion.outputs:
            link = _link(value, expansion.graph, prefix)
            if link is None:
                slots.append([value])
                continue
            self._uses[link.node] += 1
            outcome = await self._pull(link.node)
            self._release(link.node)
            if isinstance(outcome, Failed):
                return Failed(call.id, outcome.message, outcome.kind, because=outcome.because or outcome.node)
            slots.append(outcome[link.output])
        for node in found.graph.outputs:  # an output node inside runs for its own sake
            await self._pull(node)
        return tuple(slots)

    # What others learn of it.

    def _entry(self, call: Call, slots: Slots, contexts: Sequence[Context], seconds: float) -> Entry:
        shown: dict[str, list[Any]] = {}
        files: list[str] = []
        for context in contexts:
            for kind, items in context.shown.items():
                shown.setdefault(kind, []).extend(items)
            files += [str(claim.path) for claim in context.written]
        return Entry(slots, shown, tuple(files), seconds, measure(call.spec, slots))

    def _finish(self, call: Call, entry: Entry, start: float, *, reused: bool = False) -> None:
        self._show(call.id, entry.shown)
        for slot in entry.slots:
            for value in slot:
                if type(value) is Blocked and value.message and call.spec.outputs:
                    self._block(call.id, value)
        self._emit(NodeFinished(call.id, start, reused))
        self._settle(call.id, entry.slots)

    def _block(self, node: str, blocked: Blocked) -> None:
        if blocked.message and blocked.message not in self._said:
            self._said.add(blocked.message)
            self._emit(NodeBlocked(node, blocked.message))

    def _show(self, node: str, shown: Mapping[str, Sequence[Any]]) -> None:
        if shown:
            self.shown[node] = shown
            self._emit(NodeShown(node, shown))

    def _fail(self, call: Call, error: BaseException) -> Failed:
        failed = failure(call.id, error)
        self._report(call, failed)
        return failed

    def _report(self, call: Call, failed: Failed) -> None:
        if not failed.because:
            self.failures.append(failed)
            self._emit(NodeFailed(call.id, call.spec.class_type, failed.message, failed.kind, failed.details))

    def _contexts(self, call: Call, host: Host, made: list[Context]) -> Callable[[], Context]:
        def make() -> Context:
            made.append(Context(host, call.id, call.links, sum(len(each.written) for each in made)))
            return made[-1]

        return make

    def _emit(self, event: Event) -> None:
        self.host.emit(event)


def failure(node: str, error: BaseException) -> Failed:
    """An exception of a node as an outcome; a user's mistake is its message alone."""
    if isinstance(error, UserError | ValueError) and str(error):
        message = str(error)
    elif isinstance(error, MemoryError):
        message = "out of memory; use smaller sizes or batches"
    else:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    details = "".join(traceback.format_exception(error))
    return Failed(node, message, type(error).__name__, details)


def _renamed(raw: Mapping[str, Any], inner: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A node of an expansion under its full id, its links too."""
    inputs = raw.get("inputs", {})
    full = {
        name: [prefix + value[0], value[1]] if _is_inner(value, inner) else value
        for name, value in inputs.items()
    }
    return {**raw, "inputs": full}


def _is_inner(value: Any, inner: Mapping[str, Any]) -> TypeGuard[list[Any]]:
    return type(value) is list and len(value) == 2 and isinstance(value[0], str) and value[0] in inner


def _link(value: Any, inner: Mapping[str, Any], prefix: str) -> Link | None:
    if _is_inner(value, inner):
        return Link(prefix + value[0], value[1])
    if type(value) is list and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
        return Link(value[0], value[1])
    return None
