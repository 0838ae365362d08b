"""The command `safelight`."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Final

from engine.errors import SafelightError
from server.commands import bench, cache, check, convert, models, nodes, plan, run, serve
from server.commands.common import FAILED, INTERRUPTED, OK, REFUSED, print_json

COMMANDS: Final[tuple[ModuleType, ...]] = (run, serve, check, plan, convert, nodes, models, cache, bench)
PACKAGES: Final = ("engine", "nodes", "server")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="safelight",
        description="Run node-graph workflows of diffusion models.",
        epilog='Try: safelight run workflows/text_to_image.json --set prompt="a red circle"',
    )
    root.add_argument("--version", action="version", version=f"safelight {installed_version()}")
    root.add_argument("--debug", action="store_true", help="show tracebacks")
    parsers = root.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(parsers)
    return root


def installed_version() -> str:
    try:
        return version("safelight")
    except PackageNotFoundError:
        return "unknown (not installed)"


def strangers() -> str:
    """What is wrong when `engine`, `nodes` and `server` do not lie in one folder; nothing if they do."""
    here = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [Path(place).resolve() for place in (spec.submodule_search_locations or [])] if spec else []
        if here / name not in places:
            found = places[0] if places else "nothing"
            return (
                f"the package `{name}` is {found}, not Safelight's own in {here}; "
                "another installed package has taken its name: use a virtual environment of its own"
            )
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and give its exit code; a user's mistake is one line, never a traceback."""
    if problem := strangers():
        print(f"error: {problem}", file=sys.stderr)
        return REFUSED
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.main(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except SafelightError as error:
        if arguments.debug:
            raise
        if getattr(arguments, "json", False):
            print_json({"status": "refused", "error": str(error)})
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except Exception as error:
        if arguments.debug:
            raise
        print(
            f"error: {type(error).__name__}: {error}\n"
            "This is a mistake in Safelight; `safelight --debug …` shows where.",
            file=sys.stderr,
        )
        return FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
