"""Requests to a server on a home: `site.get("/view?filename=x.png").status`."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from serving import Client, serving
from yarl import URL

from engine.engine import Engine
from engine.files import Files
from engine.registry import Registry

#: Names that must not lead anywhere, encoded as a client may send them in a path or a query.
NASTY: Final = (
    "..%2Fsecret.json",
    "..%2F..%2F..%2F..%2Fetc%2Fpasswd",
    "a%2F..%2F..%2Fsecret.json",
    "%2Fetc%2Fpasswd",
    "%2F%2Fetc%2Fpasswd",
    "..",
    "%2E%2E",
    "%252E%252E%252Fsecret.json",
    "..%252Fsecret.json",
    "..%255Csecret.json",
    "%25252E%25252E%25252Fsecret.json",
    "..%5Csecret.json",
    "..%5C..%5Csecret.json",
    "%5C%5Cserver%5Cshare%5Cx.png",
    "C:%5Csecret.json",
    "C:secret.json",
    "out%2Fsecret.json",
    "linked.json",
    "loop%2Fx.json",
    "x%00.png",
    "%00",
    "x.png%2500",
    ".hidden.json",
    "sub%2F.hidden.json",
    ".x.png.part",
    "%20",
    "%0A.png",
    "x" * 300,
    "x" * 4000,
    "%C3%A9" * 200 + ".png",
    "a%2F" * 300 + "x.png",
    "present.json%2Fx.json",
    "%E2%80%AE%67%6E%70.json",
)


#: Names that are not UTF-8: what is left of them is taken as it is written, and harms nobody.
TORN: Final = ("%FF%FE.png", "%ED%A0%80.png", "%C3%28.png")


@dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Request:
    """A request, its path encoded already."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Site:
    """A home, and a server on it for as long as each call takes."""

    home: Path
    examples: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> Files:
        return Files(self.home, examples=self.examples)

    def put(self, name: str, content: bytes | str = b"{}") -> Path:
        """A file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def everything(self) -> set[str]:
        """The files of the home, but for the server's own state."""
        found = {path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file()}
        return {name for name in found if not name.startswith("state/")}

    def ask(self, *requests: Request) -> list[Answer]:
        """The answers of one server, one after the other."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests: tuple[Request, ...]) -> list[Answer]:
        engine = Engine.open(Registry(), self.files, device="cpu", disk=False)
        with engine:
            async with serving(engine, **self.settings) as client:
                return [await _answer(client, request) for request in requests]

    def get(self, path: str, **options: Any) -> Answer:
        return self.ask(Request("GET", path, options))[0]

    def post(self, path: str, **options: Any) -> Answer:
        return self.ask(Request("POST", path, options))[0]

    def upload(self, name: str, content: bytes, route: str = "/upload/image", **fields: str) -> Answer:
        """One file in a form, after its other fields."""
        return self.ask(form(name, content, route, **fields))[0]


def form(
    name: str, content: bytes, route: str = "/upload/image", content_type: str | None = None, **fields: str
) -> Request:
    data = aiohttp.FormData(quote_fields=False)
    for key, value in fields.items():
        data.add_field(key, value)
    data.add_field("image", content, filename=name, content_type=content_type)
    return Request("POST", route, {"data": data})


async def _answer(client: Client, request: Request) -> Answer:
    url = URL(str(client.make_url("/")).rstrip("/") + request.path, encoded=True)
    async with client.session.request(request.method, url, **request.options) as response:
        return Answer(response.status, dict(response.headers), await response.read())
