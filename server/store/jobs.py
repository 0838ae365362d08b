"""Jobs in the database: plain functions of a connection, one for each thing that happens to a job."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from sqlite3 import Connection
from typing import Any, Final, NamedTuple

from engine.plan import CacheMode
from server.answers import dump
from server.refusal import Refusal


class State(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"

    @property
    def ended(self) -> bool:
        return self not in {State.PENDING, State.RUNNING}


ENDED: Final = tuple(state for state in State if state.ended)

#: After so many deaths of the server a job runs alone, after one more it is set aside.
SUSPECT: Final = 2

#: After so many attempts that ended in a death it is set aside in any case.
MOST_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was checked and is to be accepted."""

    id: str
    graph: Mapping[str, Any]
    wanted: Sequence[str]
    client: str = ""
    number: float | None = None
    front: bool = False
    priority: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    cache: CacheMode = "use"
    workflow: str = ""
    request_key: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row, without its large parts."""

    seq: int
    id: str
    state: State
    priority: int
    number: float
    attempts: int
    deaths: int
    client: str
    workflow: str
    cache: CacheMode
    created: float
    started: float | None = None
    ended: float | None = None
    failure: Mapping[str, Any] | None = None

    @property
    def place(self) -> tuple[bool, int, float, int]:
        """What the queue is sorted by: suspects last, then priority, number, arrival."""
        return (self.suspect, -self.priority, self.number, self.seq)

    @property
    def suspect(self) -> bool:
        """Whether the server died under this job too often for it to run beside others."""
        return self.deaths >= SUSPECT


class Request(NamedTuple):
    """What was asked, as it was written."""

    graph: str
    wanted: list[str]
    extra: str
    texts: dict[str, str]
    titles: dict[str, str]
    results: dict[str, tuple[str, int | None]]
    claims: frozenset[tuple[str, int]]  # the (node, number) that attempts before have files of


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended."""

    state: State
    outputs: Mapping[str, Any] = field(default_factory=dict)
    cached: Sequence[str] = ()
    failures: Sequence[Mapping[str, Any]] = ()
    results: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    timeline: Mapping[str, Any] = field(default_factory=dict)


_NAMES: Final = (
    "seq", "id", "state", "priority", "number", "attempts", "deaths",
    "client", "workflow", "cache", "created", "started", "ended", "failure",
)  # fmt: skip
_COLUMNS: Final = ", ".join(_NAMES)


def _job(row: sqlite3.Row) -> Job:
    facts = {name: row[name] for name in row.keys() if name != "digest"}  # noqa: SIM118  # a row is no dict
    failure = json.loads(row["failure"]) if row["failure"] else None
    return Job(**{**facts, "state": State(row["state"]), "failure": failure})


# Accepting.


def accept(db: Connection, submission: Submission, number: float) -> tuple[Job, bool]:
    """Write a job down; with a request key that is known, find the job that it made (and False).

    Raises:
        Refusal: the id is taken, or the key came with another request.
    """
    key, digest = submission.request_key, submission.digest
    if key is not None and (known := by_key(db, key, digest)) is not None:
        return known, False
    now = time.time()
    try:
        cursor = db.execute(
            "INSERT INTO jobs"
            " (id, state, priority, number, client, workflow, cache, created, request_key, digest)"
            " VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                submission.id, submission.priority, number, submission.client, submission.workflow,
                submission.cache, now, submission.request_key, submission.digest,
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        if "jobs.id" not in str(error):
            raise
        raise Refusal(
            409, "duplicate_prompt_id", f"there is a job {submission.id[:80]!r} already", "leave the id out"
        ) from None
    seq = cursor.lastrowid
    assert seq is not None
    db.execute(
        "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            seq, dump(submission.graph), dump(submission.wanted), dump(submission.extra),
            dump(submission.texts), dump(submission.titles), dump(submission.results),
        ),
    )  # fmt: skip
    job = Job(
        seq, submission.id, State.PENDING, submission.priority, number, 0, 0,
        submission.client, submission.workflow, submission.cache, now,
    )  # fmt: skip
    return job, True


