"""One job as the protocol tells it: an order of messages that clients rely on.

What happens in a run, however parallel, becomes a serial story: a start, what was cached, nodes as they
begin, progress at most ten times a second, outputs, and one end.  While another job of the same client
is being told, this one keeps what it has to say.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.events import (
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodesExpanded,
    NodeShown,
    NodeStarted,
)
from server.attempt import display_node
from server.store.jobs import End, Job, State
from server.wire.frames import milliseconds

log: Final = logging.getLogger("safelight.clients")

#: Seconds between two messages about progress.
INTERVAL: Final = 0.1

#: Up to so many nodes a `progress_state` names all that have begun; beyond, those that run and the latest
#: of those that have ended.
CUMULATIVE: Final = 64

#: Bytes of pictures that are kept while another job is told.
MOST_HELD: Final = 256 << 20

Say = Callable[[str, Mapping[str, Any]], None]


@dataclass
class Narration:
    """See the module.  `say` is called while the story is live."""

    job: Job
    say: Say
    loop: asyncio.AbstractEventLoop
    live: bool = False
    over: bool = False
    current: str = ""
    shown: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    class_types: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._held: list[Callable[[], None]] = []
        self._held_size = 0
        self._parents: dict[str, str] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, None] = {}
        self._progress: NodeProgress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._tell("execution_start", {"prompt_id": self.job.id, "timestamp": milliseconds()})

    def go_live(self) -> None:
        """Tell what was held back, and from now on everything at once."""
        self.live = True
        held, self._held, self._held_size = self._held, [], 0
        for say in held:
            say()
        if not self.over:
            self._state_changed()

    def listen(self, event: Event) -> None:
        match event:
            case NodesCached():
                nodes = list(event.nodes)
                self._tell(
                    "execution_cached",
                    {"nodes": nodes, "prompt_id": self.job.id, "timestamp": milliseconds()},
                )
            case NodeStarted():
                self._set(event.node, 0, 1, "running")
                self.class_types[event.node] = event.class_type
                self.begin(event.node)
            case NodeProgress():
                self._progress = event
                self._set(event.node, event.done, event.total, "running")
            case NodeFinished():
                total = self._nodes.get(event.node, {}).get("max", 1)
                self._set(event.node, total, total, "finished")
            case NodeFailed():
                self._set(event.node, 0, 1, "error")
            case NodeShown():
                self.shown[event.node] = event.shown
                self._executed(event.node)
            case NodeBlocked():
                failure = {
                    "node": event.node,
                    "class_type": self.class_types.get(event.node, ""),
                    "message": event.message,
                    "kind": "ExecutionBlocked",
                }
                self._tell("execution_error", execution_error(self.job, failure))
            case NodesExpanded():
                self._parents |= dict.fromkeys(event.nodes, event.node)

    def begin(self, node: str) -> None:
        """Say that a node is the one that runs now."""
        self.current = node
        self._tell(
            "executing",
            {"node": node, "display_node": self.display(node), "prompt_id": self.job.id},
        )

    def end(self, job: Job, end: End) -> None:
        """The last words but one; `silence` follows when the queue's new length is told."""
        self._flush()
        if job.state is State.COMPLETED:
            self._tell("execution_success", {"prompt_id": job.id, "timestamp": milliseconds()})
        elif job.state is State.CANCELLED:
            self._tell(
                "execution_interrupted",
                interrupted(job, end, self.current, self.class_types.get(self.current, "")),
            )
        else:
            failure = end.failures[0] if end.failures else {}
            self._tell("execution_error", execution_error(job, failure))

    def silence(self) -> None:
        self._tell("executing", {"node": None, "prompt_id": self.job.id})

    def catch_up(self, say: Say) -> None:
        """Tell a client that has just come where the story stands."""
        say("execution_start", {"prompt_id": self.job.id, "timestamp": milliseconds()})
        for node in self.shown:
            say("executed", self._executed_data(node))
        if self.current:
            shown = self.display(self.current)
            say("executing", {"node": self.current, "display_node": shown, "prompt_id": self.job.id})
        if self._nodes:
            say("progress_state", {"prompt_id": self.job.id, "nodes": self._nodes})

    def display(self, node: str) -> str:
        return display_node(node, self._parents)

    def metadata(self, node: str) -> dict[str, Any]:
        """Whose a preview is."""
        return {"prompt_id": self.job.id, **self._identity(node)}

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _identity(self, node: str) -> dict[str, Any]:
        return {
            "node_id": node,
            "display_node_id": self.display(node),
            "parent_node_id": self._parents.get(node),
            "real_node_id": node,
        }

    def _executed(self, node: str) -> None:
        self._tell("executed", self._executed_data(node))

    def _executed_data(self, node: str) -> dict[str, Any]:
        return {
            "node": node,
            "display_node": self.display(node),
            "output": self.shown[node],
            "prompt_id": self.job.id,
        }

    # Progress: the latest state, at intervals.

    def _set(self, node: str, value: int, total: int, state: str) -> None:
        self._nodes[node] = {
            "value": value,
            "max": total,
            "state": state,
            "prompt_id": self.job.id,
            **self._identity(node),
        }
        self._changed.pop(node, None)
        self._changed[node] = None
        if self.live:
            self._state_changed()

    def _state_changed(self) -> None:
        if self._timer is not None:
            return
        wait = self._told_at + INTERVAL - self.loop.time()
        if wait <= 0:
            self._flush()
        else:
            self._timer = self.loop.call_later(wait, self._flush)

    def _flush(self) -> None:
        """Tell the state of the nodes, if it has changed."""
        self.close()
        if not self._changed or not self.live:
            return
        self._told_at = self.loop.time()
        if (progress := self._progress) is not None:
            self._progress = None
            self.say(
                "progress",
                {
                    "value": progress.done,
                    "max": progress.total,
                    "prompt_id": self.job.id,
                    "node": progress.node,
                },
            )
        nodes = self._nodes
        if len(nodes) > CUMULATIVE:
            latest = set(list(self._changed)[-CUMULATIVE:])
            nodes = {
                node: each for node, each in nodes.items() if node in latest or each["state"] == "running"
            }
        self._changed.clear()
        self.say("progress_state", {"prompt_id": self.job.id, "nodes": nodes})
        if len(self._nodes) > CUMULATIVE:  # what has ended was told, and is not told again
            self._nodes = {node: each for node, each in self._nodes.items() if each["state"] == "running"}

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        if self.live:
            self.say(kind, data)
        else:
            self._held.append(lambda: self.say(kind, data))

    def picture(self, size: int, send: Callable[[], None]) -> None:
        """A finished picture, in its place among the messages."""
        if self.live:
            send()
        elif self._held_size + size <= MOST_HELD:
            self._held_size += size
            self._held.append(send)
        else:
            log.warning("job %s: its client's other job takes too long to keep all pictures", self.job.id)


def execution_error(job: Job, failure: Mapping[str, Any], timestamp: int | None = None) -> dict[str, Any]:
    """A failure as the protocol words it.  There is no traceback in it: the log has that."""
    executed = list(failure.get("executed", ()))
    return {
        "prompt_id": job.id,
        "node_id": failure.get("node", ""),
        "node_type": failure.get("class_type", ""),
        "executed": executed,
        "exception_message": failure.get("message", "the job failed"),
        "exception_type": failure.get("kind", "Error"),
        "traceback": [],
        "current_inputs": {},
        "current_outputs": executed,
        "timestamp": milliseconds() if timestamp is None else timestamp,
    }


def interrupted(
    job: Job, end: End | None, node: str = "", class_type: str = "", timestamp: int | None = None
) -> dict[str, Any]:
    return {
        "prompt_id": job.id,
        "node_id": node,
        "node_type": class_type,
        "executed": list(end.outputs) if end is not None else [],
        "timestamp": milliseconds() if timestamp is None else timestamp,
    }
