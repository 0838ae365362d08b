"""Running a graph: what is missing is demanded, and a node begins when its inputs are there.

A run starts from its plan, which has found what is cached.  Everything that must be computed is
*demanded*: at first by the plan, later by lazy inputs and expansions, always through the same door.  A
demanded node waits for nothing but its own inputs.  It then runs here and now when it is trivial, and as
a task when it takes time.  A node's failure is an outcome that travels to its consumers, so other
branches go on.  Values are let go after their last use; only the cache keeps them.

Neither the length of a chain nor its depth matters: there is no task per waiting node and no recursion.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Literal

from engine.cache import Entry, Slots
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
from engine.expansion import expanded
from engine.flights import Asker, Flight
from engine.graph import Call
from engine.invocation import invoke, invoke_inline, join
from engine.outcomes import (
    Failed,
    Made,
    Outcome,
    Result,
    SourceFailed,
    Unexpanded,
    entry_of,
    failure,
    made_of,
)
from engine.parts import Parts
from engine.plan import Plan
from engine.prompt import Link
from engine.spec import Blocked, Expansion

#: Nodes that run on the event loop should be faster than this.
INLINE_SECONDS = 0.005


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
        self._uncacheable = self.plan.signatures.uncacheable
        self._inexact: set[str] = set()  # what they gave comes of calls that were shared with other jobs
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
                try:
                    self._start()
                    await self._work()
                except asyncio.CancelledError:
                    self.host.cancelled.set()  # before the group cancels the tasks: threads look at it
                    raise
            status = "failed" if self.failures else "completed"
        finally:
            self._emit(RunFinished(status, perf_counter() - began))
        outcomes = {node: self._outcomes[node] for node in plan.wanted}
        return Result(status, outcomes, tuple(self.failures), self.shown)

    def _start(self) -> None:
        for node in self.plan.wanted:
            self._uses[node] += 1  # kept to the end
        for node, entry in self.plan.found.items():
            self._found(node, entry)
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
                await self._woken.wait()
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
                    self._found(each, entry)
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
        # Shielded: others may wait for it too, and a node may give up waiting.
        return await asyncio.shield(self._pulls[node])

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
                self._settle(node, outcome.at(node))
                return
            values[name] = outcome[link.output]
        spec = call.spec
        if self.plan.mode == "use" and (entry := self.parts.memory.get(self._keys[node])) is not None:
            self._emit(NodeStarted(node, spec.class_type))  # an equal call has ended since the plan was made
            self._finish(call, entry, perf_counter(), reused=True)
            return
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
            parts = invoke_inline(call, values, self._contexts(call, self.host, contexts))
            seconds = perf_counter() - start
            made = made_of(call.spec, parts, contexts, seconds)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a node may raise anything
            self._settle(call.id, self._fail(call, error))
            return
        if seconds > INLINE_SECONDS and call.spec.class_type not in self.parts.lingered:
            self.parts.lingered.add(call.spec.class_type)
            self._emit(NodeLingered(call.id, call.spec.class_type, seconds))
        if isinstance(made, Unexpanded):
            self._group.create_task(self._take_in(call, made, start))
            return
        self._finish(call, self._keep(call, made), start)

    async def _compute(self, call: Call, values: Mapping[str, Sequence[Any]]) -> None:
        """Run a node that takes time: once in the whole engine, however many runs ask for it."""
        start = perf_counter()
        self._emit(NodeStarted(call.id, call.spec.class_type))

        async def compute(flight: Flight[Made]) -> Made:
            host = replace(self.host, emit=flight.emit, cancelled=flight.cancelled)
            return await self._invoke(call, values, host)

        made: Made
        reused = False
        if call.spec.lazy_inputs:  # it pulls from this run, so no other may wait for it
            made = await self._invoke(call, values, self.host)
        else:
            asker = Asker(call.id, self._emit)
            made, reused = await self.parts.flights.join(self._keys[call.id], asker, compute)
        if reused and isinstance(made, Unexpanded):  # its links lead into the graph of another run
            made = await self._invoke(call, values, self.host)
        if isinstance(made, Failed):
            failed = replace(made, node=call.id)
            self._report(call, failed)
            self._settle(call.id, failed)
        elif isinstance(made, Entry):
            self._finish(call, made, start, reused=reused)
        else:
            await self._take_in(call, made, start)

    async def _invoke(self, call: Call, values: Mapping[str, Sequence[Any]], host: Host) -> Made:
        start = perf_counter()
        contexts: list[Context] = []

        async def pull(name: str) -> Sequence[Any]:
            link = call.links[name]
            outcome = await self._pull(link.node)
            if isinstance(outcome, Failed):
                raise SourceFailed(outcome)
            return outcome[link.output]

        try:
            context = self._contexts(call, host, contexts)
            parts = await invoke(call, values, context, self.parts.lanes.run, pull)
            made = made_of(call.spec, parts, contexts, perf_counter() - start)
        except SourceFailed as source:
            return source.failed.at(call.id)
        except (Cancelled, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if host.cancelled.is_set() or (task is not None and task.cancelling()):
                raise asyncio.CancelledError from error
            return Failed(call.id, "the node stopped by itself")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a node may raise anything
            return failure(call.id, error)
        return self._keep(call, made) if isinstance(made, Entry) else made

    async def _restore(self, call: Call) -> None:
        """Read a result from disk; when it turns out to be torn, compute it after all."""
        assert self.parts.disk is not None
        key, disk = self._keys[call.id], self.parts.disk
        entry = await self.parts.lanes.run("io", lambda: disk.get(key, call.spec))
        entry = entry or self.parts.memory.get(key)  # an equal call may have ended meanwhile
        self._stored.discard(call.id)
        if entry is None:
            del self._pending[call.id]
            self._want(call.id)
            self._woken.set()
            return
        self.parts.memory.put(key, entry)
        self._tell(call.id, entry)
        for link in call.links.values():
            self._uses[link.node] += 1  # `_settle` releases what a demanded node holds
        self._settle(call.id, entry.slots)

    # Expansions: a sub-graph in the place of a node.

    async def _take_in(self, call: Call, made: Unexpanded, start: float) -> None:
        """Run the sub-graphs that a node gave, and take their outputs as the node's own."""
        parts: list[Slots] = []
        for number, part in enumerate(made.parts):
            outcome: Outcome
            if isinstance(part, Expansion):
                outcome = await self._expand(call, part, number)
            else:
                outcome = part
            if isinstance(outcome, Failed):
                self._settle(call.id, outcome)
                return
            parts.append(outcome)
        entry = entry_of(call.spec, join(call.spec, parts), made.contexts, perf_counter() - start)
        self._finish(call, self._keep(call, entry), start)

    async def _expand(self, call: Call, expansion: Expansion, number: int) -> Outcome:
        # Only what the node itself is linked to: whatever else is linked to might wait for the node.
        outer = {link.node: self._calls[link.node] for link in call.links.values()}
        try:
            graph, outputs = expanded(call, expansion, number, outer, self.parts.registry, self.host.files)
        except UserError as error:
            return self._fail(call, error)
        self._calls |= graph.calls
        for node in graph.order:
            self.plan.signatures.sign(self._calls[node])
        self._emit(NodesExpanded(call.id, tuple(graph.order)))
        # An output node inside runs for its own sake.
        wanted = [each.node for each in outputs if isinstance(each, Link)] + list(graph.outputs)
        for node in wanted:
            self._uses[node] += 1
            self._want(node)
        outcomes = {node: await self._pull(node) for node in wanted}
        for node in wanted:
            self._release(node)
        if any(node in self._uncacheable for node in graph.order):
            self._uncacheable[call.id] = "its expansion cannot be cached"
        if not self._inexact.isdisjoint(graph.order):
            self._inexact.add(call.id)
        slots: list[Sequence[Any]] = []
        for each in outputs:
            if isinstance(each, Link):
                outcome = outcomes[each.node]
                if isinstance(outcome, Failed):
                    return outcome.at(call.id)
                slots.append(outcome[each.output])
            else:
                slots.append(each)
        return tuple(slots)

    # What others learn of it.

    def _keep(self, call: Call, entry: Entry) -> Entry:
        """Put a result where it will be found again, if its key can be made again; gives what was put."""
        if self._inexact and entry.exact:
            inexact = call.id in self._inexact or any(
                link.node in self._inexact for link in call.links.values()
            )
            entry = replace(entry, exact=not inexact)
        self.parts.durations.note(call.spec.class_type, entry.seconds)
        for link in call.links.values():
            if link.node in self._uncacheable:
                self._uncacheable.setdefault(call.id, f"its input {link.node} cannot be cached")
        if self.plan.mode != "off" and call.id not in self._uncacheable:
            self.parts.keep(self._keys[call.id], call.spec, entry)
        return entry

    def _found(self, node: str, entry: Entry) -> None:
        """A result was there already."""
        self._outcomes[node] = entry.slots
        self._tell(node, entry)

    def _tell(self, node: str, entry: Entry) -> None:
        if not entry.exact:
            self._inexact.add(node)
        self._show(node, entry.shown)

    def _finish(self, call: Call, entry: Entry, start: float, *, reused: bool = False) -> None:
        self._tell(call.id, entry)
        for slot in entry.slots:
            for value in slot:
                if type(value) is Blocked and value.message and call.spec.outputs:
                    self._block(call.id, value)
        self._emit(NodeFinished(call.id, start, reused, entry.nbytes))
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
