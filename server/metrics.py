"""What the server counts about itself, in the form that Prometheus reads."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

_QUICK: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60)
_LONG: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: Seconds between two looks at the lag of the event loop.
_BEAT: Final = 0.5


class Metrics:
    """The counters, and plain words to move them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._jobs = self._counter("jobs", "Jobs that ended, by how.", "state")
        self._waited = self._histogram("job_wait_seconds", "How long jobs waited in the line.", _LONG)
        self._ran = self._histogram("job_run_seconds", "How long jobs ran.", _LONG)
        self._pending = self._gauge("jobs_pending", "Jobs in the line.")
        self._running = self._gauge("jobs_running", "Jobs that run now.")
        self._nodes = self._counter("nodes", "Nodes of jobs: found in the cache or computed.", "cache")
        self._node_seconds = self._counter("node_seconds", "Seconds spent in nodes.", "class_type")
        self._requests = self._counter("http_requests", "Requests answered.", "route", "method", "status")
        self._answered = self._histogram("http_request_seconds", "How long answers took.", _QUICK, "route")
        self._clients = self._gauge("websocket_clients", "Open websockets.")
        self._lag = self._histogram("loop_lag_seconds", "How late the event loop was.", _QUICK)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"safelight_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"safelight_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"safelight_{name}", text, labels, buckets=buckets, registry=self.registry)

    def watch_queue(self, pending: Callable[[], int], running: Callable[[], int]) -> None:
        """Where the lengths of the queue are read, when somebody asks for them."""
        self._pending.set_function(pending)
        self._running.set_function(running)

    def watch_clients(self, clients: Callable[[], int]) -> None:
        """Where the number of open websockets is read."""
        self._clients.set_function(clients)

    def job_started(self, waited: float) -> None:
        self._waited.observe(max(0.0, waited))

    def job_ended(self, state: str, seconds: float | None = None) -> None:
        """A job is over; one that never ran has no seconds."""
        self._jobs.labels(state).inc()
        if seconds is not None:
            self._ran.observe(max(0.0, seconds))

    def node_finished(self, class_type: str, seconds: float = 0.0, *, cached: bool = False) -> None:
        self._nodes.labels("hit" if cached else "miss").inc()
        if not cached:
            self._node_seconds.labels(class_type).inc(max(0.0, seconds))

    def request(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """`route` is a template, so that there are few; a websocket has no seconds worth counting."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        if seconds is not None:
            self._answered.labels(route).observe(seconds)

    def loop_lagged(self, seconds: float) -> None:
        self._lag.observe(max(0.0, seconds))

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Everything, and its content type, in the form that a scraper accepts."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


METRICS: Final = web.AppKey("metrics", Metrics)


async def heartbeat(app: web.Application) -> AsyncIterator[None]:
    """Measure how late the loop is, as long as the application lives."""

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_BEAT)
            app[METRICS].loop_lagged(time.perf_counter() - before - _BEAT)

    task = asyncio.create_task(beat(), name="heartbeat")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