def by_key(db: Connection, key: str, digest: str) -> Job | None:
    """The job that a request with this key has made.

    Raises:
        Refusal: that was another request.
    """
    row = db.execute(f"SELECT {_COLUMNS}, digest FROM jobs WHERE request_key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row["digest"] != digest:
        raise Refusal(
            409,
            "idempotency_conflict",
            "this idempotency key came with another request before",
            "use a new key for a new request",
        )
    return _job(row)


# Running.


def begin(db: Connection, job: Job) -> Job | None:
    """Mark a pending job as running; None when it is pending no more."""
    row = db.execute(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?, ended = NULL,"
        f" failure = NULL WHERE seq = ? AND state = 'pending' RETURNING {_COLUMNS}",
        (time.time(), job.seq),
    ).fetchone()
    return _job(row) if row is not None else None


def request_of(db: Connection, seq: int) -> Request:
    """What was asked of a job.

    Raises:
        LookupError: there is no such job.
    """
    row = db.execute("SELECT * FROM requests WHERE job = ?", (seq,)).fetchone()
    if row is None:
        raise LookupError(seq)
    loads = json.loads
    results = {name: (node, output) for name, (node, output) in loads(row["results"]).items()}
    claims = db.execute("SELECT node, number FROM claims WHERE job = ?", (seq,))
    return Request(
        row["graph"], loads(row["wanted"]), row["extra"], loads(row["texts"]), loads(row["titles"]), results,
        frozenset((node, number) for node, number in claims),
    )  # fmt: skip


def end(db: Connection, job: Job, ended: End) -> Job:
    """Write how a job ended."""
    failure = dump(ended.failures[0]) if ended.failures else None
    row = db.execute(
        f"UPDATE jobs SET state = ?, ended = ?, failure = ?, deaths = 0 WHERE seq = ? RETURNING {_COLUMNS}",
        (ended.state, time.time(), failure, job.seq),
    ).fetchone()
    db.execute(
        "INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            job.seq, dump(ended.outputs), dump(ended.cached), dump(ended.failures),
            dump(ended.results), dump(ended.meta), dump(ended.timeline),
        ),
    )  # fmt: skip
    return _job(row)


def put_back(db: Connection, job: Job) -> Job | None:
    """A running job that could not be ended is pending again; that is no death of its."""
    row = db.execute(
        "UPDATE jobs SET state = 'pending', attempts = attempts - 1, started = NULL"
        f" WHERE seq = ? AND state = 'running' RETURNING {_COLUMNS}",
        (job.seq,),
    ).fetchone()
    return _job(row) if row is not None else None


def progressed(db: Connection, seq: int) -> None:
    """A suspect got something done: the deaths before do not set it aside, and it remains a suspect."""
    db.execute("UPDATE jobs SET deaths = ? WHERE seq = ? AND deaths > ?", (SUSPECT - 1, seq, SUSPECT - 1))


def recover(db: Connection) -> list[Job]:
    """After a start: what ran when the server died is pending again, or set aside.

    Gives the jobs that were set aside.
    """
    db.execute("UPDATE jobs SET deaths = deaths + 1 WHERE state = 'running'")
    failure = dump(
        {
            "message": "the server died each time that this job ran, at last when it ran alone",
            "kind": "Quarantined",
        }
    )
    rows = db.execute(
        "UPDATE jobs SET state = 'quarantined', ended = ?, failure = ?"
        f" WHERE state = 'running' AND (deaths > {SUSPECT} OR attempts >= {MOST_ATTEMPTS})"
        f" RETURNING {_COLUMNS}",
        (time.time(), failure),
    ).fetchall()
    db.execute("UPDATE jobs SET state = 'pending' WHERE state = 'running'")
    return [_job(row) for row in rows]


# What people change.


def cancel_pending(db: Connection, job_id: str) -> Job | None:
    """Cancel a job that does not run; None when it runs, has ended, or is not known."""
    row = db.execute(
        "UPDATE jobs SET state = 'cancelled', ended = ?"
        f" WHERE id = ? AND state IN ('pending', 'quarantined') RETURNING {_COLUMNS}",
        (time.time(), job_id),
    ).fetchone()
    return _job(row) if row is not None else None


def retry(db: Connection, job_id: str) -> Job | None:
    """An ended job that did not complete is pending again, with a clean record; None otherwise."""
    row = db.execute(
        "UPDATE jobs SET state = 'pending', attempts = 0, deaths = 0, started = NULL, ended = NULL,"
        " failure = NULL WHERE id = ? AND state IN ('failed', 'cancelled', 'quarantined')"
        f" RETURNING {_COLUMNS}",
        (job_id,),
    ).fetchone()
    if row is None:
        return None
    db.execute("DELETE FROM ends WHERE job = ?", (row["seq"],))
    return _job(row)


def place(db: Connection, places: Iterable[tuple[int, float, int]]) -> list[Job]:
    """Give pending jobs a new (priority, number), by seq."""
    moved = []
    for priority, number, seq in places:
        row = db.execute(
            "UPDATE jobs SET priority = ?, number = ? WHERE seq = ? AND state = 'pending'"
            f" RETURNING {_COLUMNS}",
            (priority, number, seq),
        ).fetchone()
        if row is not None:
            moved.append(_job(row))
    return moved


def forget(db: Connection, job_ids: Iterable[str] | None = None) -> int:
    """Delete ended jobs from history: these, or all."""
    states = ", ".join(f"'{state}'" for state in ENDED)
    if job_ids is None:
        return db.execute(f"DELETE FROM jobs WHERE state IN ({states})").rowcount
    deleted = 0
    for job_id in job_ids:
        deleted += db.execute(f"DELETE FROM jobs WHERE id = ? AND state IN ({states})", (job_id,)).rowcount
    return deleted


