"""What the server itself costs: CPU a prompt, time to the first step, a long queue, many clients, its start.

    python tests/benchmarks/server_load.py [prompts|queue|first|start|clients ...]

A real server process with trivial nodes; jobs are durable as by default, if nothing else is said.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

sys.path.append(str(Path(__file__).parent.parent / "helpers"))

from loading import client, make_home, many_steps, read_for_ever, three_nodes
from processes import ROOT, ServerProcess

QUIET = ("--device", "cpu", "--log-level", "warning")


def table(*rows: Iterable[object]) -> None:
    """Print rows; the first is the head."""
    head, *body = (list(map(str, row)) for row in rows)
    for row in (head, ["---"] * len(head), *body):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def server(folder: Path, *flags: str) -> ServerProcess:
    """A server that runs, over a new home."""
    started = ServerProcess(make_home(folder), (*QUIET, "--no-warm-up", *flags)).start()
    started.ready()
    return started


async def prompts(folder: Path, *, count: int = 200, rounds: int = 9) -> None:
    """CPU seconds of the server a prompt of three nodes."""

    async def burst(url: str, name: str) -> None:
        async with client(url, name) as one:
            reading = asyncio.create_task(read_for_ever(one.socket)) if one.socket is not None else None
            for _ in range(count):
                await one.submit(three_nodes(fresh()), client_id=name)
            await one.idle()
            if reading is not None:
                reading.cancel()
                await reading

    async def in_turn(url: str, name: str) -> None:
        async with client(url, name) as one:
            for _ in range(count):
                await one.ended(await one.submit(three_nodes(fresh()), client_id=name))

    ways: list[tuple[str, str, Callable[[str, str], Awaitable[None]], tuple[str, ...]]] = [
        ("all at once", "", burst, ()),
        ("all at once, with a websocket", "listener", burst, ()),
        ("one after the other, with a websocket", "listener", in_turn, ()),
        ("all at once, `--durable`", "", burst, ("--durable",)),
    ]
    rows: list[list[object]] = [["200 prompts", "CPU, ms a prompt", "lowest round", "wall, ms a prompt"]]
    for index, (words, name, way, flags) in enumerate(ways):
        with server(folder / f"prompts-{index}", *flags) as process:
            await way(process.url, name)  # warm
            cpu, wall = [], []
            for _ in range(rounds):
                before, start = process.cpu_seconds(), time.perf_counter()
                await way(process.url, name)
                cpu.append((process.cpu_seconds() - before) / count * 1e3)
                wall.append((time.perf_counter() - start) / count * 1e3)
        rows.append(
            [words, f"{statistics.median(cpu):.2f}", f"{min(cpu):.2f}", f"{statistics.median(wall):.2f}"]
        )
    table(*rows)


async def queue(folder: Path, *, count: int = 10_000) -> None:
    """Many jobs that wait: how long it takes to have one accepted, and what they weigh."""
    with server(folder / "queue") as process:
        async with client(process.url) as one:
            async with one.session.post(f"{process.url}/v1/queue/pause") as response:
                assert response.status == 200, await response.text()
            for _ in range(50):
                await one.submit(three_nodes(fresh()))
            before, start = process.memory(), time.perf_counter()
            seconds = []
            for _ in range(count):
                began = time.perf_counter()
                await one.submit(three_nodes(fresh()))
                seconds.append(time.perf_counter() - began)
            wall = time.perf_counter() - start
            grown = process.memory() - before
            began = time.perf_counter()
            async with one.session.get(f"{process.url}/queue") as response:
                listed = len((await response.json())["queue_pending"])
            listing = time.perf_counter() - began
            assert listed == count + 50
        process.stop()
        start = time.perf_counter()
        process.start().ready()
        restarted = time.perf_counter() - start
    rows: list[list[object]] = [["accepting", "median, ms", "p95, ms"]]
    for words, part in (
        (f"of {count:,}, the first thousand", seconds[:1000]),
        ("the last thousand", seconds[-1000:]),
    ):
        rows.append([words, f"{statistics.median(part) * 1e3:.2f}", f"{high(part) * 1e3:.2f}"])
    table(*rows)
    print(
        f"{count:,} jobs accepted in {wall:.1f} s; memory grew by {grown / 1e6:.1f} MB "
        f"({grown / count:.0f} bytes a job); GET /queue {listing:.2f} s; "
        f"ready again after a restart in {restarted:.2f} s\n"
    )


async def first(folder: Path, *, count: int = 100) -> None:
    """From a submission on an idle, warm server to its first `executing`."""
    with server(folder / "first") as process:
        async with client(process.url, "listener") as one:
            seconds = []
            for number in range(count + 20):
                began = time.perf_counter()
                sent = await one.submit(three_nodes(fresh()), client_id="listener")
                await one.message("executing", sent)
                if number >= 20:
                    seconds.append(time.perf_counter() - began)
                await one.idle()
                await asyncio.sleep(0.02)
    table(
        ["submission to first `executing`", "ms"],
        ["median", f"{statistics.median(seconds) * 1e3:.2f}"],
        ["p95", f"{high(seconds) * 1e3:.2f}"],
    )


async def start(folder: Path, *, rounds: int = 5) -> None:
    """From the command to /ready, and to the first picture of Pinhole."""
    ready, picture = [], []
    graph = json.loads((ROOT / "workflows" / "text_to_image.json").read_text())
    for index in range(rounds):
        process = ServerProcess(make_home(folder / f"start-{index}"), QUIET)
        began = time.perf_counter()
        with process.start():
            process.ready()
            async with client(process.url) as one:
                async with one.session.get(f"{process.url}/ready") as response:
                    assert response.status == 200
                ready.append(time.perf_counter() - began)
                await one.submit(graph)
                await one.idle(0.02)
            assert list((process.home / "output").glob("*.png")), process.log[-2000:]
            picture.append(time.perf_counter() - began)
            process.stop()
    table(
        ["start to", "median, s", "highest, s"],
        ["`/ready`", f"{statistics.median(ready):.2f}", f"{max(ready):.2f}"],
        ["Pinhole's first picture", f"{statistics.median(picture):.2f}", f"{max(picture):.2f}"],
    )
    with server(folder / "cold") as process:  # without the warm-up, which begins when the server is ready
        torch = process.has_loaded("libtorch")
    print(f"torch was {'' if torch else 'not '}loaded on the way to ready\n")


async def clients(folder: Path, *, count: int = 500, stalled: int = 50, jobs: int = 400) -> None:
    """Many websockets, some of which never read: the pace of jobs, and what the server weighs."""
    rows: list[list[object]] = [
        ["websockets", "whose jobs", "jobs a second", "CPU, ms a job", "memory before, MB", "after, MB"]
    ]
    for listening, deaf in ((0, 0), (count - stalled, 0), (count - stalled, stalled)):
        names = [f"c{number}" for number in range(listening)]
        never = [f"deaf{number}" for number in range(deaf)]
        for owners in (["nobody"], [*names, *never] or ["nobody"]):
            with server(folder / f"clients-{listening}-{deaf}-{len(owners)}") as process:
                result = await with_clients(process, names, never, owners, jobs)
            words = f"{listening} that read" + (f", {deaf} that never do" if deaf else "")
            rows.append([words, "nobody's" if owners == ["nobody"] else "theirs in turn", *result])
            if not listening:
                break
    table(*rows)


async def with_clients(
    process: ServerProcess, names: list[str], never: list[str], owners: list[str], jobs: int
) -> list[str]:
    """Jobs of a hundred steps, one owner after the other; those of nobody are told to everyone."""

    async def run(number: int) -> None:
        for index in range(number):
            owner = owners[index * 37 % len(owners)]
            await one.submit(many_steps(fresh()), **({} if owner == "nobody" else {"client_id": owner}))
        await one.idle()

    async with client(process.url) as one, aiohttp.ClientSession(connector=connector()) as session:
        await run(30)
        before = process.memory()
        sockets = [await session.ws_connect(f"{process.url}/ws?clientId={name}") for name in names]
        readers = [asyncio.create_task(read_for_ever(each)) for each in sockets]
        stalled = [deaf_socket(process.url, name) for name in never]
        cpu, began = process.cpu_seconds(), time.perf_counter()
        await run(jobs)
        wall, cpu = time.perf_counter() - began, process.cpu_seconds() - cpu
        after = process.memory()
        for each in readers:
            each.cancel()
        await asyncio.gather(*readers)
        for raw in stalled:
            raw.close()
    return [f"{jobs / wall:.0f}", f"{cpu / jobs * 1e3:.2f}", f"{before / 1e6:.0f}", f"{after / 1e6:.0f}"]


def connector() -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(limit=0)


def deaf_socket(url: str, name: str) -> socket.socket:
    """A websocket that is opened and never read from."""
    address = urlsplit(url)
    assert address.hostname is not None
    opened = socket.create_connection((address.hostname, address.port or 80))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.sendall(
        f"GET /ws?clientId={name} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return opened


_numbers = iter(range(1 << 62))


def fresh() -> str:
    """A text that no job had before."""
    return f"text {next(_numbers)} of {_BEGAN}"


_BEGAN = time.time_ns()


def high(seconds: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]


PARTS: dict[str, Callable[[Path], Coroutine[None, None, None]]] = {
    "prompts": prompts,
    "queue": queue,
    "first": first,
    "start": start,
    "clients": clients,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which parts (all)")
    for part in parser.parse_args().parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(PARTS[part](Path(folder)))


if __name__ == "__main__":
    main()
