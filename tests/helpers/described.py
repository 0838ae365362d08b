"""Our own API as its description has it: every answer that a test sees is held to the document.

`async with described(tmp_path) as api: said = await api("POST", "/v1/jobs", json={…})`
"""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import jsonschema_rs
from jobbing import toy_engine
from PIL import Image
from pydantic import Field
from serving import Client, serving
from toys import Graph, call

from engine.engine import Engine
from engine.node import Choices, Context, Files, Node, Upload, node
from server.v1.api import OPERATIONS
from server.v1.openapi import describe

DOCUMENT: Final = describe(OPERATIONS, "0")

Name = Annotated[str, Choices(lambda files: files.names("input")), Upload("image")]


@node("Paint", category="toys", output_node=True)
def paint(
    ctx: Context,
    *,
    size: Annotated[int, Field(ge=1, le=256, description="Of both sides.")] = 8,
    colour: Annotated[str, Choices(("red", "blue"))] = "red",
    count: int = 1,
) -> None:
    """Writes pictures of one colour."""
    for _ in range(count):
        claim = ctx.claim("painted", ".png")
        with claim as part:
            Image.new("RGB", (size, size), colour).save(part, "PNG")
        ctx.show("images", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])


@node("Width", category="toys")
def width(ctx: Context, *, image: Name) -> int:
    """How wide a picture of the input folder is."""
    with Image.open(ctx.files.resolve(image)) as picture:
        return picture.width


@width.check
def picture_is_there(files: Files, image: str) -> Mapping[str, str]:
    return {} if (files.input / image).is_file() else {"image": f"there is no file {image!r}"}


@node("Steps", category="toys", lane="io")
def steps(ctx: Context, *, count: int = 3) -> str:
    """Tells how far it is, and shows what it has so far."""
    for number in range(1, count + 1):
        ctx.progress(number, count)
        ctx.preview(Image.new("RGB", (4, 4), "red"))
    return "done"


PICTURES: Final[tuple[Node[..., Any], ...]] = (paint, width, steps)


@dataclass(frozen=True)
class Reply:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list["Told"]:
        """The events of a stream that has ended."""
        return read_events(self.body.decode())


@dataclass(frozen=True)
class Told:
    """A server-sent event."""

    kind: str
    number: int | None
    data: Any


def read_events(text: str) -> list[Told]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append(Told(fields["event"], number, json.loads(fields["data"])))
    return found


@dataclass(frozen=True)
class Api:
    """A client that believes nothing that is not described."""

    client: Client
    engine: Engine

    async def __call__(self, method: str, path: str, **request: Any) -> Reply:
        async with self.client.request(method, path, **request) as response:
            reply = Reply(response.status, response.headers, await response.read())
        hold(method, path, reply)
        return reply

    async def submit(self, graph: Mapping[str, Any], **more: Any) -> Any:
        """A job that was accepted."""
        reply = await self("POST", "/v1/jobs", json={"workflow": graph, **more})
        assert reply.status == 201, reply.json
        return reply.json

    async def ended(self, job_id: str) -> Any:
        return (await self("GET", f"/v1/jobs/{job_id}", params={"wait": "20"})).json


@asynccontextmanager
async def described(home: Path, **settings: Any) -> AsyncIterator[Api]:
    """A server with toy nodes on a home."""
    engine = toy_engine(home)
    engine.registry.add(*PICTURES, namespace="pictures")
    try:
        async with serving(engine, **{"home": home, "drain_seconds": 0, **settings}) as client:
            yield Api(client, engine)
    finally:
        engine.close()


# Graphs.


def saving(text: str = "hello") -> Graph:
    """A text that is written to a file."""
    return {"text": call("Text", value=text), "save": call("Save", text=["text", 0])}


def sleeping(seconds: float = 30) -> Graph:
    """The same, after a while."""
    return {"sleep": call("Sleep", seconds=seconds, value="x"), "save": call("Save", text=["sleep", 0])}


FAILING: Graph = {"fail": call("Fail"), "save": call("Save", text=["fail", 0])}


async def running(api: Api, job_id: str) -> None:
    """When a job has begun to run."""
    while (await api("GET", f"/v1/jobs/{job_id}")).json["state"] != "running":
        await asyncio.sleep(0.01)


# The document.


def hold(method: str, path: str, reply: Reply) -> None:
    """Compare an answer with the description."""
    told = DOCUMENT["paths"][template(path)][method.lower()]["responses"]
    answer = told.get(str(reply.status))
    if answer is None:
        assert reply.status >= 400, f"{method} {path}: {reply.status} is not described"
        answer = told["default"]
    content = answer.get("content", {})
    kind = reply.headers.get("Content-Type", "").partition(";")[0]
    if not reply.body:
        return
    assert any(fits(kind, each) for each in content), f"{method} {path}: {kind} is not described"
    if kind == "application/json" and kind in content:
        validate(reply.json, content[kind]["schema"])
    if kind == "text/event-stream":
        for event in reply.events:
            validate(event.data, content[kind]["x-data"])
            assert event.data["type"] == event.kind


def validate(value: Any, schema: Mapping[str, Any]) -> None:
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "components": DOCUMENT["components"],
    }
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)


def fits(kind: str, pattern: str) -> bool:
    return re.fullmatch(pattern.replace("*", ".*"), kind) is not None


def template(path: str) -> str:
    """The path of the description that a path is of; one with fewer variables goes before another."""
    found = [each for each in DOCUMENT["paths"] if _pattern(each).fullmatch(path.partition("?")[0])]
    return str(min(found, key=lambda each: each.count("{")))


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"({\w+})", path)
    variable = {"{file}": ".+"}
    return re.compile("".join(variable.get(p, "[^/]+") if p.startswith("{") else re.escape(p) for p in parts))


def png(size: int = 4, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()
