"""Jobs: accepted when they are written, run in their order, and never lost.

This is the one place that changes a job's state.  It keeps the line of pending jobs in memory (their
graphs stay in the database), hands jobs to the engine's thread, and tells listeners what happens.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeVar

from engine.engine import Engine
from engine.errors import StorageError
from engine.events import Event, NodeFinished
from server.attempt import Attempt
from server.config import Settings
from server.line import Line, Room
from server.refusal import Refusal, conceal
from server.runner import Mailbox, Runner, Work
from server.store import jobs as table
from server.store.database import Database
from server.store.jobs import End, Job, State, Submission

log: Final = logging.getLogger("safelight.jobs")

T = TypeVar("T")

_PAUSED: Final = "paused"

#: How long a job that was told to stop may take to notice when the server ends.
_NOTICE_SECONDS: Final = 2.0


class Listener(Protocol):
    """Who wants to know; called on the server's loop, and must be quick."""

    def changed(self, job: Job, end: End | None) -> None:
        """A job has come to a state, and that is written; `end` comes with an attempt's end."""

    def happened(self, job: Job, event: Event) -> None:
        """Something happened in a running job."""


@dataclass(eq=False)
class Running:
    """A job on its way."""

    job: Job
    begun: "asyncio.Future[tuple[Job, table.Request] | None]"
    work: Work[End] | None = None
    stop: Literal["", "cancelled", "drained"] = ""
    progressed: bool = False
    over: bool = False  # its end is with the database

    def cancel(self, why: Literal["cancelled", "drained"]) -> bool:
        """Have it stop; False when it is over anyway."""
        if self.over:
            return False
        self.stop = self.stop or why
        if self.work is not None:
            self.work.cancel()
        return True


