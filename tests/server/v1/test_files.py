"""Files of our own API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from described import described, png


def test_a_file_is_stored_listed_read_and_deleted(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            path = "/v1/files/input/a/b c.png"
            reply = await api("POST", path, data=png())
            assert (reply.status, reply.json["name"]) == (201, "a/b c.png")
            assert (tmp_path / "input" / "a" / "b c.png").read_bytes() == png()
            assert await (await api.client.get(reply.headers["Location"])).read() == png()
            page = (await api("GET", "/v1/files/input")).json
            assert [(file["name"], file["size"]) for file in page["files"]] == [("a/b c.png", len(png()))]
            reply = await api("GET", path)
            assert (reply.body, reply.headers["Content-Type"]) == (png(), "image/png")
            reply = await api("GET", path, headers={"Range": "bytes=0-3"})
            assert (reply.status, reply.body) == (206, b"\x89PNG")
            assert (await api("DELETE", path)).status == 204
            for method in ("GET", "DELETE"):
                assert (await api(method, path)).status == 404

    asyncio.run(go())


def test_a_name_that_is_taken_is_written_over_only_when_that_is_asked_for(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            assert (await api("POST", "/v1/files/input/x.png", data=png(4))).status == 201
            reply = await api("POST", "/v1/files/input/x.png", data=png(5))
            assert (reply.status, reply.error["code"]) == (409, "name_taken")
            params = {"overwrite": "true"}
            assert (await api("POST", "/v1/files/input/x.png", params=params, data=png(5))).status == 201
            assert (tmp_path / "input" / "x.png").read_bytes() == png(5)

    asyncio.run(go())


def test_listings_are_sorted_filtered_and_in_pages(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            for name in ("b1", "a2", "a1", "a3"):
                await api("POST", f"/v1/files/temp/{name}.txt", data=name.encode())
            params = {"prefix": "a", "limit": "2", "offset": "1", "order": "desc"}
            page = (await api("GET", "/v1/files/temp", params=params)).json
            assert [file["name"] for file in page["files"]] == ["a2.txt", "a1.txt"]
            assert page["total"] == 3
            newest = (await api("GET", "/v1/files/temp", params={"sort": "modified", "order": "desc"})).json
            assert newest["files"][0]["name"] == "a3.txt"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("x.png", b"no picture", 400),
        ("x.png", b"", 400),
        ("x.exe", b"MZ", 415),
        ("x.svg", b"<svg/>", 415),
        ("..%2Fx.png", png(), 400),
        ("%2Fetc%2Fx.png", png(), 400),
        (".hidden.png", png(), 400),
        ("con.png", png(), 400),
        ("x%00.png", png(), 400),
        ("y" * 300 + ".png", png(), 400),
    ],
)
def test_what_cannot_be_stored_is_refused(tmp_path: Path, name: str, content: bytes, status: int) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("POST", f"/v1/files/input/{name}", data=content)
            assert reply.status == status, reply.error

    asyncio.run(go())
    assert not [path for path in (tmp_path / "input").rglob("*") if path.is_file()]


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path, max_body=1000) as api:
            reply = await api("POST", "/v1/files/input/x.txt", data=b"x" * 2000)
            assert reply.status == 413

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(20):
                    yield b"x" * 100

            assert (await api("POST", "/v1/files/input/x.txt", data=pieces())).status == 413

    asyncio.run(go())
    assert not list((tmp_path / "input").iterdir())


def test_files_that_come_along_are_listed_and_not_deleted(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    examples.mkdir()
    (examples / "shown.png").write_bytes(png())

    async def go() -> None:
        async with described(tmp_path / "home") as api:
            api.engine.files.examples = examples
            assert (await api("GET", "/v1/files/input")).json["files"][0]["name"] == "shown.png"
            assert (await api("GET", "/v1/files/input/shown.png")).body == png()
            reply = await api("DELETE", "/v1/files/input/shown.png")
            assert (reply.status, reply.error["code"]) == (403, "read_only")

    asyncio.run(go())


def test_folders_that_there_are_not_are_not_found(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            assert (await api("GET", "/v1/files/models")).status == 404
            for method in ("GET", "POST", "DELETE"):
                assert (await api(method, "/v1/files/state/jobs.sqlite")).status == 404
            assert (await api("GET", "/v1/files/output/..%2Fstate%2Fjobs.sqlite")).status == 400

    asyncio.run(go())
