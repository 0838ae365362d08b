"""What people may do with jobs: place, pause, cancel, retry, wait, forget; and when the disk is full."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jobbing import begun, jobbing, saving, sleeping, submission
from toys import call

from engine.errors import StorageError
from server.errors import Refusal
from server.jobs import Jobs
from server.store import jobs as table
from server.store.jobs import End, Job, State


@asynccontextmanager
async def waiting(home: Path, names: str, **numbers: float) -> AsyncIterator[Jobs]:
    """A paused queue of jobs."""
    async with jobbing(home) as jobs:
        await jobs.pause()
        for name in names:
            await jobs.submit(submission(saving(name), "save", id=name, number=numbers.get(name)))
        yield jobs


def order(jobs: Jobs) -> str:
    return "".join(job.id for job in jobs.line.in_order())


async def order_after_restart(home: Path) -> str:
    async with jobbing(home) as jobs:
        return order(jobs)


# Places.


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ({"before": "a"}, "cabd"),
        ({"before": "b"}, "acbd"),
        ({"before": "c"}, "abcd"),
        ({"before": "d"}, "abcd"),
        ({"to": "front"}, "cabd"),
        ({"to": "back"}, "abdc"),
        ({"priority": 1}, "cabd"),
        ({"priority": -1}, "abdc"),
        ({"priority": 0}, "abcd"),
        ({"priority": 1, "to": "back"}, "abdc"),
    ],
)
def test_a_pending_job_moves_and_stays_there(tmp_path: Path, move: dict[str, Any], expected: str) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "abcd") as jobs:
            assert (await jobs.move("c", **move)).id == "c"
            assert order(jobs) == expected
        assert await order_after_restart(tmp_path) == expected

    asyncio.run(go())


@pytest.mark.parametrize("number", [0.0, 7.0, 2.0**53, 1e300, -1e300])
def test_jobs_of_one_number_can_be_put_in_any_order(tmp_path: Path, number: float) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "abc", a=number, b=number, c=number) as jobs:
            await jobs.move("c", before="b")
            assert order(jobs) == "acb"
            await jobs.move("a", to="back")
            assert order(jobs) == "cba"
            await jobs.move("b", to="front")
            assert order(jobs) == "bca"
        assert await order_after_restart(tmp_path) == "bca"

    asyncio.run(go())


def test_a_job_can_be_moved_between_two_others_for_ever(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "abcd") as jobs:
            for _ in range(60):
                await jobs.move("d", before="b")
                assert order(jobs) == "adbc"
                await jobs.move("c", before="d")
                assert order(jobs) == "acdb"
                await jobs.move("c", to="back")
                await jobs.move("d", to="back")
                await jobs.move("c", before="d")
            numbers = [job.number for job in jobs.line.in_order()]
            assert numbers == sorted(set(numbers))

    asyncio.run(go())


def test_between_neighbouring_numbers_all_are_counted_anew_and_later_ones_go_behind(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "abc", a=1.0, b=math.nextafter(1.0, 2.0)) as jobs:
            await jobs.move("c", before="b")
            assert order(jobs) == "acb"
            await jobs.submit(submission(saving("d"), "save", id="d"))
            await jobs.submit(submission(saving("e"), "save", id="e", front=True))
            assert order(jobs) == "eacbd"
        assert await order_after_restart(tmp_path) == "eacbd"

    asyncio.run(go())


def test_moving_before_a_job_of_another_priority_takes_that_priority(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "abc") as jobs:
            await jobs.move("a", priority=5)
            await jobs.move("c", before="a")
            assert order(jobs) == "cab"
            assert (await jobs.get("c")).priority == 5
            await jobs.move("a", to="back")
            assert order(jobs) == "cba"

    asyncio.run(go())


def test_only_pending_jobs_can_be_moved(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "ab") as jobs:
            with pytest.raises(Refusal, match="no pending job 'nobody'"):
                await jobs.move("nobody", to="front")
            with pytest.raises(Refusal, match="no pending job 'nobody'"):
                await jobs.move("a", before="nobody")
            assert order(jobs) == "ab"

    asyncio.run(go())


def test_a_job_does_not_go_before_one_under_which_the_server_died(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "ab") as jobs:
            await jobs.database.write(lambda db: db.execute("UPDATE jobs SET deaths = 2 WHERE id = 'a'"))
        async with jobbing(tmp_path) as jobs:
            assert order(jobs) == "ba"
            with pytest.raises(Refusal, match="go last"):
                await jobs.move("b", before="a")
            await jobs.move("a", to="front")
            assert order(jobs) == "ba"

    asyncio.run(go())


# Pausing.


def test_a_pause_survives_restarts_and_running_jobs_go_on(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(sleeping(0.1), "save", id="running"))
            await begun(jobs)
            await jobs.pause()
            await jobs.submit(submission(saving(), "save", id="waiting"))
            assert (await jobs.wait("running", 10)).state is State.COMPLETED
            assert (await jobs.wait("waiting", 0.05)).state is State.PENDING
        for _ in range(2):
            async with jobbing(tmp_path) as jobs:
                assert jobs.paused
                assert (await jobs.wait("waiting", 0.05)).state is State.PENDING
        async with jobbing(tmp_path) as jobs:
            await jobs.resume()
            assert (await jobs.wait("waiting", 10)).state is State.COMPLETED
        async with jobbing(tmp_path) as jobs:
            assert not jobs.paused

    asyncio.run(go())


# Keys of requests.


def test_a_request_that_is_sent_again_with_its_key_makes_one_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            first, new = await jobs.submit(submission(saving(), "save", request_key="k", digest="d"))
            again, newly = await jobs.submit(submission(saving(), "save", request_key="k", digest="d"))
            assert (new, newly) == (True, False)
            assert again.id == first.id
            await jobs.wait(first.id, 10)
        async with jobbing(tmp_path) as jobs:
            again, newly = await jobs.submit(submission(saving(), "save", request_key="k", digest="d"))
            assert (again.id, again.state, newly) == (first.id, State.COMPLETED, False)

    asyncio.run(go())


def test_a_key_with_another_request_is_refused_and_other_keys_are_others(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(saving(), "save", request_key="k", digest="d"))
            with pytest.raises(Refusal) as refused:
                await jobs.submit(submission(saving("x"), "save", request_key="k", digest="e"))
            assert (refused.value.status, refused.value.code) == (409, "idempotency_conflict")
            assert (await jobs.submit(submission(saving(), "save", request_key="l", digest="d")))[1]
            assert (await jobs.submit(submission(saving(), "save")))[1]

    asyncio.run(go())


def test_many_at_once_with_one_key_make_one_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            ends = await asyncio.gather(
                *(jobs.submit(submission(saving(), "save", request_key="k", digest="d")) for _ in range(20))
            )
            assert sum(new for _, new in ends) == 1
            assert len({job.id for job, _ in ends}) == 1

    asyncio.run(go())


# Cancelling and retrying.


@pytest.mark.parametrize("turns", range(12))
def test_a_job_is_cancelled_at_every_moment_of_its_beginning(tmp_path: Path, turns: int) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, _ = await jobs.submit(submission(sleeping(30), "save"))
            for _ in range(turns):
                await asyncio.sleep(0.0004)
            assert await jobs.cancel(job.id)
            assert (await jobs.wait(job.id, 10)).state is State.CANCELLED
            assert jobs.remaining == 0
            after, _ = await jobs.submit(submission(saving(), "save"))
            assert (await jobs.wait(after.id, 10)).state is State.COMPLETED

    asyncio.run(go())


def test_a_cancellation_and_the_beginning_meet_in_the_database(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "ab") as jobs:
            cancelling = asyncio.ensure_future(jobs.cancel("a"))
            await asyncio.sleep(0)  # its wish is with the writer
            jobs.paused = False
            jobs._dispatch()
            assert await cancelling
            assert (await jobs.wait("b", 10)).state is State.COMPLETED
            assert (await jobs.get("a")).state is State.CANCELLED
            assert (await jobs.get("a")).attempts == 0

    asyncio.run(go())


def test_what_has_ended_cannot_be_cancelled(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            for graph, state in ((saving(), State.COMPLETED), ({"save": call("Fail")}, State.FAILED)):
                job, _ = await jobs.submit(submission(graph, "save"))
                await jobs.wait(job.id, 10)
                assert not await jobs.cancel(job.id)
                assert (await jobs.get(job.id)).state is state

    asyncio.run(go())


def test_interrupting_ends_the_oldest_running_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, jobs=2) as jobs:
            assert not await jobs.interrupt()
            for name in "ab":
                await jobs.submit(submission(sleeping(30, name), "save", id=name))
            await begun(jobs, 2)
            assert await jobs.interrupt()
            assert (await jobs.wait("a", 10)).state is State.CANCELLED
            assert [job.id for job in jobs.running] == ["b"]

    asyncio.run(go())


def test_a_cancelled_job_can_be_retried_and_a_completed_one_not(tmp_path: Path) -> None:
    async def go() -> None:
        async with waiting(tmp_path, "a") as jobs:
            await jobs.cancel("a")
            job = await jobs.retry("a")
            assert (job.state, order(jobs)) == (State.PENDING, "a")
            with pytest.raises(Refusal, match="the job is pending"):
                await jobs.retry("a")
            await jobs.resume()
            await jobs.wait("a", 10)
            with pytest.raises(Refusal, match="the job is completed"):
                await jobs.retry("a")
            with pytest.raises(Refusal) as refused:
                await jobs.retry("nobody")
            assert refused.value.status == 404

    asyncio.run(go())


def test_a_retried_job_does_again_what_failed_and_nothing_else(tmp_path: Path) -> None:
    graph = {
        "good": call("Save", text="good"),
        "bad": call("Fail"),
        "save": call("Save", text=["bad", 0]),
    }

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, _ = await jobs.submit(submission(graph, "good", "save"))
            assert (await jobs.wait(job.id, 10)).state is State.FAILED
            await jobs.retry(job.id)
            assert (await jobs.wait(job.id, 10)).state is State.FAILED
        assert [path.name for path in (tmp_path / "output").iterdir()] == ["text_00001_.txt"]

    asyncio.run(go())


# Waiting and forgetting.


def test_waiting_ends_with_the_job_or_with_the_time(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, _ = await jobs.submit(submission(sleeping(0.2), "save"))
            start = time.perf_counter()
            assert not (await jobs.wait(job.id, 0.01)).state.ended
            assert time.perf_counter() - start < 0.15
            all_of_them = await asyncio.gather(*(jobs.wait(job.id, 10) for _ in range(5)))
            assert {each.state for each in all_of_them} == {State.COMPLETED}
            assert (await jobs.wait(job.id, 10)).state is State.COMPLETED
            with pytest.raises(Refusal, match="there is no job 'nobody'"):
                await jobs.wait("nobody", 10)
            assert not jobs._waiters

    asyncio.run(go())


def test_only_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            done, _ = await jobs.submit(submission(saving(), "save", id="done"))
            await jobs.wait("done", 10)
            await jobs.submit(submission(sleeping(30), "save", id="running"))
            await jobs.submit(submission(saving(), "save", id="pending"))
            await begun(jobs)
            assert await jobs.forget(["done", "running", "pending", "nobody"]) == 1
            assert await jobs.forget() == 0
            assert await jobs.find("done") is None
            left = "SELECT job FROM requests UNION ALL SELECT job FROM ends UNION ALL SELECT job FROM claims"
            rows = await jobs.database.read(lambda db: db.execute(left).fetchall())
            assert done.seq not in [row["job"] for row in rows]
        assert (tmp_path / "output" / "text_00001_.txt").exists()

    asyncio.run(go())


# Several at once.


def test_so_many_jobs_run_at_once_as_were_asked_for(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, jobs=3) as jobs:
            for name in "abcd":
                await jobs.submit(submission(sleeping(0.3, name), "save", id=name))
            await begun(jobs, 3)
            assert [job.id for job in jobs.running] == ["a", "b", "c"]
            assert order(jobs) == "d"
            for name in "abcd":
                assert (await jobs.wait(name, 10)).state is State.COMPLETED

    asyncio.run(go())


def test_identical_work_of_two_jobs_is_done_once(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, jobs=2) as jobs:
            start = time.perf_counter()
            for name in "ab":
                await jobs.submit(submission(sleeping(0.3), "save", id=name))
            a, b = await jobs.wait("a", 10), await jobs.wait("b", 10)
            assert a.state is b.state is State.COMPLETED
            assert (b.started or 0) < (a.ended or 0)
            assert time.perf_counter() - start < 0.55
            a_ended, b_ended = await jobs.database.read(lambda db: table.records(db, [a.seq, b.seq]))
            assert a_ended.end is not None
            assert b_ended.end is not None
            assert a_ended.end["outputs"] == b_ended.end["outputs"]
        assert [path.name for path in (tmp_path / "output").iterdir()] == ["text_00001_.txt"]

    asyncio.run(go())


def test_when_one_of_two_with_identical_work_is_cancelled_the_other_goes_on(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, jobs=2) as jobs:
            for name in "ab":
                await jobs.submit(submission(sleeping(0.3), "save", id=name))
            await begun(jobs, 2)
            await asyncio.sleep(0.05)
            await jobs.cancel("a")
            assert (await jobs.wait("a", 10)).state is State.CANCELLED
            assert (await jobs.wait("b", 10)).state is State.COMPLETED

    asyncio.run(go())


# When things go wrong around a job.


class Breaking:
    """A listener that breaks whenever it is told something."""

    def changed(self, job: Job, end: End | None) -> None:
        raise RuntimeError(job.id, end)

    def happened(self, job: Job, event: object) -> None:
        raise RuntimeError(job.id, event)


def test_a_listener_that_breaks_loses_no_job(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            jobs.listeners.append(Breaking())
            job, _ = await jobs.submit(submission(saving(), "save"))
            assert (await jobs.wait(job.id, 10)).state is State.COMPLETED

    asyncio.run(go())


def test_a_client_that_goes_while_its_job_is_accepted_has_it_run_all_the_same(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            submitting = asyncio.ensure_future(jobs.submit(submission(saving(), "save", id="job")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            submitting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await submitting
            while await jobs.find("job") is None:
                await asyncio.sleep(0.002)
            assert (await jobs.wait("job", 10)).state is State.COMPLETED

    asyncio.run(go())


def test_an_end_that_cannot_be_written_is_a_failure_and_the_queue_goes_on(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            listener = Deepening(deep)
            await jobs.pause()
            job, _ = await jobs.submit(submission(saving(), "save"))
            jobs.listeners.append(listener)
            await jobs.resume()
            ended = await jobs.wait(job.id, 10)
            assert ended.state is State.FAILED
            after, _ = await jobs.submit(submission(saving("other"), "save"))
            jobs.listeners.remove(listener)
            assert (await jobs.wait(after.id, 10)).state is State.COMPLETED

    asyncio.run(go())


class Deepening:
    """Puts what JSON cannot hold among what a job showed."""

    def __init__(self, deep: list[Any]) -> None:
        self.deep = deep

    def changed(self, job: Job, end: object) -> None: ...

    def happened(self, job: Job, event: Any) -> None:  # noqa: ARG002  # the protocol's names
        if isinstance(shown := getattr(event, "shown", None), dict):
            shown["deep"] = self.deep


def test_while_the_disk_is_full_jobs_are_refused_and_when_there_is_space_the_queue_goes_on(
    tmp_path: Path,
) -> None:
    async def pages(jobs: Jobs, most: int) -> None:
        await jobs.database.write(lambda db: db.execute(f"PRAGMA max_page_count = {most}").fetchone())

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(sleeping(0.2), "save", id="before"))
            await begun(jobs)
            await pages(jobs, 1)
            large = saving("x" * 300_000)
            with pytest.raises(StorageError, match="cannot write the job database"):
                await jobs.submit(submission(large, "save", id="refused"))
            await asyncio.sleep(0.3)
            await pages(jobs, 1_000_000)
            assert (await jobs.wait("before", 10)).state in {State.COMPLETED, State.FAILED}
            assert await jobs.find("refused") is None
            await jobs.submit(submission(large, "save", id="refused"))
            assert (await jobs.wait("refused", 10)).state is State.COMPLETED

    asyncio.run(go())
