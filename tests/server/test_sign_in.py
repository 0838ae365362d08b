"""The token: each way to show it, what happens without it, and how fast it may be guessed."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from doors import PAGE, SOCKET, ask, doors, knock
from serving import Client

from engine.errors import StorageError
from server.commands.serve import tell_token
from server.config import Settings
from server.sign_in import COOKIE, Attempts, is_token, with_token

SECRET = "the/word+of=this_server"  # noqa: S105  # a token under test
WRONG = "another-word"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # a setting under test; nothing is bound to it

AS_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def bearer(word: str = SECRET) -> dict[str, str]:
    return {"Authorization": f"Bearer {word}"}


def cookie(word: str = SECRET) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={word}"}


@pytest.mark.parametrize(
    ("headers", "path", "method", "status"),
    [
        ({}, PAGE, "GET", 401),
        (bearer(), PAGE, "GET", 200),
        ({"Authorization": f"bearer  {SECRET}"}, PAGE, "GET", 200),
        (bearer(), PAGE, "POST", 200),
        (cookie(), PAGE, "GET", 200),
        (cookie(), PAGE, "POST", 200),
        (bearer(WRONG), PAGE, "GET", 401),
        (cookie(WRONG), PAGE, "GET", 401),
        (bearer(SECRET[:-1]), PAGE, "GET", 401),
        (bearer(SECRET + "x"), PAGE, "GET", 401),
        (bearer(""), PAGE, "GET", 401),
        ({"Authorization": f"Basic {SECRET}"}, PAGE, "GET", 401),
        ({"Authorization": SECRET}, PAGE, "GET", 401),
        (bearer(WRONG) | cookie(), PAGE, "GET", 200),
        ({}, f"{PAGE}?token={SECRET}", "GET", 401),
        ({}, f"/prompt?token={SECRET}", "POST", 401),
        ({}, f"/view?token={SECRET}", "POST", 401),
        ({}, "/view?filename=none.png&token=the/word%2Bof=this_server", "GET", 404),
        ({}, "/api/view?filename=none.png&token=the/word%2Bof=this_server", "GET", 404),
        ({}, f"/view?filename=none.png&token={WRONG}", "GET", 401),
        ({}, "/view?filename=none.png", "GET", 401),
        ({}, "/nowhere", "GET", 401),
        ({}, "/metrics", "GET", 401),
        (bearer(), "/metrics", "GET", 200),
        ({}, "/health", "GET", 200),
        ({}, "/ready", "GET", 200),
        ({}, "/v1/login", "GET", 200),
        ({}, "/health/", "GET", 401),
        ({}, "/v1%2Flogin", "GET", 401),
        ({}, "/health/../metrics", "GET", 401),
        ({}, "/api/health", "GET", 401),
        ({}, PAGE, "OPTIONS", 401),
        (bearer("\xff\xfe"), PAGE, "GET", 401),
    ],
)  # fmt: skip
def test_every_way_to_show_the_token(
    headers: Mapping[str, str], path: str, method: str, status: int, tmp_path: Path
) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            got, told, text = await ask(client, path, headers, method)
            assert got == status
            assert SECRET not in text
            if status == 401:
                assert told["WWW-Authenticate"].startswith("Bearer")
                assert json.loads(text)["error"]["code"] == "unauthorized"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("?token=the/word%2Bof=this_server", {}, 101),
        (f"?token={WRONG}", {}, 401),
        ("", bearer(), 101),
        ("", cookie(), 101),
        ("", cookie(WRONG), 401),
        ("", {**cookie(), "Origin": "http://evil.example"}, 403),
    ],
)
def test_sockets_ask_too_and_take_a_query(
    query: str, headers: Mapping[str, str], status: int, tmp_path: Path
) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            assert await knock(client, SOCKET + query, headers) == status

    asyncio.run(go())


def test_without_a_token_nothing_is_asked(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            assert (await ask(client))[0] == 200
            status, told, _ = await ask(client, "/v1/login", method="POST", json={"token": "x"})
            assert status == 200
            assert "Set-Cookie" not in told

    asyncio.run(go())


def cookie_of(headers: Mapping[str, str]) -> tuple[str, set[str]]:
    value, *attributes = headers["Set-Cookie"].split("; ")
    return value, set(attributes)


def test_an_address_with_the_token_gives_a_cookie_and_goes_on_without_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            path = "/?token=the/word%2Bof=this_server&theme=dark"
            status, told, text = await ask(client, path, {"Accept": "text/html"})
            assert (status, told["Location"], text) == (303, "/?theme=dark", "")
            value, attributes = cookie_of(told)
            assert attributes >= {"HttpOnly", "SameSite=Strict", "Path=/"}
            assert "Secure" not in attributes
            assert told["Cache-Control"] == "no-store"
            assert (await ask(client, headers={"Cookie": value}))[0] == 200
            assert (await ask(client, f"/?token={WRONG}"))[0] == 401
            assert "Set-Cookie" not in (await ask(client, f"/?token={WRONG}"))[1]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"json": {"token": SECRET}}, 200),
        ({"data": json.dumps({"token": SECRET}), "headers": AS_FORM}, 200),
        ({"data": {"token": SECRET}}, 303),
        ({"json": {"token": WRONG}}, 401),
        ({"data": {"token": WRONG}}, 401),
        ({"json": {"token": 7}}, 400),
        ({"json": [SECRET]}, 400),
        ({"json": {}}, 400),
        ({"data": b"{"}, 400),
        ({"data": b""}, 400),
        ({"data": b" " * 5000}, 413),
    ],
)  # fmt: skip
def test_signing_in_by_json_and_by_the_form(how: dict[str, object], status: int, tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            async with client.post("/v1/login", allow_redirects=False, **how) as response:  # type: ignore[arg-type]  # the keywords are the table's
                assert response.status == status
                assert (COOKIE in response.cookies) is (status in {200, 303})
                assert SECRET not in await response.text()
            if status in {200, 303}:  # the client keeps cookies, as a browser does
                assert (await ask(client))[0] == 200

    asyncio.run(go())


def test_another_site_cannot_sign_a_browser_in(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            foreign = {"Origin": "http://evil.example"}
            assert (await ask(client, "/v1/login", foreign, "POST", json={"token": SECRET}))[0] == 403

    asyncio.run(go())


def test_a_person_without_a_token_gets_a_page_that_runs_nothing_foreign(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            status, told, text = await ask(client, "/", {"Accept": "text/html,*/*"})
            assert status == 401
            assert 'action="/v1/login"' in text
            policy = told["Content-Security-Policy"]
            assert "unsafe" not in policy
            for tag in ("script", "style"):
                found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
                assert found is not None
                digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
                assert f"{tag}-src 'sha256-{digest}'" in policy

    asyncio.run(go())


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not is_token(SECRET, Settings(token=SECRET))
    assert compared == [(SECRET.encode(), SECRET.encode())]


@pytest.mark.parametrize("offered", ["", "é", "\udcff", "\0", SECRET.upper()])
def test_no_odd_text_is_the_token(offered: str) -> None:
    assert not is_token(offered, Settings(token=SECRET))


# Guessing.


def test_ten_tokens_are_free_then_each_waits_twice_as_long() -> None:
    attempts = Attempts()
    for number in range(9):
        attempts.failed("a", str(number), 0.0)
    assert attempts.wait("a", 0.0) == 0
    waits = []
    for number in range(9, 18):
        attempts.failed("a", str(number), 0.0)
        waits.append(attempts.wait("a", 0.0))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert attempts.wait("a", 59.0) == 1
    assert attempts.wait("b", 0.0) == 0


def test_one_stale_token_said_again_and_again_slows_nobody() -> None:
    attempts = Attempts()
    for _ in range(100):
        attempts.failed("a", "stale", 0.0)
    assert attempts.wait("a", 0.0) == 0


def test_the_right_token_and_time_are_forgiven() -> None:
    attempts = Attempts()
    for number in range(12):
        attempts.failed("a", str(number), 0.0)
    attempts.failed("a", "later", 1000.0)
    assert attempts.wait("a", 1000.0) == 0
    for number in range(12):
        attempts.failed("a", str(number), 1000.0)
    attempts.succeeded("a")
    assert attempts.wait("a", 1000.0) == 0


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    attempts = Attempts(addresses=10)
    for address in range(100):
        for number in range(100):
            attempts.failed(str(address), str(number), 0.0)
    assert len(attempts._guesses) == 10
    assert max(len(each.tried) for each in attempts._guesses.values()) < 30


async def guess(client: Client, times: int) -> list[int]:
    return [(await ask(client, headers=bearer(f"guess-{number}")))[0] for number in range(times)]


def test_a_guesser_is_told_to_wait_and_nothing_is_compared_meanwhile(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, token=SECRET) as client:
            assert await guess(client, 12) == [401] * 10 + [429] * 2
            status, told, text = await ask(client, headers=bearer())
            assert (status, told["Retry-After"]) == (429, "1")
            assert json.loads(text)["error"]["code"] == "too_many_attempts"
            assert (await ask(client, "/v1/login", method="POST", json={"token": SECRET}))[0] == 429
            assert (await ask(client, "/health"))[0] == 200

    asyncio.run(go())


# Made and kept.


def test_other_machines_make_a_token_once_and_it_is_the_owner_s_to_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, listen=EVERYWHERE)
    first, made = with_token(settings)
    assert made == tmp_path / "state" / "token"
    assert len(first.token) >= 40
    assert made.read_text(encoding="utf-8").strip() == first.token
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [each.name for each in made.parent.iterdir()] == ["token"]
    made.chmod(0o644)
    again, not_made = with_token(settings)
    assert (again, not_made) == (first, None)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_no_token_is_made_for_this_machine_alone_or_beside_one_that_was_given(tmp_path: Path) -> None:
    for settings in (Settings(home=tmp_path), Settings(home=tmp_path, listen=EVERYWHERE, token=SECRET)):
        assert with_token(settings) == (settings, None)
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError):
        with_token(replace(Settings(home=tmp_path), listen=EVERYWHERE))


@pytest.mark.parametrize(
    ("listen", "port", "address"),
    [
        (EVERYWHERE, 8188, "http://127.0.0.1:8188/?token="),
        ("::", 8188, "http://127.0.0.1:8188/?token="),
        ("fe80::1", 8188, "http://[fe80::1]:8188/?token="),
        ("192.168.1.5", 0, None),
    ],
)
def test_a_new_token_is_told_with_the_address_to_open(
    listen: str, port: int, address: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_token(Settings(listen=listen, port=port, token=SECRET), tmp_path / "token")
    said = capsys.readouterr().out
    assert f"a token: {SECRET}\n" in said
    assert str(tmp_path / "token") in said
    assert (f"Open {address}{SECRET}\n" in said) if address else ("Open" not in said)
