"""What happens to jobs, numbered and kept for a while, for readers that come, go and come again.

Numbers are microseconds since 1970, each higher than the one before: no attempt and no restart repeats
one.  Of a node's progress only the latest is kept, of previews none.
"""

import asyncio
import base64
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from aiohttp import web

from engine import events as engine
from engine.files import Files
from server.refusal import conceal
from server.store.jobs import End, Job, State
from server.v1 import event as shapes
from server.v1.job import Progress, details, summary
from server.v1.reader import Reader, Told
from server.v1.ring import Past, Ring
from server.v1.shape import Shape, moment
from server.wire.frames import jpeg

log: Final = logging.getLogger("safelight.events")

#: The name under which changes of all jobs are kept.
ALL: Final = ""

#: Seconds between two reports of a node's progress.
INTERVAL: Final = 0.1


class Feed:
    """See the module.  A listener of jobs."""

    def __init__(
        self,
        files: Files,
        preview_size: int = 512,
        *,
        each: int = 256 << 10,
        ended: int = 200,
        ended_bytes: int = 16 << 20,
    ) -> None:
        self.heartbeat = 15.0
        self._preview_size = preview_size
        self._each, self._most_ended, self._most_bytes = each, ended, ended_bytes
        self._number = 0
        self._horizon = self.number()
        self._rings: dict[str, Ring] = {}
        self._ended: OrderedDict[str, Ring] = OrderedDict()
        self._ended_bytes = 0
        self._conceal = partial(conceal, files=files)
        self._all = Ring(self._horizon, 1 << 20)
        self._readers: defaultdict[str, set[Reader]] = defaultdict(set)
        self._previewing: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def number(self) -> int:
        """A number that was never given before."""
        self._number = max(self._number + 1, time.time_ns() // 1000)
        return self._number

    # Readers.

    def join(self, job_id: str, *, previews: bool = False) -> Reader:
        """Hear of a job, or of all jobs' changes, from now on."""
        reader = Reader(previews=previews, to_end=job_id != ALL)
        self._readers[job_id].add(reader)
        return reader

    def leave(self, job_id: str, reader: Reader) -> None:
        readers = self._readers[job_id]
        readers.discard(reader)
        if not readers:
            del self._readers[job_id]

    def past(self, job_id: str, after: int) -> Past | None:
        """What came after a number; None when nothing is known of the job."""
        ring = self._all if job_id == ALL else self._rings.get(job_id)
        return ring.past(after) if ring is not None else None

    def progress(self, job_id: str) -> Progress | None:
        ring = self._rings.get(job_id)
        return ring.headway.progress if ring is not None else None

    def forget(self, job_id: str) -> None:
        """A job has been deleted."""
        self._restart(job_id)
        self._rings.pop(job_id, None)

    def close(self) -> None:
        """Let all readers go; they come again by number."""
        for readers in self._readers.values():
            for reader in readers:
                reader.close()
        for task in self._tasks:
            task.cancel()

    # What jobs tell.

    def changed(self, job: Job, end: End | None) -> None:
        ring = self._ring(job)
        now = time.time()
        if job.state is State.PENDING:
            ring.over = False
            self._restart(job.id)
            queued = partial(_changed, shapes.Queued, job, now)
            self._tell(job.id, ring, "queued", queued, to_all=True)
        elif job.state is State.RUNNING:
            ring.begin()
            started = partial(_changed, shapes.Started, job, now)
            self._tell(job.id, ring, "started", started, to_all=True)
        else:
            ring.over = True
            # What is not told is not held, either.
            told = replace(end, timeline={}, meta={}) if end is not None else None
            size = 600 + _weight(end.outputs) + _weight(end.results) if end is not None else 600
            ended = partial(_ended, job, told, now)
            self._tell(job.id, ring, "ended", ended, size=size, to_all=True)
            self._ended[job.id] = ring
            self._ended_bytes += ring.nbytes
            self._expire()

    def happened(self, job: Job, event: engine.Event) -> None:
        ring = self._ring(job)
        ring.headway.listen(event)
        match event:
            case engine.NodesCached():
                shape = partial(_cached, job.id, event.nodes, ring.headway.to_run, time.time())
                self._tell(job.id, ring, "cached", shape, size=400 + 40 * len(event.nodes))
            case engine.NodePreview():
                self._preview(job.id, event)
            case engine.NodeProgress():
                self._progress(job.id, ring, event)
        if (kind := shapes.KINDS.get(type(event))) is not None:
            size = 400 + (_weight(event.shown) if isinstance(event, engine.NodeShown) else 0)
            self._tell(job.id, ring, kind, partial(shapes.read, job.id, event, self._conceal), size=size)

    def _ring(self, job: Job) -> Ring:
        """The events of a job; complete from its beginning when we were there."""
        ring = self._rings.get(job.id)
        if ring is None:
            created = int(job.created * 1e6)
            known = created > self._horizon
            ring = self._rings[job.id] = Ring(0 if known else self.number(), self._each)
        return ring

    def _tell(
        self,
        job_id: str,
        ring: Ring,
        kind: str,
        shape: Callable[[], Shape],
        *,
        size: int = 400,
        to_all: bool = False,
        key: str = "",
    ) -> None:
        told = Told(self.number(), kind, shape, size)
        ring.add(told)
        if key:
            ring.latest[key] = (told.number, time.monotonic())
        self._send(job_id, told)
        if to_all:
            self._all.add(told)
            self._send(ALL, told)

    def _send(self, job_id: str, told: Told) -> None:
        for reader in self._readers.get(job_id, ()):
            reader.put(told)

    def _progress(self, job_id: str, ring: Ring, event: engine.NodeProgress) -> None:
        number, at = ring.latest.get(event.node, (0, 0.0))
        if time.monotonic() - at < INTERVAL and event.done < event.total:
            return
        ring.drop(number)
        shape = partial(_progress, job_id, event, ring.headway.fraction, time.time())
        self._tell(job_id, ring, "progress", shape, key=event.node)

    def _expire(self) -> None:
        """Of ended jobs the oldest are forgotten here; the database has them."""
        while self._ended and (len(self._ended) > self._most_ended or self._ended_bytes > self._most_bytes):
            job_id, ring = self._ended.popitem(last=False)
            self._ended_bytes -= ring.nbytes
            del self._rings[job_id]
            self._horizon = max(self._horizon, ring.last)

    def _restart(self, job_id: str) -> None:
        """A job that had ended goes on: its ring is none of the ended ones."""
        if (ring := self._ended.pop(job_id, None)) is not None:
            self._ended_bytes -= ring.nbytes

    # Previews: made on a thread, for those who want them.

    def _preview(self, job_id: str, event: engine.NodePreview) -> None:
        wanted = any(reader.previews for reader in self._readers.get(job_id, ()))
        if wanted and job_id not in self._previewing:
            self._previewing.add(job_id)
            task = asyncio.get_running_loop().create_task(self._send_preview(job_id, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_preview(self, job_id: str, event: engine.NodePreview) -> None:
        try:
            content = await asyncio.to_thread(_picture, event.image, self._preview_size)
            encoded = base64.b64encode(content).decode()
            shape = shapes.Preview(job_id=job_id, at=moment(time.time()), node=event.node, base64=encoded)
            self._send(job_id, Told(0, "preview", lambda: shape, len(encoded)))
            await asyncio.sleep(INTERVAL)
        except Exception:  # a pack's picture may be anything; its run goes on
            log.exception("job %s: node %s has a preview that cannot be shown", job_id, event.node)
        finally:
            self._previewing.discard(job_id)


def at(job_id: str, seconds: float) -> dict[str, Any]:
    """What all events say."""
    return {"job_id": job_id, "at": moment(seconds)}


def _changed(shape: type[shapes.Queued | shapes.Started], job: Job, seconds: float) -> Shape:
    return shape(job=summary(job), **at(job.id, seconds))


def _ended(job: Job, end: End | None, seconds: float) -> Shape:
    return shapes.Ended(job=details(job, end), **at(job.id, seconds))


def _cached(job_id: str, nodes: Sequence[str], to_run: int, seconds: float) -> Shape:
    return shapes.Cached(nodes=list(nodes), to_run=to_run, **at(job_id, seconds))


def _progress(job_id: str, event: engine.NodeProgress, fraction: float, seconds: float) -> Shape:
    return shapes.NodeProgress(
        node=event.node, done=event.done, total=event.total, fraction=fraction, **at(job_id, seconds)
    )


def _weight(shown: Any) -> int:
    """About how many bytes a value has as JSON."""
    if isinstance(shown, Mapping):
        return sum(20 + _weight(each) for each in shown.values())
    if isinstance(shown, list | tuple):
        return sum(_weight(each) for each in shown)
    return len(shown) if isinstance(shown, str) else 20


def _picture(image: Any, side: int) -> bytes:
    """A preview that may still have to be made."""
    return jpeg(image() if callable(image) else image, side)


FEED: Final = web.AppKey("feed", Feed)
