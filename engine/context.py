"""What a node may ask of its run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

from engine.claims import Book, Claim, Loose, claim
from engine.devices import Device, Devices, Place
from engine.drives import Steps, Story, just
from engine.errors import Cancelled
from engine.events import Event, NodePicture, NodePreview, NodeProgress, NodeSpan
from engine.files import Files, make_folder
from engine.lanes import Lanes
from engine.residency import Loadable
from engine.turns import Account

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Host:
    """What all nodes of a run share: the engine's parts, and what the run was given."""

    files: Files
    lanes: Lanes
    devices: Devices
    emit: Callable[[Event], None]
    loop: asyncio.AbstractEventLoop
    cancelled: asyncio.Event
    metadata: Mapping[str, str] = field(default_factory=dict)
    book: Book = field(default_factory=Loose)
    account: Account = field(default_factory=Account)


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane of the device that one call of a node computes on."""

    context: "Context"

    async def drive(self, steps: Steps[T]) -> T:
        """Advance a generator of asks to its end, and give what it returns.

        Raises:
            MemoryError: the device is too small for it.
        """
        return await self.context.drive(steps)

    async def call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the lane's thread."""
        return await self.context.drive(just(function))


class Context:
    """Given to a node that has a parameter of this type; one per call."""

    def __init__(
        self,
        host: Host,
        node: str,
        links: Mapping[str, tuple[str, int]] | None = None,
        first_claim: int = 0,
    ) -> None:
        self.node = node
        self.shown: dict[str, list[Any]] = {}
        self.written: list[Claim] = []
        self.exact = True
        self._host = host
        self._on: Device | None = None
        self._links = links or {}
        self._first_claim = first_claim

    @property
    def files(self) -> Files:
        return self._host.files

    @property
    def device(self) -> Lane:
        """The lane of the device that computes: `await ctx.device.drive(steps)`.

        It is the one where `resident` found or put this call's model.
        """
        return Lane(self)

    @property
    def device_name(self) -> str:
        """The device that this call computes on: `cpu`, `cuda:0`, …"""
        return self._device.name

    @property
    def _device(self) -> Device:
        return self._on or self._host.devices.first

    @property
    def metadata(self) -> Mapping[str, str]:
        """What goes into written files beside the picture: `prompt`, `workflow`, … as JSON texts."""
        return self._host.metadata

    @property
    def cancelled(self) -> bool:
        return self._host.cancelled.is_set()

    def check_cancelled(self) -> None:
        """Stop here when the run is cancelled; for loops on a thread.

        Raises:
            Cancelled: it is.
        """
        if self.cancelled:
            raise Cancelled

    def progress(self, done: int, total: int) -> None:
        """Say how far this call is.  From any thread; stops a cancelled call."""
        self.check_cancelled()
        self._emit(NodeProgress(self.node, min(done, total), total))

    def preview(self, image: Any) -> None:
        """Show a picture of unfinished work.  From any thread."""
        self._emit(NodePreview(self.node, image))

    def deliver(self, image: Any) -> None:
        """Hand a finished picture (PIL) to the client that asked for it, without a file.  From any thread."""
        self._emit(NodePicture(self.node, image))

    @contextmanager
    def span(self, kind: str) -> Iterator[None]:
        """Tell a part of this call apart in the timeline: `load`, `encode`, …"""
        start = perf_counter()
        try:
            yield
        finally:
            self._emit(NodeSpan(self.node, kind, start))

    def show(self, kind: str, items: Sequence[Any]) -> None:
        """Give people something to see, e.g. `show("images", [{"filename": …}])`."""
        self.shown.setdefault(kind, []).extend(items)

    def claim(
        self, prefix: str, extension: str, *, root: Literal["output", "temp"] = "output", **values: object
    ) -> Claim:
        """The name this call's next file gets; the same one when a killed job is run again.

        Raises:
            PathError: the prefix leaves the root.
            StorageError: the folder cannot be written to.
        """
        index = self._first_claim + len(self.written)
        base = self.files.root(root)
        known = self._host.book.recall(self.node, index)
        if known is not None and known.is_relative_to(base) and known.suffix == Path(f"x{extension}").suffix:
            make_folder(known.parent)
            given = Claim(base, known)
        else:  # a first claim, or the root has changed since
            given = claim(base, prefix, extension, values)
        self._host.book.record(self.node, index, given.path)
        self.written.append(given)
        return given

    async def drive(self, steps: Steps[T]) -> T:
        """What `ctx.device.drive` does."""
        lane, story, start = self._device.lane, Story(), perf_counter()
        try:
            return await lane.drive(steps, self._host.account, story)
        except Exception as error:
            if isinstance(error, MemoryError) or not lane.room.is_full(error):
                raise
        finally:
            self.exact = self.exact and story.exact
            self._emit(NodeSpan(self.node, "device", start, str(story)))
        raise MemoryError("not enough memory on the device; use smaller sizes or batches")

    @asynccontextmanager
    async def resident(self, recipe: Loadable[T] | Place[T]) -> AsyncIterator[T]:
        """Load what a recipe stands for, or take what is loaded already, and keep it while used.

        A function from the name of a device to a recipe lets the engine choose the device.
        """
        if callable(recipe):
            self._on = self._on or self._host.devices.choose(recipe)
            recipe = recipe(self._device.name)

        async def run(load: Callable[[], T]) -> T:
            start = perf_counter()
            value = await self._host.lanes.run("io", load)
            self._emit(NodeSpan(self.node, "load", start))
            return value

        async with self._device.residency.pin(recipe, run, self._host.account, self) as value:
            yield value

    def link(self, name: str) -> list[Any]:
        """Where input `name` comes from, for use inside an `Expansion`.

        Raises:
            KeyError: it is no link.
        """
        source, output = self._links[name]
        return [source, output]

    def _emit(self, event: Event) -> None:
        try:
            here = asyncio.get_running_loop() is self._host.loop
        except RuntimeError:
            here = False
        if here:
            self._host.emit(event)
        else:
            self._host.loop.call_soon_threadsafe(self._host.emit, event)
