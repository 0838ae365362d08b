"""What becomes of jobs when the server dies under them, and when it stops in peace."""

import asyncio
import time
from pathlib import Path

import pytest
from jobbing import begun, jobbing, saving, sleeping, submission
from toys import Graph, call

from engine.events import NodeFinished
from engine.node import node
from server.store import jobs as table
from server.store.jobs import Job, State

FOREVER = sleeping(60)


def files(home: Path) -> dict[str, str]:
    """What lies in the output folder: names, hidden ones too, and contents."""
    return {path.name: path.read_text() for path in sorted((home / "output").iterdir())}


async def deaths(home: Path, count: int) -> None:
    """Have the server die so often while a job runs."""
    for _ in range(count):
        async with jobbing(home, dies=True) as jobs:
            await begun(jobs)


def test_what_was_accepted_before_a_death_runs_after_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            for name in "abc":
                await jobs.submit(submission(sleeping(0.2, name), "save", id=name))
            await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            for name in "abc":
                job = await jobs.wait(name, 10)
                assert job.state is State.COMPLETED
                assert job.attempts == (2 if name == "a" else 1)
        assert sorted(files(tmp_path).values()) == ["a", "b", "c"]

    asyncio.run(go())


def test_after_one_death_a_job_keeps_its_place(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(sleeping(0.3), "save", id="first"))
            await jobs.submit(submission(saving(), "save", id="second"))
            await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            first, second = await jobs.wait("first", 10), await jobs.wait("second", 10)
            assert (first.ended or 0) < (second.ended or 0)

    asyncio.run(go())


def test_two_deaths_send_a_job_to_the_back_of_the_line(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(sleeping(0.3), "save", id="first", priority=5))
            await jobs.submit(submission(saving(), "save", id="second"))
            await begun(jobs)
        await deaths(tmp_path, 1)
        async with jobbing(tmp_path) as jobs:
            first, second = await jobs.wait("first", 10), await jobs.wait("second", 10)
            assert first.state is second.state is State.COMPLETED
            assert (first.started or 0) >= (second.ended or 0)

    asyncio.run(go())


def test_a_suspect_runs_alone(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(sleeping(0.3, "suspect"), "save", id="suspect"))
            await begun(jobs)
        await deaths(tmp_path, 1)
        async with jobbing(tmp_path, jobs=4) as jobs:
            assert jobs.running[0].suspect
            await begun(jobs)
            await jobs.submit(submission(saving("other"), "save", id="other"))
            await asyncio.sleep(0.05)
            assert [job.id for job in jobs.running] == ["suspect"]
            suspect, other = await jobs.wait("suspect", 10), await jobs.wait("other", 10)
            assert (other.started or 0) >= (suspect.ended or 0)

    asyncio.run(go())


def test_a_suspect_waits_until_the_others_have_ended(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(sleeping(0.1, "suspect"), "save", id="suspect"))
            await begun(jobs)
        async with jobbing(tmp_path, dies=True) as jobs:
            await begun(jobs)
            await jobs.pause()
        async with jobbing(tmp_path, jobs=4) as jobs:
            await jobs.submit(submission(sleeping(0.2, "a"), "save", id="a"))
            await jobs.submit(submission(sleeping(0.1, "b"), "save", id="b"))
            await jobs.resume()
            suspect, a, b = [await jobs.wait(name, 10) for name in ("suspect", "a", "b")]
            assert (b.started or 0) < (a.ended or 0)
            assert (suspect.started or 0) >= max(a.ended or 0, b.ended or 0)

    asyncio.run(go())


def test_a_third_death_alone_and_with_nothing_done_sets_a_job_aside(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(FOREVER, "save", id="bad"))
            await begun(jobs)
        await deaths(tmp_path, 2)
        async with jobbing(tmp_path) as jobs:
            job = await jobs.get("bad")
            assert (job.state, job.deaths, job.attempts) == (State.QUARANTINED, 3, 3)
            assert job.failure is not None
            assert "the server died each time" in job.failure["message"]
            assert jobs.remaining == 0
            page = await jobs.database.read(lambda db: table.listing(db, states=[State.QUARANTINED]))
            assert [each.id for each in page.jobs] == ["bad"]
            assert await jobs.database.read(lambda db: table.ended(db, 10)) == [job.seq]

    asyncio.run(go())


def test_a_job_that_was_set_aside_can_be_retried_with_a_clean_record(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(sleeping(0.1), "save", id="bad"))
            await begun(jobs)
        await deaths(tmp_path, 2)
        async with jobbing(tmp_path) as jobs:
            job = await jobs.retry("bad")
            assert (job.state, job.deaths, job.attempts, job.failure) == (State.PENDING, 0, 0, None)
            assert (await jobs.wait("bad", 10)).state is State.COMPLETED

    asyncio.run(go())


