"""The pending jobs in the order in which they go: suspects last, then priority, number, arrival."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from server.store.jobs import Job

Place = tuple[bool, int, float, int]

#: A priority and a number for the job of a seq.
Room = tuple[int, float, int]


@dataclass
class Line:
    """A queue whose members may leave and move."""

    _jobs: dict[int, Job] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)
    _places: list[Place] = field(default_factory=list)  # sorted; the last part of each is the job's seq

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._ids

    def get(self, job_id: str) -> Job | None:
        seq = self._ids.get(job_id)
        return self._jobs[seq] if seq is not None else None

    def put(self, job: Job) -> None:
        """Add a job, or give it its new place."""
        self.remove(job.id)
        self._jobs[job.seq] = job
        self._ids[job.id] = job.seq
        insort(self._places, job.place)

    def remove(self, job_id: str) -> None:
        seq = self._ids.pop(job_id, None)
        if seq is not None:
            del self._places[self._index(self._jobs.pop(seq))]

    def first(self) -> Job | None:
        """Who goes next."""
        return self._jobs[self._places[0][-1]] if self._places else None

    def position(self, job_id: str) -> int | None:
        """How many go before a job; None when it is not in the line."""
        job = self.get(job_id)
        return self._index(job) if job is not None else None

    def in_order(self) -> list[Job]:
        return [self._jobs[seq] for seq in self.seqs()]

    def seqs(self) -> Iterable[int]:
        return (place[-1] for place in self._places)

    def _index(self, job: Job) -> int:
        return bisect_left(self._places, job.place)

    def room(self, job: Job, priority: int, *, after: Sequence[Job], before: Sequence[Job]) -> list[Room]:
        """What brings a job between others of its kind: a number for it, or for all where none is between."""
        after = [each for each in after if each.priority == priority]
        before = [each for each in before if each.priority == priority]
        number: float | None = job.number
        if after or before:
            number = _between(after[-1].number if after else None, before[0].number if before else None)
        if number is not None:
            return [(priority, number, job.seq)]
        return [(priority, float(number), each.seq) for number, each in enumerate([*after, job, *before])]


def _between(low: float | None, high: float | None) -> float | None:
    """A number between two, or beyond one; None when floats have none."""
    if low is not None and high is not None:
        number = low / 2 + high / 2
    else:
        number = low + 1 if low is not None else (high or 0) - 1
    return number if (low is None or low < number) and (high is None or number < high) else None
