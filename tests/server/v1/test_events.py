"""Streams of events: numbered, taken up again, ended."""

import asyncio
import base64
import io
import time
from pathlib import Path
from typing import Any

import pytest
from described import FAILING, Api, Told, described, hold, read_events, running, saving, sleeping
from described import Reply as Answer
from PIL import Image
from toys import Graph, call

from engine.events import NodeProgress, RunStarted
from engine.files import Files
from engine.node import Context, node
from server.store.jobs import End, Job, State
from server.v1.feed import FEED, Feed
from server.v1.reader import MOST, Reader
from server.v1.reader import Told as Event
from server.v1.shape import Shape


async def story(api: Api, job_id: str, **request: Any) -> list[Told]:
    """A job's stream, read to its end."""
    reply = await api("GET", f"/v1/jobs/{job_id}/events", **request)
    assert reply.status == 200
    return reply.events


def kinds(events: list[Told]) -> list[str]:
    return [event.kind for event in events]


def test_a_stream_tells_a_job_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(saving())
            events = await story(api, job["id"])
            assert kinds(events) == [
                "queued", "started", "cached", "node_started", "node_finished",
                "node_started", "node_shown", "node_finished", "ended",
            ]  # fmt: skip
            numbers = [event.number or 0 for event in events]
            assert numbers == sorted(set(numbers))
            whole = (await api("GET", f"/v1/jobs/{job['id']}")).json
            assert events[-1].data["job"] == {**whole, "metadata": None}

    asyncio.run(go())


def test_a_stream_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(saving())
            events = await story(api, job["id"])
            for place, event in enumerate(events[:-1]):
                rest = await story(api, job["id"], headers={"Last-Event-ID": str(event.number)})
                assert rest == events[place + 1 :]
                assert rest == await story(api, job["id"], params={"after": str(event.number)})
            headers = {"Last-Event-ID": str(events[-1].number)}
            reply = await api("GET", f"/v1/jobs/{job['id']}/events", headers=headers)
            assert reply.status == 204  # which tells browsers not to come again

    asyncio.run(go())


