"""Ended jobs as the protocol tells them: entries of history, items of the queue, job objects.

Large parts lie in the database as JSON texts; they are put into answers as they are.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from server.answers import dump
from server.store.jobs import End, Record, State
from server.wire.narration import execution_error, interrupted

#: How job objects word states.
STATUS: Final[Mapping[State, str]] = {
    State.PENDING: "pending",
    State.RUNNING: "in_progress",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.QUARANTINED: "failed",
}

#: Kinds of shown items that are pictures or the like.
_MEDIA: Final[Mapping[str, str]] = {
    "images": "images", "gifs": "video", "video": "video", "audio": "audio", "3d": "model_file"
}  # fmt: skip


def queue_item(record: Record) -> str:
    """`[number, prompt_id, graph, extra_data, outputs]`, as JSON."""
    job, request = record.job, record.request
    head = dump([job.number, job.id])
    return f"{head[:-1]},{request['graph']},{request['extra']},{request['wanted']}]"


def history(records: Iterable[Record]) -> str:
    """The object of entries, as JSON."""
    return "{" + ",".join(f"{dump(record.job.id)}:{_entry(record)}" for record in records) + "}"


def _entry(record: Record) -> str:
    outputs = record.end["outputs"] if record.end is not None else "{}"
    meta = record.end["meta"] if record.end is not None else "{}"
    status = dump(_status(record))
    return f'{{"prompt":{queue_item(record)},"outputs":{outputs},"status":{status},"meta":{meta}}}'


def _status(record: Record) -> dict[str, Any]:
    completed = record.job.state is State.COMPLETED
    return {
        "status_str": "success" if completed else "error",
        "completed": completed,
        "messages": _messages(record),
    }


def _messages(record: Record) -> list[Any]:
    """What a listener was told, the times with it."""
    job = record.job
    started = round((job.started or job.created) * 1000)
    ended = round((job.ended or job.created) * 1000)
    cached = json.loads(record.end["cached"]) if record.end is not None else []
    end = End(job.state)
    last: list[Any]
    if job.state is State.COMPLETED:
        last = ["execution_success", {"prompt_id": job.id, "timestamp": ended}]
    elif job.state is State.CANCELLED:
        last = ["execution_interrupted", interrupted(job, end, timestamp=ended)]
    else:
        last = ["execution_error", execution_error(job, job.failure or {}, ended)]
    return [
        ["execution_start", {"prompt_id": job.id, "timestamp": started}],
        ["execution_cached", {"nodes": cached, "prompt_id": job.id, "timestamp": started}],
        last,
    ]


def job_object(record: Record, *, whole: bool = False) -> dict[str, Any]:
    """A job as `/api/jobs` tells it; a whole one with its outputs and its workflow."""
    job = record.job
    outputs = json.loads(record.end["outputs"]) if record.end is not None else {}
    media = list(_media(outputs))
    failed = job.state in {State.FAILED, State.QUARANTINED}
    found: dict[str, Any] = {
        "id": job.id,
        "status": STATUS[job.state],
        "priority": job.number,
        "create_time": _milliseconds(job.created),
        "execution_start_time": _milliseconds(job.started),
        "execution_end_time": _milliseconds(job.ended) if job.started else None,
        "execution_error": execution_error(job, job.failure or {}, _milliseconds(job.ended))
        if failed
        else None,
        "outputs_count": sum(len(items) for shown in outputs.values() for items in shown.values()),
        "previewable_outputs_count": len(media),
        "preview_output": media[0] if media else None,
        "workflow_id": job.workflow or None,
    }
    if whole:
        found["outputs"] = outputs
        found["execution_status"] = _status(record) if job.state.ended else None
        found["workflow"] = {
            "prompt": json.loads(record.request["graph"]),
            "extra_data": json.loads(record.request["extra"]),
        }
    return {name: value for name, value in found.items() if value is not None}


def _media(outputs: Mapping[str, Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """The files that can be looked at; what was saved before what was only shown."""
    found = [
        {
            "filename": item["filename"],
            "subfolder": item.get("subfolder", ""),
            "type": item.get("type", "output"),
            "nodeId": node,
            "mediaType": _MEDIA[kind],
        }
        for node, shown in outputs.items()
        for kind, items in shown.items()
        if kind in _MEDIA
        for item in items
        if isinstance(item, dict) and "filename" in item
    ]
    return sorted(found, key=lambda item: item["type"] == "temp")


def _milliseconds(seconds: float | None) -> int | None:
    return round(seconds * 1000) if seconds is not None else None