def expire(db: Connection, keep: int, days: float, most: int = 500) -> int:
    """Delete ended jobs that are too many or too old, with their claims; `most` at a time."""
    states = ", ".join(f"'{state}'" for state in ENDED)
    too_old = f"SELECT seq FROM jobs WHERE state IN ({states}) AND ended < ? LIMIT ?"
    too_many = (
        f"SELECT seq FROM jobs WHERE state IN ({states}) ORDER BY ended DESC, seq DESC LIMIT ? OFFSET ?"
    )
    values = (time.time() - days * 86_400, most)
    deleted = db.execute(f"DELETE FROM jobs WHERE seq IN ({too_old})", values).rowcount
    deleted += db.execute(f"DELETE FROM jobs WHERE seq IN ({too_many})", (most, keep)).rowcount
    return deleted


# Asking.


def find(db: Connection, job_id: str) -> Job | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return _job(row) if row is not None else None


def pending(db: Connection) -> list[Job]:
    return [_job(row) for row in db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE state = 'pending'")]


def highest(db: Connection) -> int:
    """The seq of the latest arrival ever."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    return row[0] if row is not None else 0


class Page(NamedTuple):
    """A part of a listing, and how long the whole is."""

    jobs: list[Job]
    total: int


def listing(
    db: Connection,
    *,
    states: Sequence[State] = tuple(State),
    workflow: str = "",
    by: str = "created",
    descending: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> Page:
    """Jobs in an order: `created` (by arrival) or `duration`."""
    marks = ", ".join("?" * len(states))
    where = f"state IN ({marks})" + (" AND workflow = ?" if workflow else "")
    values: list[Any] = [*states, *([workflow] if workflow else [])]
    total = db.execute(f"SELECT count(*) FROM jobs WHERE {where}", values).fetchone()[0]
    order = {"created": "seq", "duration": "coalesce(ended, 0) - coalesce(started, 0)"}[by]
    direction = "DESC" if descending else "ASC"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE {where}"
        f" ORDER BY {order} {direction}, seq {direction} LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return Page([_job(row) for row in rows], total)


def ended(db: Connection, limit: int, offset: int = -1) -> list[int]:
    """Jobs that ran and ended, by seq, the oldest first: the newest `limit`, or those from `offset` on."""
    states = ", ".join(f"'{state}'" for state in ENDED)
    chosen = f"SELECT seq FROM jobs WHERE state IN ({states}) AND started IS NOT NULL ORDER BY ended"
    if offset >= 0:
        rows = db.execute(f"{chosen} ASC LIMIT ? OFFSET ?", (limit, offset)).fetchall()
        return [row["seq"] for row in rows]
    rows = db.execute(f"{chosen} DESC LIMIT ?", (limit,)).fetchall()
    return [row["seq"] for row in reversed(rows)]


class Record(NamedTuple):
    """A job with its request and its end, the large parts still as JSON texts."""

    job: Job
    request: sqlite3.Row
    end: sqlite3.Row | None


def records(db: Connection, seqs: Iterable[int]) -> list[Record]:
    """Whole jobs, in the order asked for; those that are gone are left out."""
    found = []
    for seq in seqs:
        job = db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE seq = ?", (seq,)).fetchone()
        request = db.execute("SELECT * FROM requests WHERE job = ?", (seq,)).fetchone()
        if job is not None and request is not None:
            ended = db.execute("SELECT * FROM ends WHERE job = ?", (seq,)).fetchone()
            found.append(Record(_job(job), request, ended))
    return found


# Small facts: whether the queue is paused, …


def fact(db: Connection, name: str) -> str:
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row["value"] if row is not None else ""


def note(db: Connection, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


# Claims.


def recall(db: Connection, seq: int, node: str, number: int) -> str | None:
    row = db.execute(
        "SELECT path FROM claims WHERE job = ? AND node = ? AND number = ?", (seq, node, number)
    ).fetchone()
    return row["path"] if row is not None else None


def record(db: Connection, seq: int, node: str, number: int, path: str) -> None:
    db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", (seq, node, number, path))


def held(db: Connection, paths: Mapping[str, str]) -> set[str]:
    """Those of some files (path -> name) that a job of history made or shows."""
    claimed = {
        path for path in paths if db.execute("SELECT 1 FROM claims WHERE path = ?", (path,)).fetchone()
    }
    rows = db.execute(
        "SELECT outputs, results FROM ends WHERE outputs LIKE ? OR results LIKE ?", ('%"temp"%', '%"temp"%')
    )
    shown: set[str] = set()
    for row in rows:
        shown.update(_strings(json.loads(row["outputs"])), _strings(json.loads(row["results"])))
    return claimed | {path for path, name in paths.items() if name in shown}


def _strings(value: Any) -> Iterator[str]:
    """Every text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
