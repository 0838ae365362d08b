"""Which requests are heard, over HTTP and as websockets; what browsers are told."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from doors import PAGE, ask, doors, knock

from engine.errors import UserError
from server.config import Settings
from server.security import Authority, is_loopback, is_ours, is_own_page, refuse_open_doors

EVERYWHERE = "0.0.0.0"  # noqa: S104  # a setting under test; nothing is bound to it
ALLOWED = ("studio.example", "lab.example:8443")


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8188", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("LOCALHOST.:9", True),
        ("app.localhost:1", True),
        ("[::1]:8188", True),
        ("[::ffff:127.0.0.1]", True),
        ("192.168.1.5:8188", True),
        ("studio.example", True),
        ("Studio.Example:1234", True),
        ("lab.example:8443", True),
        ("lab.example", False),
        ("lab.example:80", False),
        ("192.168.1.6:8188", False),
        ("0.0.0.0:8188", False),
        ("evil.example:8188", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("notlocalhost", False),
        ("[2001:db8::1]", False),
    ],
)
def test_a_server_goes_by_loopback_names_its_address_and_what_it_was_told(host: str, ours: bool) -> None:
    name = Authority.read(host)
    assert name is not None
    assert is_ours(name, Settings(listen="192.168.1.5", allow_hosts=ALLOWED)) is ours


@pytest.mark.parametrize(
    ("host", "ours"), [("10.1.2.3:8188", True), ("[2001:db8::1]", True), ("evil.example", False)]
)
@pytest.mark.parametrize("listen", [EVERYWHERE, "::"])
def test_who_listens_everywhere_goes_by_any_address_and_no_name(host: str, ours: bool, listen: str) -> None:
    name = Authority.read(host)
    assert name is not None
    assert is_ours(name, Settings(listen=listen)) is ours


@pytest.mark.parametrize(
    "host", ["", "a b", "http://localhost", "localhost:x", "a@b", "localhost:123456", "::1", "ä"]
)
def test_what_is_no_host_is_not_read(host: str) -> None:
    assert Authority.read(host) is None


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://localhost:8188", "localhost:8188", True),
        ("http://LOCALHOST:8188", "localhost:8188", True),
        ("http://[::1]:8188", "[::1]:8188", True),
        ("http://localhost", "localhost", True),
        ("http://localhost", "localhost:80", True),
        ("https://studio.example", "studio.example", True),
        ("https://studio.example", "localhost:8188", True),
        ("https://lab.example:8443", "localhost:8188", True),
        ("https://lab.example", "localhost:8188", False),
        ("http://localhost:3000", "localhost:8188", False),
        ("http://127.0.0.1:8188", "localhost:8188", False),
        ("http://localhost", "localhost:8188", False),
        ("https://localhost", "localhost:80", False),
        ("https://evil.example", "localhost:8188", False),
        ("https://studio.example.evil.example", "localhost:8188", False),
        ("http://localhost:8188@evil.example", "localhost:8188", False),
        ("http://evil.example#localhost:8188", "localhost:8188", False),
        ("null", "localhost:8188", False),
        ("", "localhost:8188", False),
        ("file://", "localhost:8188", False),
        ("chrome-extension://localhost:8188", "localhost:8188", False),
        ("http://[::1", "localhost:8188", False),
    ],
)
def test_a_page_is_own_when_its_origin_is_the_host_or_was_allowed(origin: str, host: str, own: bool) -> None:
    name = Authority.read(host)
    assert name is not None
    assert is_own_page(origin, name, Settings(allow_hosts=ALLOWED)) is own


NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
IMAGE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
SCRIPT = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("POST", {}, 200),
        ("GET", {"Host": "localhost:8188"}, 200),
        ("GET", {"Host": "evil.example"}, 421),
        ("POST", {"Host": "evil.example:8188"}, 421),
        ("GET", {"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ("GET", {"Host": "not a host"}, 400),
        ("GET", {"Host": "a.example", "Origin": "https://a.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ("POST", {"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
        ("POST", {"Host": "localhost:1", "Origin": "https://a.example"}, 200),
        ("POST", {"Origin": "https://evil.example"}, 403),
        ("GET", {"Origin": "https://evil.example"}, 403),
        ("GET", {"Origin": "null"}, 403),
        ("OPTIONS", {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 403),
        ("OPTIONS", {"Origin": "null", "Access-Control-Request-Private-Network": "true"}, 403),
        ("GET", {"Sec-Fetch-Site": "none", **NAVIGATION}, 200),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}, 200),
        ("HEAD", {"Sec-Fetch-Site": "same-site", **NAVIGATION}, 200),
        ("POST", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", **IMAGE}, 403),
        ("GET", {"Sec-Fetch-Site": "same-site", **SCRIPT}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", **FRAME}, 403),
    ],
)  # fmt: skip
def test_foreign_names_and_pages_are_refused_and_links_are_not(
    method: str, headers: Mapping[str, str], status: int, tmp_path: Path
) -> None:
    async def go() -> None:
        async with doors(tmp_path, allow_hosts=("a.example",)) as client:
            got, told, text = await ask(client, headers=headers, method=method)
            assert got == status
            assert not [name for name in told if name.lower().startswith("access-control-")]
            if status != 200:
                assert set(json.loads(text)["error"]) >= {"code", "message"}

    asyncio.run(go())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Host": "localhost:8188", "Origin": "http://localhost:8188"}, 101),
        ({"Host": "localhost:8188", "Origin": "https://a.example"}, 101),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, 403),
    ],
)
def test_sockets_are_refused_alike(headers: Mapping[str, str], status: int, tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, allow_hosts=("a.example",)) as client:
            assert await knock(client, headers=headers) == status

    asyncio.run(go())


async def _raw(client: Any, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request)
    await writer.drain()
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return line


def test_a_request_has_one_host_and_at_most_one_origin(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            for request, status in [
                (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 200 "),
                (b"GET /health HTTP/1.1\r\n\r\n", b" 400 "),
                (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b" 400 "),
                (
                    b"GET / HTTP/1.1\r\nHost: [::1]\r\nOrigin: http://[::1]\r\nOrigin: http://c.x\r\n\r\n",
                    b" 40",
                ),
            ]:
                assert status in await _raw(client, request)

    asyncio.run(go())


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            _, _, text = await ask(client, headers={"Host": "my.example:8188"})
            assert "--allow-host my.example" in json.loads(text)["error"]["hint"]

    asyncio.run(go())


@pytest.mark.parametrize("path", [PAGE, "/health", "/nowhere", "/test/x/stream", "/test/broken", "/v1/login"])
def test_every_answer_tells_browsers_to_be_careful(path: str, tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            _, told, text = await ask(client, path)
            assert told["X-Content-Type-Options"] == "nosniff"
            assert told["X-Frame-Options"] == "SAMEORIGIN"
            assert told["Referrer-Policy"] == "same-origin"
            assert told["Cross-Origin-Opener-Policy"] == "same-origin"
            assert told["Cross-Origin-Resource-Policy"] == "same-origin"
            assert "aiohttp" not in told["Server"]
            assert "secret" not in text

    asyncio.run(go())


def test_refusals_and_sockets_carry_the_headers_too(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            _, told, _ = await ask(client, headers={"Host": "evil.example"})
            assert told["X-Content-Type-Options"] == "nosniff"
            async with client.ws_connect("/test/socket") as socket:
                assert socket._response.headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(go())


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (each.split() for each in policy.split(";"))}


def test_a_page_runs_its_own_scripts_and_reaches_this_server_and_what_was_allowed(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path, allow_hosts=("a.example",)) as client:
            _, told, _ = await ask(client, headers={"Host": "localhost:77"})
            policy = directives(told["Content-Security-Policy"])
            assert policy["default-src"] == policy["base-uri"] == ["'self'"]
            assert policy["frame-ancestors"] == ["'self'"]
            assert policy["object-src"] == ["'none'"]
            assert {"'unsafe-inline'", "'wasm-unsafe-eval'", "blob:"} <= set(policy["script-src"])
            assert policy["worker-src"] == ["'self'", "blob:"]
            reached = {each for each in policy["connect-src"] if "//" in each}
            assert reached == {
                f"{scheme}://{host}"
                for scheme in ("ws", "wss", "http", "https")
                for host in ("localhost:77", "a.example")
            }
            assert "*" not in told["Content-Security-Policy"]

    asyncio.run(go())


def test_only_a_front_end_of_others_may_compile_code(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>", encoding="utf-8")

    async def go(frontend: str) -> bool:
        async with doors(tmp_path, frontend=frontend) as client:
            _, told, _ = await ask(client)
            return "'unsafe-eval'" in directives(told["Content-Security-Policy"])["script-src"]

    assert asyncio.run(go(str(tmp_path)))
    assert not asyncio.run(go(""))


def test_a_drawing_can_run_nothing_and_data_has_no_policy(tmp_path: Path) -> None:
    async def go() -> None:
        async with doors(tmp_path) as client:
            _, told, _ = await ask(client, f"{PAGE}?kind=image/svg%2Bxml")
            assert {"sandbox", "default-src"} <= set(directives(told["Content-Security-Policy"]))
            _, told, _ = await ask(client, f"{PAGE}?kind=application/json")
            assert "Content-Security-Policy" not in told

    asyncio.run(go())


@pytest.mark.parametrize("listen", ["127.0.0.1", "localhost", "::1", "[::1]", "127.1.2.3"])
def test_loopback_needs_no_token(listen: str) -> None:
    assert is_loopback(listen)
    refuse_open_doors(Settings(listen=listen))


@pytest.mark.parametrize(
    "listen", [EVERYWHERE, "::", "192.168.1.5", "studio.example", "fe80::1", "", "127.0.0.1.example"]
)
def test_no_server_is_made_that_others_could_use_without_a_token(listen: str) -> None:
    assert not is_loopback(listen)
    with pytest.raises(UserError, match="set a token"):
        refuse_open_doors(Settings(listen=listen))
    refuse_open_doors(Settings(listen=listen, token="x" * 8))
