"""The node classes that there are, and the packs that they come from.

Packs are the built-in one, installed distributions (entry points of group `safelight.packs`), and the
files of a folder.  A pack is a module with `@node` functions; it may name more modules (`MODULES`; `.name`
for its own), models that it brings along (`MODELS`), and the namespace of its cache keys (`NAMESPACE`).  A
pack that cannot be loaded is reported and does not keep the others from loading.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from engine.errors import PackError
from engine.lanes import wall_clock
from engine.model_paths import ModelPaths
from engine.node import Node
from engine.spec import NodeSpec

ENTRY_POINTS: Final = "safelight.packs"


@dataclass(frozen=True, slots=True)
class BrokenPack:
    """A pack, or a node of one, that is not there, and why."""

    name: str
    reason: str


def _no_texts(_path: Path) -> Mapping[str, str]:
    return {}


def _no_yardstick(name: str, _device: str, **_options: Any) -> Callable[[], Any]:
    raise PackError(f"no pack measures {name}")


def _no_images(_value: object) -> list[Any]:
    return []


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the engine and its doors need to know about values and devices; the built-in pack says it."""

    #: The device to take when nobody chose one.
    best_device: Callable[[], str] = lambda: "cpu"
    #: What decides the last bits of numeric results on a device; part of numeric nodes' keys.
    profile: Callable[[str], str] = str
    #: Surrounds everything that runs on a device lane's thread.
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    #: Tells the bytes that models may take on a device with a memory of its own; None where it has none.
    model_memory: Callable[[str], Callable[[], int] | None] = lambda _device: None
    #: Whether an error means that there is not enough memory, of whatever kind.
    is_full: Callable[[BaseException], bool] = lambda error: isinstance(error, MemoryError)
    #: Gives memory that was let go back to the system.
    give_back: Callable[[], None] = lambda: None
    #: Starts measuring on a device; what it gives ends that, and tells the seconds once they are known.
    stopwatch: Callable[[str], Callable[[], float | None]] = lambda _device: wall_clock()
    #: The same work as a run's without the engine, by name, to be measured beside it.
    yardstick: Callable[..., Callable[[], Any]] = _no_yardstick
    #: Loads what the first run needs, ahead of it; takes seconds.
    warm_up: Callable[[], None] = lambda: None
    #: The texts that a picture carries: `prompt`, `workflow`, `safelight`.
    read_workflow: Callable[[Path], Mapping[str, str]] = _no_texts
    #: The pictures (PIL) that a value is, for those who want to see it.
    as_images: Callable[[Any], list[Any]] = _no_images


@dataclass
class Registry:
    """`class_type` -> what is known about it."""

    specs: dict[str, NodeSpec] = field(default_factory=dict)
    broken: list[BrokenPack] = field(default_factory=list)
    models: dict[str, dict[str, Path]] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=Hooks)

    def __getitem__(self, class_type: str) -> NodeSpec:
        return self.specs[class_type]

    def __contains__(self, class_type: object) -> bool:
        return class_type in self.specs

    def add(self, *nodes: Node[..., Any] | NodeSpec, namespace: str) -> None:
        """Make nodes known.  A name that is taken stays with who came first, and that is reported."""
        for each in nodes:
            spec = each.spec if isinstance(each, Node) else each
            if spec.class_type in self.specs:
                holder = self.specs[spec.class_type].namespace
                self.broken.append(
                    BrokenPack(namespace, f"its node {spec.class_type} is hidden by the one of {holder}")
                )
                continue
            self.specs[spec.class_type] = replace(spec, namespace=namespace)

    def load_builtin(self, name: str) -> None:
        """Load the pack that the engine's hooks come from."""

        def load() -> None:
            module = importlib.import_module(name)
            known = {each.name for each in fields(Hooks)}
            self.hooks = Hooks(**{name: hook for name, hook in vars(module).items() if name in known})
            self._take(module, name)

        self._attempt(name, load)

    def load_entry_points(self) -> None:
        """Load the packs of installed distributions."""
        for point in entry_points(group=ENTRY_POINTS):
            version = point.dist.version if point.dist else ""

            def load(point: Any = point, version: str = version) -> None:
                self._take(point.load(), point.name, version)

            self._attempt(point.name, load)

    def load_folder(self, folder: Path) -> None:
        """Load every `name.py` and `name/__init__.py` of a folder, in the order of their names."""
        if not folder.is_dir():
            return
        for path in sorted(folder.iterdir()):
            if path.name.startswith((".", "_")) or path.name.endswith(".disabled"):
                continue
            entry = path / "__init__.py" if path.is_dir() else path
            if entry.suffix == ".py" and entry.is_file():
                self._attempt(path.name, lambda path=path, entry=entry: self._load_file(path, entry))  # type: ignore[misc]  # mypy does not see that the defaults fix the types

    def _load_file(self, path: Path, entry: Path) -> None:
        """Import a folder pack; its namespace holds the hash of its sources, so that an edit is a change."""
        digest = blake2b(digest_size=8)
        for source in [entry] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(source.read_bytes())
        name = f"safelight_pack_{path.stem.replace('.', '_')}"
        spec = importlib.util.spec_from_file_location(
            name, entry, submodule_search_locations=[str(path)] if path.is_dir() else None
        )
        if spec is None or spec.loader is None:
            raise PackError(f"{entry} is not a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        self._take(module, path.stem, digest.hexdigest())

    def _take(self, module: ModuleType, name: str, version: str = "") -> None:
        namespace = getattr(module, "NAMESPACE", name) + (f"@{version}" if version else "")
        models: Mapping[str, Mapping[str, Path]] = getattr(module, "MODELS", {})
        for folder, entries in models.items():
            self.models.setdefault(folder, {}).update(entries)
        self.add(*_nodes_of(module), namespace=namespace)
        for submodule in getattr(module, "MODULES", ()):
            self._attempt(
                submodule,
                lambda submodule=submodule: self.add(  # type: ignore[misc]  # as above
                    *_nodes_of(importlib.import_module(submodule, module.__name__)), namespace=namespace
                ),
            )

    def _attempt(self, name: str, load: Callable[[], None]) -> None:
        try:
            load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a pack may do anything at import
            self.broken.append(BrokenPack(name, f"{type(error).__name__}: {error}"))

    def contribute_models(self, paths: ModelPaths) -> None:
        for folder, entries in self.models.items():
            for name, path in entries.items():
                paths.contribute(folder, name, path)


def _nodes_of(module: ModuleType) -> Iterable[Node[..., Any]]:
    """The nodes that a module defines, in their order, imported ones left out."""
    return [
        each
        for each in vars(module).values()
        if isinstance(each, Node) and getattr(each.function, "__module__", None) == module.__name__
    ]
