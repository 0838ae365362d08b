"""What a server is told once, at its start.

Each field of `Settings` is a flag (`--log-level`), a variable of the environment (`SAFELIGHT_LOG_LEVEL`)
and a key of the file (`log_level`); `server.sources` reads all three by this table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class Told:
    """What is said of a setting beside its name, type and default."""

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    name: str = ""  # towards people, where the field is called otherwise
    each: str = ""  # the name of the flag that gives one of several
    unit: int = 1  # how many of ours one of theirs is


@dataclass(frozen=True)
class Settings:
    """How to serve."""

    listen: Annotated[
        str, Told("the address to listen on; beyond loopback a token is asked for", metavar="HOST")
    ] = "127.0.0.1"
    port: Annotated[int, Told("the port; 0 takes a free one", low=0, high=65535)] = 8188
    home: Annotated[
        Path | None, Told("models/, input/, output/, packs/ and all state (~/safelight)", metavar="DIR")
    ] = None
    models: Annotated[
        tuple[Path, ...],
        Told("a models folder, of ComfyUI or A1111 too; may be repeated", metavar="DIR", each="models"),
    ] = ()
    output: Annotated[Path | None, Told("where pictures go (HOME/output)", metavar="DIR")] = None
    device: Annotated[str, Told("cpu, cuda, cuda:1, mps (default: the best there is)")] = "auto"

    jobs: Annotated[int, Told("how many jobs run at once", low=1, high=256)] = 1
    exact: Annotated[bool, Told("never merge the work of different jobs")] = False
    warm_up: Annotated[bool, Told("load the libraries of the first run once the server is ready")] = True
    durable: Annotated[bool, Told("survive a power cut too, and not only the end of the process")] = False
    drain_seconds: Annotated[
        float, Told("how long running jobs may take to end when the server is told to stop", low=0)
    ] = 10.0
    keep_jobs: Annotated[int, Told("how many ended jobs history keeps", low=0)] = 10_000
    keep_days: Annotated[float, Told("and for how many days; temporary files too", low=0)] = 30.0

    token: Annotated[
        str, Told("what clients must show; other users of the machine see flags: prefer --token-file")
    ] = field(default="", repr=False)
    token_file: Annotated[Path | None, Told("a file whose only line is the token", metavar="FILE")] = None
    allow_hosts: Annotated[
        tuple[str, ...],
        Told(
            "a name of this server beside localhost and --listen, with or without a port; may be repeated",
            metavar="NAME",
            each="allow_host",
        ),
    ] = ()
    frontend: Annotated[
        str,
        Told("another front-end in the place of the editor: a folder, or `comfyui`", metavar="DIR|comfyui"),
    ] = ""

    max_body: Annotated[
        int, Told("megabytes of an upload", low=1, high=1 << 20, name="max_upload_mb", unit=MEGABYTE)
    ] = 100 * MEGABYTE
    max_json: Annotated[
        int, Told("megabytes of a JSON body", low=1, high=1 << 10, name="max_json_mb", unit=MEGABYTE)
    ] = 32 * MEGABYTE
    max_nodes: Annotated[int, Told("nodes of a graph", low=1)] = 20_000
    max_pixels: Annotated[int, Told("pixels of an uploaded picture", low=1)] = 100_000_000
    preview_size: Annotated[int, Told("pixels of the longer side of a preview", low=16, high=4096)] = 512

    log_level: Annotated[
        str, Told("the least that is logged", choices=("debug", "info", "warning", "error"))
    ] = "info"
    log_json: Annotated[bool, Told("log lines of JSON")] = False
    log_prompts: Annotated[bool, Told("log prompts too; they are people's own business")] = False
    metadata: Annotated[bool, Told("written pictures carry their workflow")] = True


@dataclass(frozen=True)
class Setting:
    """A field of `Settings` as its sources see it."""

    field: str
    told: Told
    kind: type  # bool, int, float, str or Path
    several: bool
    default: Any

    @property
    def name(self) -> str:
        """Its key in the file."""
        return self.told.name or self.field

    @property
    def flag(self) -> str:
        return "--" + (self.told.each or self.name).replace("_", "-")

    @property
    def variable(self) -> str:
        return "SAFELIGHT_" + self.name.upper()


def table() -> Iterator[Setting]:
    """The table."""
    hints = get_type_hints(Settings, include_extras=True)
    for each in fields(Settings):
        annotated, told = get_args(hints[each.name])
        several = get_origin(annotated) is tuple
        kind = next(iter(get_args(annotated)), annotated)  # T of `tuple[T, ...]` and `T | None`
        yield Setting(each.name, told, kind, several, each.default)
