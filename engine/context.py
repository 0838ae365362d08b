"""What a node may ask of its run."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

from engine.claims import Book, Claim, Loose, claim
from engine.errors import Cancelled
from engine.events import Event, NodePicture, NodePreview, NodeProgress, NodeSpan
from engine.files import Files, make_folder
from engine.lanes import DeviceLane, Lanes
from engine.residency import Loadable, Residency

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Host:
    """What all nodes of a run share: the engine's parts, and what the run was given."""

    files: Files
    lanes: Lanes
    residency: Residency
    emit: Callable[[Event], None]
    loop: asyncio.AbstractEventLoop
    cancelled: asyncio.Event
    metadata: Mapping[str, str] = field(default_factory=dict)
    book: Book = field(default_factory=Loose)
    device_name: str = "cpu"


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
        self._host = host
        self._links = links or {}
        self._first_claim = first_claim

    @property
    def files(self) -> Files:
        return self._host.files

    @property
    def device(self) -> DeviceLane:
        """The lane of the device that computes: `await ctx.device.drive(steps)`."""
        return self._host.lanes.device

    @property
    def device_name(self) -> str:
        """The device that people chose: `cpu`, `cuda:0`, …"""
        return self._host.device_name

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

    def resident(self, recipe: Loadable[T]) -> AbstractAsyncContextManager[T]:
        """Load what a recipe stands for, or take what is loaded already, and keep it while used."""

        async def run(load: Callable[[], T]) -> T:
            start = perf_counter()
            value = await self._host.lanes.run("io", load)
            self._emit(NodeSpan(self.node, "load", start))
            return value

        return self._host.residency.pin(recipe, run)

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