def test_a_job_that_was_set_aside_can_be_cancelled_or_forgotten(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(FOREVER, "save", id="bad"))
            await begun(jobs)
        await deaths(tmp_path, 2)
        async with jobbing(tmp_path) as jobs:
            assert await jobs.cancel("bad")
            assert (await jobs.get("bad")).state is State.CANCELLED
            assert await jobs.forget(["bad"]) == 1

    asyncio.run(go())


def test_a_suspect_that_gets_something_done_is_not_set_aside(tmp_path: Path) -> None:
    graph = {
        "work": call("Sleep", seconds=0.05, value="work"),
        "rest": call("Sleep", seconds=0.3),
        "join": call("Join", left=["work", 0], right=["rest", 0]),
        "save": call("Save", text=["join", 0]),
    }

    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            await jobs.submit(submission(graph, "save", id="long", cache="off"))
            await begun(jobs)
        await deaths(tmp_path, 1)
        for _ in range(2):
            async with jobbing(tmp_path, dies=True) as jobs:
                heard = Heard()
                jobs.listeners.append(heard)
                await begun(jobs)
                await heard.until("work")
                await jobs.database.write(lambda _db: None)  # what was noted before is written
        async with jobbing(tmp_path) as jobs:
            job = await jobs.wait("long", 10)
            assert (job.state, job.attempts) == (State.COMPLETED, 5)

    asyncio.run(go())


