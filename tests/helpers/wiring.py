"""A server on toy nodes, and clients on its socket that remember what they were told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from jobbing import toy_engine
from PIL import Image
from pydantic import Field
from serving import Client, serving
from toys import Graph, call

from engine.node import Choices, Context, node

#: What a client waits for at most.
SECONDS = 20.0


@node("Steps", category="toys", lane="io")
def steps(ctx: Context, *, count: int = 10, seconds: float = 0.0, preview: bool = False) -> str:
    """Says how far it is, and shows what it has."""
    import time

    for step in range(count):
        time.sleep(seconds)
        ctx.progress(step + 1, count)
        if preview:
            ctx.preview(Image.new("RGB", (8, 4), (step * 7 % 256, 0, 0)))
    return str(count)


@node("Deliver", category="toys", lane="io", output_node=True, cache=False)
def deliver(ctx: Context, *, count: int = 1, text: str = "") -> None:  # noqa: ARG001  # a link, to be after
    """Hands pictures to whoever listens."""
    for number in range(count):
        ctx.progress(number + 1, count)
        ctx.deliver(Image.new("RGB", (2, 2), (number, 0, 0)))


@node("Picky", category="toys", output_node=True)
def picky(
    ctx: Context,
    *,
    text: str,
    size: Annotated[int, Field(ge=1, le=10)] = 1,
    mode: Annotated[str, Choices(("slow", "fast"))] = "slow",
    ratio: float = 1.0,
    really: bool = False,
) -> None:
    """Has an input of each kind."""
    ctx.show("text", [text, size, mode, ratio, really])


@node("Odd", category="toys", output_node=True)
def odd(ctx: Context, *, text: str = "") -> None:
    """Shows what JSON cannot hold."""
    ctx.show("odd", [float("nan"), float("inf"), Path("x"), {1: {2, 3}}, text, "\ud800"])


@node("Unshowable", category="toys", output_node=True)
def unshowable(ctx: Context) -> None:
    """Shows and delivers what is no picture."""
    ctx.preview("no picture")
    ctx.deliver("no picture")


@dataclass
class Listener:
    """A client's socket: its messages as (kind, data), binary ones as ("binary", bytes)."""

    socket: ClientWebSocketResponse
    told: list[tuple[str, Any]] = field(default_factory=list)
    received: int = 0

    async def listen(self) -> None:
        async for message in self.socket:
            self.received += len(message.data)
            if message.type is WSMsgType.BINARY:
                self.told.append(("binary", message.data))
            else:
                found = json.loads(message.data, parse_constant=_refuse)
                self.told.append((found["type"], found["data"]))

    async def until(self, kind: str, count: int = 1, **facts: Any) -> Any:
        """Wait for the `count`-th message of a kind with these facts; gives its data."""
        async with asyncio.timeout(SECONDS):
            while True:
                found = [data for said, data in self.told if said == kind and _has(data, facts)]
                if len(found) >= count:
                    return found[count - 1]
                await asyncio.sleep(0.005)

    async def over(self, prompt_id: str) -> None:
        """Wait as scripts do: until nothing of the prompt runs any more."""
        await self.until("executing", node=None, prompt_id=prompt_id)

    def of(self, prompt_id: str, *, without: tuple[str, ...] = ("progress", "progress_state")) -> list[str]:
        """The kinds of what was said of a prompt, in order."""
        return [kind for kind, data in self.all_of(prompt_id) if kind not in without]

    def all_of(self, prompt_id: str) -> list[tuple[str, Any]]:
        return [each for each in self.told if _has(each[1], {"prompt_id": prompt_id})]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]


def _has(data: Any, facts: dict[str, Any]) -> bool:
    if not facts:
        return True
    return isinstance(data, dict) and all(name in data and data[name] == facts[name] for name in facts)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@asynccontextmanager
async def wired(home: Path, **settings: Any) -> AsyncIterator[Client]:
    """A client of a server on toy nodes."""
    engine = toy_engine(home)
    engine.registry.add(steps, deliver, picky, odd, unshowable, namespace="wiring")
    try:
        async with serving(engine, **{"home": home, "drain_seconds": 0.0, **settings}) as client:
            yield client
    finally:
        await asyncio.to_thread(engine.close)


@asynccontextmanager
async def listening(
    client: Client, client_id: str = "me", flags: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Listener]:
    """A socket of a client that has heard its first message."""
    async with client.ws_connect(f"/ws?clientId={client_id}", **options) as socket:
        listener = Listener(socket)
        if flags is not None:
            await socket.send_json({"type": "feature_flags", "data": flags})
        task = asyncio.create_task(listener.listen())
        try:
            await listener.until("status")
            if flags is not None:
                await listener.until("feature_flags")
            yield listener
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def post(client: Client, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
    """Status and JSON of an answer, None for an empty one; anything else fails the test."""
    options = options or ({"json": body} if body is not None else {})
    async with client.post(path, **options) as response:
        return response.status, _json(await response.text())


async def get(client: Client, path: str) -> tuple[int, Any]:
    async with client.get(path) as response:
        return response.status, _json(await response.text())


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse) if text else None


async def submit(client: Client, graph: Graph, client_id: str = "me", **more: Any) -> str:
    """Queue a prompt; gives its id."""
    body = {"prompt": graph, **({"client_id": client_id} if client_id else {}), **more}
    status, answer = await post(client, "/prompt", body)
    assert status == 200, answer
    assert answer["node_errors"] == {}, answer
    prompt_id: str = answer["prompt_id"]
    return prompt_id


async def ended(client: Client, prompt_id: str) -> Any:
    """Wait until history has a prompt; gives its entry."""
    async with asyncio.timeout(SECONDS):
        while True:
            _, found = await get(client, f"/history/{prompt_id}")
            if found:
                return found[prompt_id]
            await asyncio.sleep(0.01)


def saving(text: str = "hello", **more: Any) -> Graph:
    """A text that is saved: two nodes."""
    return {"text": call("Text", value=text), "save": call("Save", text=["text", 0]), **more}


def sleeping(seconds: float, value: str = "") -> Graph:
    """A node that takes its time before something is saved."""
    return {
        "sleep": call("Sleep", seconds=seconds, value=value),
        "save": call("Save", text=["sleep", 0], filename_prefix="slept"),
    }
