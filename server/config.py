"""What a server is told once, at its start."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How to serve.  Every field has a flag, a variable of the environment and a line in the file."""

    listen: str = "127.0.0.1"
    port: int = 8188
    home: Path | None = None
    models: tuple[Path, ...] = ()
    output: Path | None = None
    device: str = "auto"

    jobs: int = 1  # how many run at once
    exact: bool = False  # never merge the work of different jobs
    durable: bool = False  # survive a power cut too, and not only the end of the process
    drain_seconds: float = 10.0  # how long running jobs may take to end when the server is told to stop
    keep_jobs: int = 10_000  # ended jobs that history keeps
    keep_days: float = 30.0  # and for how long; temporary files too

    token: str = ""  # what clients must show; empty means that none is asked for
    allow_hosts: tuple[str, ...] = ()  # names in Host and Origin beside loopback and `listen`
    frontend: str = ""  # a folder, or `comfyui`: another front-end in the place of the editor

    max_body: int = 100 << 20  # bytes of any body; uploads reach it
    max_json: int = 32 << 20  # bytes of a JSON body
    max_nodes: int = 20_000  # nodes of a graph
    max_pixels: int = 100_000_000  # pixels of an uploaded picture
    preview_size: int = 512  # pixels of the longer side of a preview

    log_level: str = "info"
    log_json: bool = False
    log_prompts: bool = False  # prompts are people's own business
    metadata: bool = True  # written pictures carry their workflow