def test_ten_attempts_that_ended_in_a_death_are_enough_in_any_case(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            job, _ = await jobs.submit(submission(saving(), "save", id="bad"))
            for attempt in range(table.MOST_ATTEMPTS):
                await jobs.database.write(lambda db: table.begin(db, job))
                set_aside = await jobs.database.write(table.recover)
                assert bool(set_aside) == (attempt + 1 == table.MOST_ATTEMPTS)
                await jobs.database.write(lambda db: table.progressed(db, job.seq))

    asyncio.run(go())


def test_the_suspects_of_a_server_of_many_jobs_clear_themselves_one_by_one(tmp_path: Path) -> None:
    async def go() -> None:
        names = "abcd"
        async with jobbing(tmp_path, dies=True, jobs=4) as jobs:
            for name in names:
                await jobs.submit(submission(sleeping(0.1, name), "save", id=name))
            await begun(jobs, 4)
        async with jobbing(tmp_path, dies=True, jobs=4) as jobs:
            await begun(jobs, 4)
        async with jobbing(tmp_path, jobs=4) as jobs:
            most = Most()
            jobs.listeners.append(most)
            for name in names:
                job = await jobs.wait(name, 10)
                assert (job.state, job.deaths) == (State.COMPLETED, 0)
            assert most.at_once == 1
        assert sorted(files(tmp_path).values()) == list(names)

    asyncio.run(go())


# Stopping in peace.


def test_a_drain_lets_running_jobs_end_and_begins_no_more(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, drain=10) as jobs:
            await jobs.submit(submission(sleeping(0.2), "save", id="running"))
            await jobs.submit(submission(saving(), "save", id="waiting"))
            await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            assert (await jobs.wait("running", 0)).attempts == 1
            assert (await jobs.wait("waiting", 10)).state is State.COMPLETED

    asyncio.run(go())


def test_being_put_back_is_no_death(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(sleeping(0.2), "save", id="job"))
            await begun(jobs)
        for _ in range(4):
            async with jobbing(tmp_path) as jobs:
                await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            job = await jobs.wait("job", 10)
            assert (job.state, job.attempts, job.deaths) == (State.COMPLETED, 1, 0)

    asyncio.run(go())


def test_a_drain_right_after_a_submission_puts_the_job_back(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(sleeping(0.1), "save", id="job"))
        async with jobbing(tmp_path) as jobs:
            job = await jobs.wait("job", 10)
            assert (job.state, job.attempts) == (State.COMPLETED, 1)

    asyncio.run(go())


def test_a_job_that_does_not_notice_that_it_is_to_stop_is_put_back_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs._NOTICE_SECONDS", 0.05)
    monkeypatch.setattr("server.runner._LAST_SECONDS", 0.5)
    graph = {"stubborn": call("Stubborn", seconds=0.3), "save": call("Save", text=["stubborn", 0])}

    @node("Stubborn", category="toys", lane="io")
    def stubborn(*, seconds: float) -> str:
        time.sleep(seconds)
        return "done"

    async def go() -> None:
        for _ in range(3):
            async with jobbing(tmp_path) as jobs:
                jobs.engine.registry.add(stubborn, namespace="toys")
                if await jobs.find("job") is None:
                    await jobs.submit(submission(graph, "save", id="job"))
                await begun(jobs)
        async with jobbing(tmp_path) as jobs:
            jobs.engine.registry.add(stubborn, namespace="toys")
            job = await jobs.wait("job", 10)
            assert (job.state, job.attempts, job.deaths) == (State.COMPLETED, 1, 0)
        assert files(tmp_path) == {"text_00001_.txt": "done"}

    asyncio.run(go())


def test_a_job_that_people_cancelled_stays_cancelled_through_a_drain(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(FOREVER, "save", id="job"))
            await begun(jobs)
            assert await jobs.cancel("job")
        async with jobbing(tmp_path) as jobs:
            assert (await jobs.get("job")).state is State.CANCELLED

    asyncio.run(go())


# Running again.

TWO_SAVES: Graph = {
    "text": call("Text", value="first"),
    "one": call("Save", text=["text", 0]),
    "wait": call("Sleep", seconds=0.2, value="second"),
    "two": call("Save", text=["wait", 0]),
}


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("cache", ["use", "off"])
def test_a_job_that_is_run_again_has_each_file_once(tmp_path: Path, dies: bool, cache: str) -> None:
    async def go() -> None:
        async with jobbing(tmp_path, dies=dies) as jobs:
            await jobs.submit(submission(TWO_SAVES, "one", "two", id="job", cache=cache))
            await _file(tmp_path, "text_00001_.txt")
        async with jobbing(tmp_path) as jobs:
            assert (await jobs.wait("job", 10)).state is State.COMPLETED
        assert files(tmp_path) == {"text_00001_.txt": "first", "text_00002_.txt": "second"}

    asyncio.run(go())


def test_what_was_dear_and_done_is_not_done_again(tmp_path: Path) -> None:
    graph = {
        "dear": call("Sleep", seconds=0.1, value="dear"),
        "rest": call("Sleep", seconds=0.3, value="rest"),
        "join": call("Join", left=["dear", 0], right=["rest", 0]),
        "save": call("Save", text=["join", 0]),
    }

    async def go() -> None:
        async with jobbing(tmp_path, dies=True) as jobs:
            heard = Heard()
            jobs.listeners.append(heard)
            await jobs.submit(submission(graph, "save", id="job"))
            await heard.until("dear")
            assert jobs.engine.parts.disk is not None
            await asyncio.to_thread(jobs.engine.parts.disk.flush)
        async with jobbing(tmp_path) as jobs:
            heard = Heard()
            jobs.listeners.append(heard)
            assert (await jobs.wait("job", 10)).state is State.COMPLETED
            assert heard.finished == ["rest", "join", "save"]
        assert files(tmp_path) == {"text_00001_.txt": "dearrest"}

    asyncio.run(go())


def test_a_name_that_was_let_go_and_taken_by_another_job_is_not_written_over(tmp_path: Path) -> None:
    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.pause()
            first, _ = await jobs.submit(submission(saving("first"), "save", id="first"))
            await jobs.database.write(
                lambda db: table.record(db, first.seq, "save", 0, str(tmp_path / "output/text_00001_.txt"))
            )  # as an attempt does that fails afterwards
            await jobs.submit(submission(saving("second"), "save", id="second"))
            await jobs.move("second", to="front")
            await jobs.resume()
            assert (await jobs.wait("first", 10)).state is State.COMPLETED
        assert files(tmp_path) == {"text_00001_.txt": "second", "text_00002_.txt": "first"}

    asyncio.run(go())


def test_in_another_output_folder_a_job_gets_new_names(tmp_path: Path) -> None:
    other = tmp_path / "other"

    async def go() -> None:
        async with jobbing(tmp_path) as jobs:
            await jobs.submit(submission(TWO_SAVES, "one", "two", id="job"))
            await _file(tmp_path, "text_00001_.txt")
        other.mkdir()
        (other / "text_00001_.txt").write_text("somebody's own")
        async with jobbing(tmp_path, output=other) as jobs:
            assert (await jobs.wait("job", 10)).state is State.COMPLETED
        assert files(tmp_path) == {"text_00001_.txt": "first"}
        found = {path.name: path.read_text() for path in other.iterdir()}
        assert found == {
            "text_00001_.txt": "somebody's own",
            "text_00002_.txt": "first",
            "text_00003_.txt": "second",
        }

    asyncio.run(go())


async def _file(home: Path, name: str) -> None:
    while not (home / "output" / name).exists():
        await asyncio.sleep(0.002)


class Heard:
    """A listener that keeps which nodes have finished."""

    def __init__(self) -> None:
        self.finished: list[str] = []

    def changed(self, job: Job, end: object) -> None: ...

    def happened(self, job: Job, event: object) -> None:  # noqa: ARG002  # the protocol's names
        if isinstance(event, NodeFinished):
            self.finished.append(event.node)

    async def until(self, node: str) -> None:
        while node not in self.finished:
            await asyncio.sleep(0.002)


class Most:
    """A listener that counts how many jobs run at once."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.at_once = 0

    def changed(self, job: Job, end: object) -> None:  # noqa: ARG002  # the protocol's names
        (self.running.add if job.state is State.RUNNING else self.running.discard)(job.id)
        self.at_once = max(self.at_once, len(self.running))

    def happened(self, job: Job, event: object) -> None: ...
