"""One attempt at a job, on the engine's loop: from what was written down to how it ended."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.claims import Claim, claim, storage_error
from engine.engine import Engine
from engine.errors import UserError
from engine.events import Event, NodeFailed, NodeFinished, NodesCached, NodesExpanded, NodeShown
from engine.files import make_folder
from engine.outcomes import Result
from engine.timeline import Timeline
from server import logs
from server.refusal import conceal
from server.store import jobs as table
from server.store.database import Database
from server.store.jobs import End, Job, Request, State

log: Final = logging.getLogger("safelight.jobs")


@dataclass(frozen=True)
class JobBook:
    """The claims of one job, in the database: run again, it writes over its own files."""

    database: Database
    job: int
    known: frozenset[tuple[str, int]]

    def recall(self, node: str, index: int) -> Path | None:
        if (node, index) not in self.known:
            return None
        # Asked again: an attempt that failed lets its names go, and another job may have one now.
        path = self.database.write_now(partial(table.recall, seq=self.job, node=node, number=index))
        return Path(path) if path is not None else None

    def record(self, node: str, index: int, path: Path) -> None:
        self.database.write_now(partial(table.record, seq=self.job, node=node, number=index, path=str(path)))


@dataclass
class Attempt:
    """See the module."""

    engine: Engine
    database: Database
    job: Job
    request: Request
    emit: Callable[[Event], None]
    metadata: bool = True
    timeline: Timeline = field(default_factory=Timeline)

    def __post_init__(self) -> None:
        self._cached: tuple[str, ...] = ()
        self._shown: dict[str, Mapping[str, Sequence[Any]]] = {}
        self._failures: list[dict[str, Any]] = []
        self._executed: list[str] = []
        self._parents: dict[str, str] = {}

    async def __call__(self) -> End:
        """Run the job to its end, whatever that is."""
        logs.job.set(self.job.id)
        try:
            return await self._run()
        except asyncio.CancelledError:
            return self._end(State.CANCELLED)
        except Exception as error:
            log.exception("job %s: a mistake in Safelight", self.job.id)
            self._fail("", "", f"a mistake in Safelight: {error}", "Bug")
            return self._end(State.FAILED)

    async def _run(self) -> End:
        graph = json.loads(self.request.graph)
        validation = self.engine.validate(graph, self.request.wanted, self.request.titles, lenient=True)
        for problem in validation.errors:  # the world has changed since the job was accepted
            self._fail(problem.node, problem.class_type, str(problem), problem.code)
        plan = self.engine.plan(validation.graph, validation.outputs, self.job.cache)
        self.timeline.why = plan.why
        book = JobBook(self.database, self.job.seq, self.request.claims)
        texts = {"prompt": self.request.graph, **self.request.texts} if self.metadata else {}
        result = await self.engine.run(
            plan,
            emit=self._listen,
            metadata=texts,
            book=book,
        )
        results = await self._results(result, book)
        return self._end(State.FAILED if self._failures else State.COMPLETED, results)

    def _listen(self, event: Event) -> None:
        self.timeline.listen(event)
        match event:
            case NodeFinished():
                self._executed.append(event.node)
            case NodeShown():
                self._shown[event.node] = event.shown
            case NodesCached():
                self._cached = event.nodes
            case NodesExpanded():
                self._parents |= dict.fromkeys(event.nodes, event.node)
            case NodeFailed():
                self._fail(event.node, event.class_type, event.message, event.kind)
                if event.details:
                    log.error("job %s: node %s failed\n%s", self.job.id, event.node, event.details)
        self.emit(event)

    def _fail(self, node: str, class_type: str, message: str, kind: str) -> None:
        self._failures.append(
            {
                "node": node,
                "class_type": class_type,
                "message": conceal(message, self.engine.files),
                "kind": kind,
                "executed": list(self._executed[-1000:]),
            }
        )

    def _end(self, state: State, results: Mapping[str, Any] | None = None) -> End:
        return End(
            state,
            outputs=self._shown,
            cached=self._cached,
            failures=self._failures,
            results=results or {},
            meta={node: self._meta(node) for node in self._shown},
            timeline=self.timeline.chrome_trace(),
        )

    def _meta(self, node: str) -> dict[str, Any]:
        return {
            "node_id": node,
            "display_node": display_node(node, self._parents),
            "parent_node": self._parents.get(node),
            "real_node_id": node,
        }

    # Named outputs.

    async def _results(self, result: Result, book: JobBook) -> dict[str, list[Any]]:
        """What the workflow's named outputs are: files, texts and numbers; pictures become files."""
        found = {}
        for name, (node, output) in self.request.results.items():
            if output is None:
                items = [item for kind in self._shown.get(node, {}).values() for item in kind]
                found[name] = items
            elif isinstance(slots := result.outcomes.get(node), tuple) and output < len(slots):
                write = partial(self._values, name, slots[output], book)
                try:
                    found[name] = await self.engine.parts.lanes.run("cpu", write)
                except UserError as error:
                    self._fail(node, "", f"the output {name!r}: {error}", type(error).__name__)
        return found

    def _values(self, name: str, values: Sequence[Any], book: JobBook) -> list[Any]:
        items: list[Any] = []
        for value in values:
            if value is None or isinstance(value, str | int | float | bool):
                items.append(value)
                continue
            pictures = self.engine.registry.hooks.as_images(value)
            if not pictures:
                items.append(f"<{type(value).__name__}>")
            for picture in pictures:
                items.append(self._write(name, len(items), picture, book))
        return items

    def _write(self, name: str, index: int, picture: Any, book: JobBook) -> dict[str, str]:
        node = f"output {name}"
        temp = self.engine.files.temp
        known = book.recall(node, index)
        if known is not None and known.is_relative_to(temp):
            make_folder(known.parent)
            taken = Claim(temp, known)
        else:
            taken = claim(temp, "result", ".png")
        book.record(node, index, taken.path)
        try:
            with taken as part:
                picture.save(part, "PNG")
        except OSError as error:
            raise storage_error(taken.path, error) from error
        return {"filename": taken.filename, "subfolder": taken.subfolder, "type": "temp"}


def display_node(node: str, parents: Mapping[str, str]) -> str:
    """The node that people see for one that an expansion made: the outermost one."""
    while node in parents:
        node = parents[node]
    return node
