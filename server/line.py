"""The pending jobs in the order in which they go: suspects last, then priority, number, arrival."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from server.store.jobs import Job

Place = tuple[bool, int, float, int]


@dataclass
class Line:
    """A queue whose members may leave and move."""

    _jobs: dict[int, Job] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)
    _heap: list[tuple[Place, int]] = field(default_factory=list)  # old places stay until they surface

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._ids

    def get(self, job_id: str) -> Job | None:
        seq = self._ids.get(job_id)
        return self._jobs[seq] if seq is not None else None

    def put(self, job: Job) -> None:
        """Add a job, or give it its new place."""
        self._jobs[job.seq] = job
        self._ids[job.id] = job.seq
        heapq.heappush(self._heap, (job.place, job.seq))
        if len(self._heap) > 64 + 4 * len(self._jobs):  # much moving about leaves old places behind
            self._heap = [(each.place, each.seq) for each in self._jobs.values()]
            heapq.heapify(self._heap)

    def remove(self, job_id: str) -> None:
        seq = self._ids.pop(job_id, None)
        if seq is not None:
            del self._jobs[seq]

    def first(self) -> Job | None:
        """Who goes next."""
        while self._heap:
            place, seq = self._heap[0]
            job = self._jobs.get(seq)
            if job is not None and job.place == place:
                return job
            heapq.heappop(self._heap)
        return None

    def in_order(self) -> list[Job]:
        return sorted(self._jobs.values(), key=lambda job: job.place)

    def seqs(self) -> Iterable[int]:
        return (job.seq for job in self.in_order())
