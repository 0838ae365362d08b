"""Who is told what: clients by their ids, and for each the serial story of its jobs.

A client hears of the jobs that it submitted.  Its jobs may run at the same time; their stories are told
one after the other.  Jobs without a client are nobody's: only how far they are is told to everyone, as the
protocol has it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from engine.events import Event, NodePicture, NodePreview
from server.config import Settings
from server.jobs import Jobs
from server.store.jobs import End, Job, State
from server.wire import frames
from server.wire.clients import Client
from server.wire.narration import INTERVAL, Narration

log: Final = logging.getLogger("safelight.clients")

#: Messages of which only the latest matters.
LATEST: Final = frozenset({"status", "progress", "progress_state"})

#: What everyone is told of a job that no client owns.
_OF_NOBODY: Final = frozenset({"progress", "progress_state", "execution_interrupted"})


class Hub:
    """See the module.  A listener of jobs."""

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self.clients: dict[str, Client] = {}
        self._jobs = jobs
        self._settings = settings
        self._stories: dict[str, OrderedDict[str, Narration]] = {}
        self._loop = asyncio.get_running_loop()
        self._status_timer: asyncio.TimerHandle | None = None
        self._status_at = 0.0
        self._previewing: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delivered: dict[str, asyncio.Task[None]] = {}

    # Clients.

    def join(self, client: Client) -> None:
        """A client has come; of two with the same id the last is told, and the other is left in peace.

        Closed, it would come back, and the two would put each other out for ever.
        """
        self.clients[client.id] = client
        client.send(frames.text("status", {**self._status(), "sid": client.id}))
        for narration in self._stories.get(client.id, {}).values():
            if narration.live:
                narration.catch_up(lambda kind, data: client.send(frames.text(kind, data)))

    def leave(self, client: Client) -> None:
        if self.clients.get(client.id) is client:
            del self.clients[client.id]

    def broadcast(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell everyone; the text is made once."""
        if self.clients:
            content, key = frames.text(kind, data), _key(kind, data)
            for client in self.clients.values():
                client.send(content, key)

    def close(self) -> None:
        """Let all clients go."""
        for client in self.clients.values():
            client.stop()
        if self._status_timer is not None:
            self._status_timer.cancel()
        for story in self._stories.values():
            for narration in story.values():
                narration.close()
        for task in self._tasks:
            task.cancel()

    # What jobs tell.

    def changed(self, job: Job, end: End | None) -> None:
        if job.state is State.RUNNING:
            self._begin(job)
        elif end is not None:
            self._end(job, end)
            return
        elif (story := self._stories.get(job.client)) is not None and job.id in story:
            story[job.id].silence()  # put back: it will be told again
            self._close(job)
        self._status_changed()

    def happened(self, job: Job, event: Event) -> None:
        story = self._stories.get(job.client)
        narration = story.get(job.id) if story is not None else None
        if narration is None:
            return
        if isinstance(event, NodePreview):
            self._preview(narration, event)
        elif isinstance(event, NodePicture):
            self._deliver(narration, event)
        else:
            narration.listen(event)

    def _begin(self, job: Job) -> None:
        narration = Narration(job, partial(self._say, job.client), self._loop)
        story = self._stories.setdefault(job.client, OrderedDict())
        first = not story
        story[job.id] = narration
        if first or not job.client:
            narration.go_live()

    def _end(self, job: Job, end: End) -> None:
        story: Mapping[str, Narration] = self._stories.get(job.client, {})
        if (narration := story.get(job.id)) is None:
            self._status_changed()
            return
        if (delivering := self._delivered.get(job.id)) is not None:
            delivering.add_done_callback(lambda _task: self._finish(narration, job, end))
        else:
            self._finish(narration, job, end)

    def _finish(self, narration: Narration, job: Job, end: End) -> None:
        narration.end(job, end)
        self._status_changed()
        narration.silence()
        story = self._stories.get(job.client)
        if story is None or story.get(job.id) is not narration:
            narration.close()  # the job was retried while its last pictures were on their way
        elif narration.live:
            self._close(job)
        else:
            narration.over = True

    def _close(self, job: Job) -> None:
        """A story is over; the client's next one is told, and those that have ended meanwhile."""
        story = self._stories[job.client]
        story.pop(job.id).close()
        while story:
            following = next(iter(story.values()))
            if not following.live:
                following.go_live()
            if not following.over:
                return
            story.pop(following.job.id).close()
        del self._stories[job.client]

    def _say(self, client_id: str, kind: str, data: Mapping[str, Any]) -> None:
        if not client_id:
            if kind in _OF_NOBODY:
                self.broadcast(kind, data)
        elif (client := self.clients.get(client_id)) is not None:
            client.send(frames.text(kind, data), _key(kind, data))

    # The queue's length: to everyone, at intervals.

    def _status(self) -> dict[str, Any]:
        return {"status": {"exec_info": {"queue_remaining": self._jobs.remaining}}}

    def _status_changed(self) -> None:
        if self._status_timer is not None or not self.clients:
            return
        wait = self._status_at + INTERVAL - self._loop.time()
        if wait <= 0:
            self._tell_status()
        else:
            self._status_timer = self._loop.call_later(wait, self._tell_status)

    def _tell_status(self) -> None:
        self._status_timer = None
        self._status_at = self._loop.time()
        self.broadcast("status", self._status())

    # Pictures: made on a thread.

    def _preview(self, narration: Narration, event: NodePreview) -> None:
        """Show unfinished work, if somebody looks: one at a time, and no faster than they go out."""
        if narration.live and narration.job.id not in self._previewing and self._onlookers(narration.job):
            self._previewing.add(narration.job.id)
            self._spawn(self._send_preview(narration, event))

    def _onlookers(self, job: Job) -> list[Client]:
        """Who previews of a job are for and keeps up: its client, or everyone when it has none."""
        clients = self.clients.values() if not job.client else [self.clients.get(job.client)]
        return [client for client in clients if client is not None and not client.behind]

    def _is_told(self, narration: Narration) -> bool:
        """Whether a story is still going on."""
        story = self._stories.get(narration.job.client)
        return story is not None and story.get(narration.job.id) is narration

    async def _send_preview(self, narration: Narration, event: NodePreview) -> None:
        try:
            content = await asyncio.to_thread(_preview_jpeg, event.image, self._settings.preview_size)
            metadata = {**narration.metadata(event.node), "image_type": "image/jpeg"}
            for client in self._onlookers(narration.job) if self._is_told(narration) else ():
                if client.previews_with_metadata:
                    client.send(frames.picture_of_node(content, metadata), "preview")
                else:
                    client.send(frames.picture(frames.JPEG, content), "preview")
            await asyncio.sleep(INTERVAL)
        except Exception:  # a pack's picture may be anything; its run goes on
            log.exception("job %s: node %s has a preview that cannot be shown", narration.job.id, event.node)
        finally:
            self._previewing.discard(narration.job.id)

    def _deliver(self, narration: Narration, event: NodePicture) -> None:
        """Send a finished picture, after those before it; meanwhile its node is the one that runs."""
        if narration.job.client not in self.clients:
            return
        before = self._delivered.get(narration.job.id)
        task = self._spawn(self._send_picture(narration, event, before))
        self._delivered[narration.job.id] = task

        def done(ended: asyncio.Task[None]) -> None:
            if self._delivered.get(narration.job.id) is ended:
                del self._delivered[narration.job.id]

        task.add_done_callback(done)

    async def _send_picture(
        self, narration: Narration, event: NodePicture, before: asyncio.Task[None] | None
    ) -> None:
        try:
            content = await asyncio.to_thread(frames.png, event.image)
        except Exception:  # as above
            log.exception("job %s: node %s has a picture that cannot be sent", narration.job.id, event.node)
            return
        finally:
            if before is not None:
                await asyncio.wait({before})

        def send() -> None:
            if (client := self.clients.get(narration.job.client)) is not None:
                client.send_picture(frames.picture(frames.PNG, content))

        if narration.current != event.node:
            narration.begin(event.node)
        narration.picture(len(content), send)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _key(kind: str, data: Mapping[str, Any]) -> str:
    """What a message stands in for, when only the latest matters: of a job, never of two."""
    return f"{kind} {data.get('prompt_id', '')}" if kind in LATEST else ""


def _preview_jpeg(image: Any, side: int) -> bytes:
    """A preview that may still have to be made."""
    make: Callable[[], Any] = image if callable(image) else lambda: image
    return frames.jpeg(make(), side)