@dataclass
class Jobs:
    """See the module."""

    database: Database
    engine: Engine
    settings: Settings
    runner: Runner
    listeners: list[Listener] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = Line()
        self.paused = False
        self._running: dict[int, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: defaultdict[str, list[asyncio.Future[Job | None]]] = defaultdict(list)
        self._counter = 0
        self._draining = False
        self._mailbox: Mailbox | None = None

    async def start(self) -> None:
        """Take up what was left: pending jobs wait again, running ones too."""
        self._mailbox = Mailbox(self._happened, asyncio.get_running_loop())
        for job in await self.database.write(table.recover):
            log.warning("job %s: the server died each time that it ran; it is set aside", job.id)
            self._tell(job)
        self._counter = await self.database.read(table.highest)
        self.paused = bool(await self.database.read(partial(table.fact, name=_PAUSED)))
        for job in await self.database.read(table.pending):
            self.line.put(job)
        self._dispatch()

    @property
    def running(self) -> list[Job]:
        """What runs, the oldest first."""
        return [running.job for running in self._running.values()]

    @property
    def draining(self) -> bool:
        """Whether the server is about to stop."""
        return self._draining

    @property
    def remaining(self) -> int:
        """How many are pending or running."""
        return len(self.line) + len(self._running)

    # What clients ask for.

    async def submit(self, submission: Submission) -> tuple[Job, bool]:
        """Accept a job: when this returns, it is written.  False with a job that its key had made before.

        Raises:
            Refusal: the id is taken.
            StorageError: the database cannot be written to.
        """
        # Shielded: what is written comes into the line, whether its client still waits for the answer or not.
        return await asyncio.shield(self._accept(submission))

    async def _accept(self, submission: Submission) -> tuple[Job, bool]:
        number = submission.number
        if number is None:
            self._counter += 1
            number = float(-self._counter if submission.front else self._counter)
        job, new = await self.database.write(partial(table.accept, submission=submission, number=number))
        if new:
            self.line.put(job)
            self._tell(job)
            self._dispatch()
        return job, new

    async def cancel(self, job_id: str) -> bool:
        """End a job that has not ended.  False when there is nothing to end."""
        if (running := self._find_running(job_id)) is not None:
            return running.cancel("cancelled")
        job = await self.database.write(partial(table.cancel_pending, job_id=job_id))
        if job is None:  # it may have begun to run while the database was asked
            running = self._find_running(job_id)
            return running is not None and running.cancel("cancelled")
        self.line.remove(job_id)
        self._tell(job)
        return True

    async def cancel_pending(self, job_ids: Iterable[str]) -> None:
        """Cancel those of some jobs that do not run yet."""

        def all_of_them(db: Any) -> list[Job]:
            cancelled = (table.cancel_pending(db, job_id) for job_id in ids)
            return [job for job in cancelled if job is not None]

        ids = list(job_ids)
        for job in await self.database.write(all_of_them):
            self.line.remove(job.id)
            self._tell(job)

    async def interrupt(self) -> bool:
        """End the oldest running job."""
        oldest = next((running for running in self._running.values() if not running.over), None)
        return oldest is not None and oldest.cancel("cancelled")

    async def retry(self, job_id: str) -> Job:
        """Have an ended job run again.

        Raises:
            Refusal: it is not known, or there is nothing to retry.
        """
        return await asyncio.shield(self._accept_again(job_id))  # shielded as in `submit`

    async def _accept_again(self, job_id: str) -> Job:
        job = await self.database.write(partial(table.retry, job_id=job_id))
        if job is None:
            known = await self.get(job_id)
            raise Refusal(
                409,
                "not_retryable",
                f"the job is {known.state}; failed, cancelled and quarantined ones can be retried",
            )
        self.line.put(job)
        self._tell(job)
        self._dispatch()
        return job

    async def move(
        self,
        job_id: str,
        *,
        priority: int | None = None,
        to: Literal["front", "back", ""] = "",
        before: str = "",
    ) -> Job:
        """Give a pending job another place: a priority, the front, the back, or before another one.

        Raises:
            Refusal: it, or the other one, is not pending.
        """
        job = self._pending(job_id)
        rooms = self._rooms(job, job.priority if priority is None else priority, to, before)
        for each in await self.database.write(partial(table.place, places=rooms)):
            if each.id in self.line:
                self.line.put(each)
        return self._pending(job_id)

    def _rooms(self, job: Job, priority: int, to: str, before: str) -> list[Room]:
        """What is to be written so that a job comes where it is wanted."""
        others = [
            each for each in self.line.in_order() if each.seq != job.seq and each.suspect == job.suspect
        ]
        if before and before != job.id:
            other = self._pending(before)
            if other.suspect != job.suspect:
                raise Refusal(
                    409, "not_movable", "jobs under which the server died go last, each of them alone"
                )
            index = others.index(other)
            return self.line.room(job, other.priority, after=others[:index], before=others[index:])
        if to == "front" and others:
            return self.line.room(job, max(priority, others[0].priority), after=[], before=others)
        if to == "back" and others:
            return self.line.room(job, min(priority, others[-1].priority), after=others, before=[])
        return [(priority, job.number, job.seq)]

    async def pause(self) -> None:
        """Begin no more jobs; those that run go on."""
        await self.database.write(partial(table.note, name=_PAUSED, value="yes"))
        self.paused = True

    async def resume(self) -> None:
        await self.database.write(partial(table.note, name=_PAUSED, value=""))
        self.paused = False
        self._dispatch()

    async def find(self, job_id: str) -> Job | None:
        if (running := self._find_running(job_id)) is not None:
            return running.job
        return self.line.get(job_id) or await self.database.read(partial(table.find, job_id=job_id))

    async def get(self, job_id: str) -> Job:
        """A job, wherever it stands.

        Raises:
            Refusal: there is none of this id.
        """
        if (job := await self.find(job_id)) is None:
            raise Refusal(404, "unknown_job", f"there is no job {job_id[:80]!r}")
        return job

    async def wait(self, job_id: str, seconds: float) -> Job:
        """A job when it has ended, or as it stands when the time is over or the server ends.

        Raises:
            Refusal: there is none of this id.
        """
        waiter: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._waiters[job_id].append(waiter)
        try:
            job = await self.get(job_id)
            if job.state.ended:
                return job
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    return await waiter or await self.get(job_id)
            return await self.get(job_id)
        finally:
            waiting = self._waiters[job_id]
            waiting.remove(waiter)
            if not waiting:
                del self._waiters[job_id]

    async def forget(self, job_ids: Iterable[str] | None = None) -> int:
        """Delete ended jobs from history: these, or all of them."""
        ids = list(job_ids) if job_ids is not None else None
        return await self.database.write(partial(table.forget, job_ids=ids))

    async def free(self, *, results: bool) -> None:
        """Let go of models that nobody uses now, and of the results that memory (not the disk) keeps."""

        def free() -> None:
            parts = self.engine.parts
            parts.residency.free()
            if results:
                parts.memory.clear()

        await self.runner.call(free)

    # Running.

    def _dispatch(self) -> None:
        """Begin as many jobs as may run."""
        while (job := self._next()) is not None:
            self.line.remove(job.id)
            # Put at once: the end of the job before is written in the same commit.
            begun = self.database.write(partial(_begin, job=job))
            job = replace(job, state=State.RUNNING, attempts=job.attempts + 1, started=time.time())
            running = self._running[job.seq] = Running(job, begun)
            task = asyncio.get_running_loop().create_task(self._carry(running), name=f"job {job.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> Job | None:
        busy = [running.job for running in self._running.values() if not running.over]
        if self.paused or self._draining or len(busy) >= self.settings.jobs:
            return None
        job = self.line.first()
        alone = any(each.suspect for each in busy)
        if job is None or alone or (job.suspect and busy):
            return None
        return job

    async def _carry(self, running: Running) -> None:
        """A job from its beginning to its end, both written."""
        try:
            try:
                end = await self._attempt(running)
                if end is None:
                    return
                action = partial(table.end, job=running.job, ended=end)
                written = self.database.write(action)
                running.over = True
                self._dispatch()
                ended = await self._insist(action, written)
            except Exception as error:  # what a pack showed cannot be written, or the mistake is ours
                log.exception("job %s cannot be brought to its end", running.job.id)
                message = conceal(f"a mistake in Safelight: {error}", self.engine.files)
                failure = {"node": "", "class_type": "", "message": message, "kind": "Bug"}
                end = End(State.FAILED, failures=[failure])
                ended = await self._insist(partial(table.end, job=running.job, ended=end))
        finally:
            del self._running[running.job.seq]
            self._dispatch()
        self._tell(ended, end)

    async def _attempt(self, running: Running) -> End | None:
        """How an attempt ended; None when it did not begin, or the job is put back."""
        begun = await self._insist(partial(_begin, job=running.job), running.begun)
        if begun is None:  # cancelled at the last moment
            return None
        running.job, request = begun
        self._tell(running.job)
        seq = running.job.seq
        mailbox = self._mailbox
        assert mailbox is not None
        attempt = Attempt(
            self.engine, self.database, running.job, request,
            lambda event: mailbox.put(seq, event), self.settings.metadata,
        )  # fmt: skip
        running.work = self.runner.start(attempt())
        if running.stop:
            running.work.cancel()
        end = await _end_of(running.work)
        await mailbox.emptied()
        if running.stop == "drained" and end.state is State.CANCELLED:
            await self._put_back(running)
            return None
        return end

    async def _put_back(self, running: Running) -> None:
        job = await self._insist(partial(table.put_back, job=running.job))
        if job is not None:
            self.line.put(job)
            self._tell(job)

    async def _insist(self, action: Callable[[Any], T], written: "asyncio.Future[T] | None" = None) -> T:
        """Have written what must be written, and try again while the disk is full."""
        delay = 0.1
        while True:
            try:
                return await (written or self.database.write(action))
            except StorageError as error:
                written = None
                log.error("%s; trying again in %.1f s", error, delay)  # noqa: TRY400  # the message is enough
                await asyncio.sleep(delay)
                delay = min(delay * 2, 10.0)

    def _happened(self, seq: int, event: Event) -> None:
        running = self._running.get(seq)
        if running is None:
            return
        if isinstance(event, NodeFinished) and running.job.suspect and not running.progressed:
            running.progressed = True
            self._spawn(self._insist(partial(table.progressed, seq=seq)))
        for listener in self.listeners:
            try:
                listener.happened(running.job, event)
            except Exception:
                log.exception("job %s: a listener failed", running.job.id)

    def _spawn(self, work: Awaitable[Any]) -> None:
        async def go() -> None:
            await work

        task = asyncio.get_running_loop().create_task(go())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, job: Job, end: End | None = None) -> None:
        for listener in self.listeners:
            try:
                listener.changed(job, end)
            except Exception:
                log.exception("job %s: a listener failed", job.id)
        if job.state.ended:
            self._wake(job.id, job)

    def _wake(self, job_id: str, job: Job | None) -> None:
        for waiter in self._waiters.get(job_id, ()):
            if not waiter.done():
                waiter.set_result(job)

    # Stopping.

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, let running jobs end within a time, and put back those that do not."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for running in self._running.values():
            running.cancel("drained")
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_NOTICE_SECONDS)
            for running in list(self._running.values()) if late else ():
                log.warning("job %s does not stop; it will run again at the next start", running.job.id)
                with suppress(StorageError):  # then it counts as a death
                    await self.database.write(partial(table.put_back, job=running.job))
            for task in late:
                task.cancel()
        for job_id in self._waiters:  # who waits for a job that goes on after the next start is told so
            self._wake(job_id, None)

    # Small helps.

    def _find_running(self, job_id: str) -> Running | None:
        return next((running for running in self._running.values() if running.job.id == job_id), None)

    def _pending(self, job_id: str) -> Job:
        if (job := self.line.get(job_id)) is None:
            raise Refusal(409, "not_pending", f"there is no pending job {job_id[:80]!r}")
        return job


def _begin(db: Any, job: Job) -> tuple[Job, table.Request] | None:
    begun = table.begin(db, job)
    return (begun, table.request_of(db, begun.seq)) if begun is not None else None


async def _end_of(work: Work[End]) -> End:
    try:
        return await work.done
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return End(State.CANCELLED)  # the work was stopped before its first step, and could not say so itself


def failure_of(end: End) -> Mapping[str, Any]:
    """The first failure of an end; empty when there is none."""
    return end.failures[0] if end.failures else {}