def test_failed_nodes_are_told_and_the_end_has_them(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(FAILING)
            events = await story(api, job["id"])
            (failed,) = [event for event in events if event.kind == "node_failed"]
            assert "broken on purpose" in failed.data["message"]
            assert events[-1].data["job"]["state"] == "failed"

    asyncio.run(go())


def test_progress_comes_with_the_part_of_the_whole_and_previews_only_for_those_who_ask(
    tmp_path: Path,
) -> None:
    graph: Graph = {
        "wait": call("Wait", seconds=0.2),
        "join": call("Join", left=["wait", 0], right="x"),
        "save": call("Save", text=["join", 0]),
        "steps": call("Steps", count=5),
        "also": call("Save", text=["steps", 0]),
    }

    async def go() -> None:
        async with described(tmp_path) as api:
            await api("POST", "/v1/queue/pause")
            job = await api.submit(graph)
            watched = asyncio.create_task(story(api, job["id"], params={"previews": "true"}))
            while not api.client.app[FEED]._readers:
                await asyncio.sleep(0.01)
            await api("POST", "/v1/queue/resume")
            events = await watched
            (preview,) = [event for event in events if event.kind == "preview"]
            assert preview.number is None
            with Image.open(io.BytesIO(base64.b64decode(preview.data["base64"]))) as picture:
                assert picture.format == "JPEG"
            last = [event.data for event in events if event.kind == "progress"][-1]
            assert (last["node"], last["done"], last["total"]) == ("steps", 5, 5)
            assert 0 < last["fraction"] < 1
            assert "preview" not in kinds(await story(api, job["id"]))

    asyncio.run(go())


def test_a_running_job_tells_how_far_it_is(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(sleeping())
            await running(api, job["id"])
            while (told := (await api("GET", f"/v1/jobs/{job['id']}")).json)["progress"] is None:
                await asyncio.sleep(0.01)
            assert told["progress"]["node"] == "sleep"
            assert 0 <= told["progress"]["fraction"] <= 1

    asyncio.run(go())


def test_a_second_attempt_goes_on_with_higher_numbers(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(FAILING)
            first = await story(api, job["id"])
            await api("POST", f"/v1/jobs/{job['id']}/retry")
            second = await story(api, job["id"], params={"after": str(first[-1].number)})
            assert kinds(second)[:2] == ["queued", "started"]
            assert kinds(second)[-1] == "ended"
            assert (second[0].number or 0) > (first[-1].number or 0)

    asyncio.run(go())


def test_after_a_restart_a_gap_tells_how_the_job_stands(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            done = await api.submit(saving())
            events = await story(api, done["id"])
            await api("POST", "/v1/queue/pause")
            waiting = await api.submit(saving("later"))
        async with described(tmp_path) as api:
            again = await story(api, done["id"], params={"after": str(events[2].number)})
            assert kinds(again) == ["gap", "ended"]
            assert again[0].data["job"]["state"] == "completed"
            params = {"after": str(events[-1].number)}
            assert (await api("GET", f"/v1/jobs/{done['id']}/events", params=params)).status == 204
            watched = asyncio.create_task(story(api, waiting["id"]))
            await asyncio.sleep(0.05)
            await api("POST", "/v1/queue/resume")
            later = await watched
            assert kinds(later)[:2] == ["gap", "started"]
            assert kinds(later)[-1] == "ended"
            assert all((event.number or 0) > (events[-1].number or 0) for event in later)

    asyncio.run(go())


def test_the_stream_of_all_jobs_tells_their_states(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            stream = await api.client.get("/v1/events")
            first = await api.submit(saving("a"))
            second = await api.submit(saving("b"))
            await api.ended(first["id"])
            await api.ended(second["id"])
            text = ""
            while text.count("event: ended") < 2:
                text += (await stream.content.readany()).decode()
            stream.close()
            events = read_events(text)
            assert {event.kind for event in events} == {"queued", "started", "ended"}
            assert [e.kind for e in events if e.data["job_id"] == first["id"]] == [
                "queued",
                "started",
                "ended",
            ]
            stream = await api.client.get("/v1/events", headers={"Last-Event-ID": str(events[3].number)})
            text = ""
            while text.count("event: ") < 2:
                text += (await stream.content.readany()).decode()
            stream.close()
            assert read_events(text) == events[4:]
            stream = await api.client.get("/v1/events", params={"after": "17"})
            text = ""
            while "event: gap" not in text:
                text += (await stream.content.readany()).decode()
            hold("GET", "/v1/events", Answer(200, stream.headers, text.encode()))
            stream.close()

    asyncio.run(go())


def test_silence_is_broken_by_comments_and_the_end_of_the_server_ends_streams(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            api.client.app[FEED].heartbeat = 0.02
            await api("POST", "/v1/queue/pause")
            job = await api.submit(saving())
            stream = await api.client.get(f"/v1/jobs/{job['id']}/events")
            text = ""
            while text.count("\n:\n") < 3:
                text += (await stream.content.readany()).decode()
            assert kinds(read_events(text)) == ["queued"]
            api.client.app[FEED].close()
            async with asyncio.timeout(5):
                assert read_events((await stream.content.read()).decode()) == []

    asyncio.run(go())


def test_numbers_that_are_none_are_refused_and_streams_have_no_head(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.submit(saving())
            for request in ({"headers": {"Last-Event-ID": "x"}}, {"params": {"after": "-1"}}):
                assert (await api("GET", f"/v1/jobs/{job['id']}/events", **request)).status == 422
            assert (await api.client.head("/v1/events")).status == 405

    asyncio.run(go())


# The feed itself.


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(Files(tmp_path))


def job(name: str = "a", state: State = State.RUNNING) -> Job:
    return Job(1, name, state, 0, 1.0, 1, 0, "", "", "use", time.time())


def test_a_node_is_heard_at_most_ten_times_a_second_and_at_its_end(feed: Feed) -> None:
    feed.changed(job(state=State.PENDING), None)
    feed.changed(job(), None)
    feed.happened(job(), RunStarted(nodes=2, to_run=2))
    reader = feed.join("a")
    for done in range(1, 1001):
        feed.happened(job(), NodeProgress(node="n", done=done, total=1000))
    assert [event.kind for event in reader.waiting] == ["progress", "progress"]
    past = feed.past("a", 0)
    assert past is not None
    assert [event.kind for event in past.events] == ["queued", "started", "progress"]  # the latest
    progress = feed.progress("a")
    assert progress is not None
    assert progress.fraction == 0.5


def test_what_is_too_much_is_forgotten_from_its_beginning(tmp_path: Path) -> None:
    feed = Feed(Files(tmp_path), each=3000)
    feed.changed(job(state=State.PENDING), None)
    past = feed.past("a", 0)
    assert past is not None
    assert past.whole
    for number in range(100):
        feed.happened(job(), NodeProgress(node=str(number), done=1, total=1))
    past = feed.past("a", 0)
    assert past is not None
    assert not past.whole
    assert 0 < len(past.events) < 100
    later = feed.past("a", past.events[0].number)
    assert later is not None
    assert later.whole
    assert later.events == past.events[1:]


def test_ended_jobs_are_forgotten_the_oldest_first_and_come_back_with_a_gap(tmp_path: Path) -> None:
    feed = Feed(Files(tmp_path), ended=2)
    old = job("0", State.PENDING)
    feed.changed(old, None)
    for name in ("0", "1", "2"):
        feed.changed(job(name), None)
        feed.changed(job(name, State.COMPLETED), End(State.COMPLETED))
    assert feed.past("0", 0) is None
    assert feed.past("1", 0) is not None
    feed.changed(old, None)  # it is retried
    past = feed.past("0", 0)
    assert past is not None
    assert not past.whole


def test_numbers_never_repeat(feed: Feed) -> None:
    numbers = [feed.number() for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert numbers == sorted(numbers)
    assert numbers[-1] < 1 << 53  # which JavaScript can hold


def nothing() -> Shape:
    return Shape()


@node("Unshowable", category="toys", output_node=True)
async def unshowable(ctx: Context, *, seconds: float = 0.05) -> None:
    """Shows what is no picture, and is still there when somebody looks."""
    for _ in range(10):
        ctx.preview("no picture")
        await asyncio.sleep(seconds)


def test_a_preview_that_is_no_picture_is_logged_and_nobody_is_harmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            api.engine.registry.add(unshowable, namespace="unshowable")
            job = await api.submit({"show": call("Unshowable")})
            reply = await api("GET", f"/v1/jobs/{job['id']}/events", params={"previews": "true"})
            assert reply.events[-1].kind == "ended"
            assert reply.events[-1].data["job"]["state"] == "completed"

    asyncio.run(go())
    assert "node show has a preview that cannot be shown" in caplog.text


def test_a_slow_reader_loses_previews_first_and_then_has_to_go() -> None:
    reader = Reader(previews=True)
    for number in range(1, 11):
        reader.put(Event(0, "preview", nothing))
        reader.put(Event(number, "node_started", nothing))
    assert len(reader.waiting) == 20
    for number in range(11, MOST + 1):
        reader.put(Event(number, "node_started", nothing))
    assert [event.number for event in reader.waiting] == list(range(1, MOST + 1))
    assert not reader.closed
    reader.put(Event(MOST + 1, "node_started", nothing))
    assert reader.closed


def test_who_wants_no_previews_gets_none() -> None:
    reader = Reader()
    reader.put(Event(0, "preview", nothing))
    assert not reader.waiting
