"""A home of its own for each test, and a way to call nodes in it as the functions they are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import nodes
from engine.context import Context, Host
from engine.devices import Device, Devices
from engine.events import Event
from engine.files import Files
from engine.lanes import DeviceLane, Lanes
from tests.nodes.diffusion.tiny_models import (  # noqa: F401  # fixtures of the loaders' tests
    tiny_sd1,
    tiny_sd1_file,
    tiny_sd2,
    tiny_sd2_file,
)


@dataclass
class Home:
    """Files of a test, what its nodes said, and what their written pictures carry."""

    files: Files
    metadata: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last: Context | None = None

    def call(self, node: Callable[..., Any], /, **inputs: Any) -> Any:
        """Call a node with a context if it takes one, and await it if it is a coroutine."""
        return self.run(lambda ctx: self._called(node, ctx, inputs))

    def run(self, work: Callable[[Context], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with self.context() as ctx:
                return await work(ctx)

        return asyncio.run(main())

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        lanes = Lanes(DeviceLane("cpu", scope=nodes.scope))
        host = Host(
            files=self.files,
            lanes=lanes,
            devices=Devices(Device(lanes.device)),
            emit=self.events.append,
            loop=asyncio.get_running_loop(),
            cancelled=asyncio.Event(),
            metadata=self.metadata,
        )
        try:
            self.last = Context(host, "1")
            yield self.last
        finally:
            lanes.close()

    async def _called(self, node: Any, ctx: Context, inputs: dict[str, Any]) -> Any:
        if node.spec.context:
            inputs = {node.spec.context: ctx, **inputs}
        result = node(**inputs)
        return await result if node.spec.is_async else result


@pytest.fixture
def home(tmp_path: Path) -> Home:
    files = Files(tmp_path)
    for folder, models in nodes.MODELS.items():
        for name, path in models.items():
            files.models.contribute(folder, name, path)
    files.input.mkdir()
    return Home(files)
