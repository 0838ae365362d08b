"""What becomes of jobs."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from jobbing import begun, jobbing, saving, sleeping, submission
from PIL import Image
from toys import call

from server.errors import Refusal
from server.store.jobs import State


def test_a_job_runs_and_its_end_is_remembered(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, new = await jobs.submit(submission(saving(), "save"))
            assert new
            assert job.state is State.PENDING
            ended = await jobs.wait(job.id, 10)
            assert ended.state is State.COMPLETED
            assert ended.attempts == 1
        assert (tmp_path / "output" / "text_00001_.txt").read_text() == "hello"
        async with jobbing(tmp_path) as jobs:
            assert (await jobs.get(job.id)).state is State.COMPLETED

    asyncio.run(go())


def test_jobs_run_one_after_the_other_by_number_and_priority(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            await jobs.submit(submission(saving("first"), "save", id="a"))
            await jobs.submit(submission(saving("second"), "save", id="b"))
            await jobs.submit(submission(saving("front"), "save", id="c", front=True))
            await jobs.submit(submission(saving("urgent"), "save", id="d", priority=1))
            assert [job.id for job in jobs.line.in_order()] == ["d", "c", "a", "b"]
            await jobs.move("b", before="a")
            assert [job.id for job in jobs.line.in_order()] == ["d", "c", "b", "a"]
            await jobs.move("a", to="front")
            assert [job.id for job in jobs.line.in_order()] == ["a", "d", "c", "b"]
            await jobs.resume()
            ends = [(await jobs.wait(name, 10)).ended or 0 for name in "adcb"]
            assert ends == sorted(ends)

    asyncio.run(go())


def test_a_pending_job_and_a_running_one_can_be_cancelled(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            running, _ = await jobs.submit(submission(sleeping(30), "save"))
            pending, _ = await jobs.submit(submission(saving(), "save"))
            await begun(jobs)
            assert await jobs.cancel(pending.id)
            assert (await jobs.get(pending.id)).state is State.CANCELLED
            assert await jobs.cancel(running.id)
            assert (await jobs.wait(running.id, 10)).state is State.CANCELLED
            assert not await jobs.cancel(running.id)
            assert not await jobs.cancel("nobody")

    asyncio.run(go())


def test_a_failed_job_says_why_and_can_be_retried(tmp_path: Path) -> None:
    graph = {"fail": call("Fail"), "save": call("Save", text=["fail", 0])}

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, _ = await jobs.submit(submission(graph, "save"))
            failed = await jobs.wait(job.id, 10)
            assert failed.state is State.FAILED
            assert failed.failure is not None
            assert "broken on purpose" in failed.failure["message"]
            assert failed.failure["node"] == "fail"
            await jobs.retry(job.id)
            assert (await jobs.wait(job.id, 10)).state is State.FAILED

    asyncio.run(go())


def test_an_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(saving(), "save", id="mine"))
            with pytest.raises(Refusal) as refused:
                await jobs.submit(submission(saving(), "save", id="mine"))
            assert refused.value.status == 409

    asyncio.run(go())


def test_a_running_job_is_put_back_when_the_server_stops_and_runs_at_the_next_start(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            job, _ = await jobs.submit(submission(sleeping(0.6), "save"))
            await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            ended = await jobs.wait(job.id, 10)
            assert (ended.state, ended.attempts) == (State.COMPLETED, 1)

    asyncio.run(go())


def test_a_named_output_that_cannot_be_written_fails_the_job_and_names_no_folder(tmp_path: Path) -> None:
    graph = {"thing": call("Make"), **saving()}

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            hooks = jobs.engine.registry.hooks
            jobs.engine.registry.hooks = replace(hooks, as_images=lambda _: [Image.new("RGB", (4, 4))])
            temp = jobs.engine.files.temp
            await asyncio.to_thread(temp.rmdir)
            await asyncio.to_thread(temp.write_text, "in the way")
            results = {"thing": ("thing", 0)}
            await jobs.submit(submission(graph, "save", "thing", id="job", results=results))
            job = await jobs.wait("job", 10)
            assert job.state is State.FAILED
            assert job.failure is not None
            assert (job.failure["node"], job.failure["kind"]) == ("thing", "StorageError")
            assert job.failure["message"].startswith("the output 'thing': cannot ")
            assert str(tmp_path) not in job.failure["message"]
        assert (tmp_path / "output" / "text_00001_.txt").read_text() == "hello"

    asyncio.run(go())


def test_a_job_that_is_about_to_begin_counts_as_one_that_runs(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            await jobs.submit(submission(sleeping(0.1), "save", id="job"))
            await jobs.resume()
            [job] = jobs.running
            assert (job.state, job.attempts) == (State.RUNNING, 1)
            assert job.started is not None
            ended = await jobs.wait("job", 10)
            assert (ended.state, ended.attempts) == (State.COMPLETED, 1)

    asyncio.run(go())
