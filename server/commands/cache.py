"""`safelight cache`: how large the disk cache is, what is in it, and emptying it."""

import argparse

from engine.cache.disk import DiskCache
from server.commands.common import OK, add_home, add_json, engine_for, print_json


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser("cache", help="size, list or clear the results kept on disk")
    parser.add_argument("action", nargs="?", choices=("size", "list", "clear"), default="size")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    with engine_for(arguments) as engine:
        cache = engine.parts.disk
        assert cache is not None  # `engine_for` opens one unless it is told not to
        return {"size": size, "list": listing, "clear": clear}[arguments.action](cache, arguments)


def size(cache: DiskCache, arguments: argparse.Namespace) -> int:
    entries = list(cache.entries())
    total = sum(entry.nbytes for entry in entries)
    if arguments.json:
        print_json({"folder": str(cache.folder), "entries": len(entries), "bytes": total})
    else:
        print(
            f"{len(entries)} results, {total / 1e6:.1f} MB of {cache.budget / 1e6:.0f} MB in {cache.folder}"
        )
    return OK


def listing(cache: DiskCache, arguments: argparse.Namespace) -> int:
    entries = list(cache.entries())
    if arguments.json:
        rows = [{"key": e.key, "class_type": e.class_type, "bytes": e.nbytes} for e in entries]
        print_json({"entries": rows})
        return OK
    for entry in entries:
        print(f"{entry.key}  {entry.nbytes:>12,}  {entry.class_type}")
    return OK


def clear(cache: DiskCache, arguments: argparse.Namespace) -> int:
    freed = cache.clear()
    if arguments.json:
        print_json({"freed": freed})
    else:
        print(f"freed {freed / 1e6:.1f} MB")
    return OK
