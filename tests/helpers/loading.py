"""Trivial jobs for a server under load, and a client that submits them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp

PACK: Final = '''
"""Trivial nodes, for a server under load."""

from engine.node import Context, node


@node("LoadText", category="load")
def text(*, value: str = "") -> str:
    """A text."""
    return value


@node("LoadUpper", category="load")
def upper(*, text: str) -> str:
    """The same in capitals."""
    return text.upper()


@node("LoadShow", category="load", output_node=True)
def show(ctx: Context, *, text: str) -> None:
    """Shows a text."""
    ctx.show("text", [text])


@node("LoadWrite", category="load", output_node=True)
def write(ctx: Context, *, text: str, filename_prefix: str = "load") -> None:
    """Writes a text file."""
    claim = ctx.claim(filename_prefix, ".txt", root="temp")
    with claim as part:
        part.write_text(text)
    ctx.show("text", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "temp"}])


@node("LoadSteps", category="load", lane="io")
def steps(ctx: Context, *, value: str, steps: int = 100) -> str:
    """A text after many steps of progress."""
    for step in range(steps):
        ctx.progress(step + 1, steps)
    return value
'''


def make_home(home: Path) -> Path:
    """A home with the pack."""
    packs = home / "packs"
    packs.mkdir(parents=True, exist_ok=True)
    (packs / "load.py").write_text(PACK)
    return home


def three_nodes(text: str, end: str = "LoadShow") -> dict[str, Any]:
    """A text, in capitals, shown; nothing of it is cached when the text is new."""
    return {
        "1": {"class_type": "LoadText", "inputs": {"value": text}},
        "2": {"class_type": "LoadUpper", "inputs": {"text": ["1", 0]}},
        "3": {"class_type": end, "inputs": {"text": ["2", 0]}},
    }


def many_steps(text: str, steps: int = 100) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadSteps", "inputs": {"value": text, "steps": steps}},
        "2": {"class_type": "LoadShow", "inputs": {"text": ["1", 0]}},
    }


class Client:
    """One client of a server, with a websocket if it was opened with one."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, socket: aiohttp.ClientWebSocketResponse | None
    ) -> None:
        self.id = uuid.uuid4().hex
        self.session = session
        self.url = url
        self.socket = socket

    async def submit(self, graph: dict[str, Any], **more: Any) -> str:
        """Submit a graph; gives the job's id."""
        async with self.session.post(f"{self.url}/prompt", json={"prompt": graph, **more}) as response:
            answer = await response.json()
        assert response.status == 200, answer
        return str(answer["prompt_id"])

    async def message(self, kind: str, prompt_id: str) -> dict[str, Any]:
        """The next message of a kind that tells of a job."""
        assert self.socket is not None
        while True:
            received = await self.socket.receive(30)
            if received.type is not aiohttp.WSMsgType.TEXT:
                continue
            content = json.loads(received.data)
            if content["type"] == kind and content["data"].get("prompt_id") == prompt_id:
                return dict(content["data"])

    async def ended(self, prompt_id: str) -> None:
        """Hear of a job until its end."""
        while (await self.message("executing", prompt_id))["node"] is not None:
            pass

    async def idle(self, pause: float = 0.05) -> None:
        """Wait until nothing is pending or running."""
        while True:
            async with self.session.get(f"{self.url}/prompt") as response:
                if not (await response.json())["exec_info"]["queue_remaining"]:
                    return
            await asyncio.sleep(pause)


@asynccontextmanager
async def client(url: str, name: str = "") -> AsyncIterator[Client]:
    """A client; one with a name has a websocket."""
    timeout = aiohttp.ClientTimeout(60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        if not name:
            yield Client(session, url, None)
            return
        async with session.ws_connect(f"{url}/ws?clientId={name}", max_msg_size=0) as socket:
            opened = Client(session, url, socket)
            opened.id = name
            yield opened


async def read_for_ever(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Listen, as a browser does."""
    with suppress(asyncio.CancelledError):
        async for _ in socket:
            pass
