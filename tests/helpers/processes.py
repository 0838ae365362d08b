"""A server as a process of its own: started, asked over HTTP, killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).parent.parent.parent
_COMMAND = "import sys; from server.cli import main; sys.exit(main(sys.argv[1:]))"
_ADDRESS = re.compile(r"Safelight is at (\S+)")


class NotStartedError(Exception):
    """The process ended before it said where it is."""


@dataclass
class ServerProcess:
    """`safelight serve` over a home.  What it says goes to HOME/server.log."""

    home: Path
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process is not None
        return self._process

    @property
    def port(self) -> int:
        """Where it listens, or listened last."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def start(self, port: int = 0) -> Self:
        """Start it, and do not wait.  Without a port it takes one that is free."""
        self._log = (self.home / "server.log").open("a")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _COMMAND,
                "serve",
                "--home",
                str(self.home),
                "--port",
                str(port),
                *self.flags,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **self.environment},
        )
        return self

    def ready(self) -> str:
        """Wait until it takes jobs; gives its address.

        Raises:
            NotStartedError: it has ended instead.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := _ADDRESS.search(line):
                self.url = found[1]
                return self.url
        raise NotStartedError(self.log[-2000:])

    def kill(self) -> None:
        """Kill it as the system does, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self, seconds: float = 30.0) -> int:
        """Tell it to stop; gives its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def cpu_seconds(self) -> float:
        """User and system time of its threads so far; those that have ended are left out."""
        nanoseconds = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # it has just ended
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def memory(self) -> int:
        """Bytes that it has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def handles(self) -> int:
        """Files and sockets that it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208  # names are enough

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))  # noqa: PTH208

    def has_loaded(self, library: str) -> bool:
        """Whether a shared library of this name is in its memory."""
        return library in Path(f"/proc/{self.process.pid}/maps").read_text()

    def _end(self, how: signal.Signals, seconds: float = 30.0) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._log is not None:
            self._log.close()
        self._process = None
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
