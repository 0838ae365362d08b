"""Log lines: the job, the form, and nothing that is nobody's business."""

import asyncio
import contextvars
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doors import ask, doors

from server import logs
from server.config import Settings
from server.logs import set_up

SECRET = "the-word-of-this-server"  # noqa: S105  # a token under test
log = logging.getLogger("safelight.test")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """What is set up here is not set up for other tests."""
    root, ours, access = (logging.getLogger(each) for each in ("", "safelight", "aiohttp.access"))
    before = root.handlers[:], root.level, ours.level, access.disabled
    yield
    root.handlers[:], root.level, ours.level, access.disabled = before


def lines(**settings: Any) -> io.StringIO:
    """Where lines of a server with these settings go."""
    stream = io.StringIO()
    set_up(Settings(**settings), stream)
    return stream


def test_a_line_has_time_level_message_and_facts() -> None:
    written = lines()
    log.warning("the %s is low", "lamp", extra={"watts": 4, "colour": "deep red"})
    stamp, rest = written.getvalue()[:19], written.getvalue()[20:]
    assert len(stamp.split()) == 2
    assert rest == 'warning the lamp is low  watts=4 colour="deep red"\n'


def test_json_lines_are_objects() -> None:
    written = lines(log_json=True)
    log.info("the lamp is low", extra={"watts": 4, "near": ["door", "sink"], "level": "mine"})
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "logger": "safelight.test", "message": "the lamp is low",
        "watts": 4, "near": '["door", "sink"]',
    }  # fmt: skip


@pytest.mark.parametrize("log_json", [False, True])
def test_lines_name_the_job_that_the_code_works_for(log_json: bool) -> None:
    written = lines(log_json=log_json)

    def work() -> None:
        logs.job.set("j-1")
        log.info("inside")
        log.info("another's", extra={"job": "j-2"})

    contextvars.copy_context().run(work)
    log.info("outside")
    inside, others, outside = written.getvalue().splitlines()
    assert "j-1" in inside
    assert "j-2" in others
    assert "j-1" not in others + outside


def test_the_level_decides(capsys: pytest.CaptureFixture[str]) -> None:
    written = lines(log_level="warning")
    log.info("quiet")
    log.error("loud")
    logging.getLogger("somebody.else").info("quiet too")
    assert "quiet" not in written.getvalue() + capsys.readouterr().err
    assert "loud" in written.getvalue()


@pytest.mark.parametrize("log_json", [False, True])
def test_prompts_are_logged_only_where_that_was_asked_for(log_json: bool) -> None:
    quiet = lines(log_json=log_json)
    log.info("accepted", extra={"prompt": {"6": {"inputs": {"text": "a fox"}}}})
    assert "accepted" in quiet.getvalue()
    assert "fox" not in quiet.getvalue()
    open_ = lines(log_json=log_json, log_prompts=True)
    log.info("accepted", extra={"prompt": {"6": {"inputs": {"text": "a fox"}}}})
    assert "fox" in open_.getvalue()


@pytest.mark.parametrize("log_json", [False, True])
@pytest.mark.parametrize(
    ("message", "left"),
    [
        (f"GET /view?a=1&token={SECRET}&b=2", "b=2"),
        ("GET /view?token=another-word&b=2", "b=2"),
        (f"Authorization: Bearer {SECRET}", "Bearer"),
        ("authorization: bearer another-word, and more", "and more"),
        ("Cookie: safelight-token=another-word; a=b", "a=b"),
        (f"it was {SECRET} and no other", "no other"),
        ('{"api_key_comfy_org": "another-word", "a": 1}', "a"),
    ],
)
def test_secrets_are_in_no_line(message: str, left: str, log_json: bool) -> None:
    written = lines(token=SECRET, log_json=log_json)
    try:
        raise ValueError(message)
    except ValueError:
        log.exception(message, extra={"fact": message, "list": [message]})
    log.info("%s", message)
    assert SECRET not in written.getvalue()
    assert "another-word" not in written.getvalue()
    assert left in written.getvalue()


def test_a_client_cannot_write_lines_of_its_own() -> None:
    written = lines()
    log.info("GET %s", "/a\n2026-01-01 info forged\x1b[2J", extra={"from": "x\ny"})
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b" not in written.getvalue()


def test_a_mistake_comes_with_its_traceback() -> None:
    written = lines(log_json=True)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        log.exception("it failed")
    assert "RuntimeError: broken" in json.loads(written.getvalue())["trace"]


def test_setting_up_again_writes_each_line_once() -> None:
    first, second = lines(), lines()
    log.info("hello")
    assert first.getvalue() == ""
    assert second.getvalue().count("hello") == 1


def test_requests_are_told_when_debugging_by_their_path_alone(tmp_path: Path) -> None:
    async def requests(**settings: Any) -> str:
        written = lines(token=SECRET, **settings)
        async with doors(tmp_path, token=SECRET) as client:
            await ask(client, f"/?token={SECRET}")
            await ask(client, "/health?deep=1")
        return written.getvalue()

    assert "/health" not in asyncio.run(requests())
    written = asyncio.run(requests(log_level="debug"))
    assert "GET /health  status=200 seconds=" in written
    assert "GET /  status=303" in written
    assert "token" not in written
    assert "deep" not in written
