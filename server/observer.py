"""Jobs as those who run the server see them: counted, and told in the log."""

import logging
from dataclasses import dataclass, field
from typing import Final

from engine.events import Event, NodeFailed, NodeFinished, NodesCached, NodeStarted
from server.metrics import Metrics
from server.store.jobs import End, Job, State

log: Final = logging.getLogger("safelight.jobs")


@dataclass
class Observer:
    """A listener of jobs."""

    metrics: Metrics
    _classes: dict[int, dict[str, str]] = field(default_factory=dict)  # of nodes that began, by job

    def changed(self, job: Job, end: End | None) -> None:
        del end
        if job.state is State.RUNNING and job.started is not None:
            waited = max(0.0, job.started - job.created)
            self.metrics.job_started(waited)
            self._say("job started", job, waited=round(waited, 3), attempt=job.attempts)
            return
        self._classes.pop(job.seq, None)
        if not job.state.ended:
            return
        seconds = None
        if job.started is not None and job.ended is not None:
            seconds = max(0.0, job.ended - job.started)
        self.metrics.job_ended(job.state.value, seconds)
        self._say(f"job {job.state.value}", job, seconds=None if seconds is None else round(seconds, 3))

    def happened(self, job: Job, event: Event) -> None:
        match event:
            case NodesCached():
                for _ in event.nodes:
                    self.metrics.node_finished("", cached=True)
            case NodeStarted():
                self._classes.setdefault(job.seq, {})[event.node] = event.class_type
            case NodeFinished():
                class_type = self._classes.get(job.seq, {}).pop(event.node, "")
                self.metrics.node_finished(class_type, event.at - event.start, cached=event.reused)
            case NodeFailed():
                self._classes.get(job.seq, {}).pop(event.node, None)
                self._say("node failed", job, node=event.node, class_type=event.class_type, kind=event.kind)

    def _say(self, message: str, job: Job, **facts: object) -> None:
        log.info(
            message, extra={"job": job.id, **{name: each for name, each in facts.items() if each is not None}}
        )
