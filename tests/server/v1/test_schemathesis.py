"""Whatever the description allows, and much that it does not, sent to a running server."""

import asyncio
import copy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from described import DOCUMENT, described, saving
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

#: Streams that never end.
ENDLESS: Final = {"/v1/events"}

EXAMPLES: Final = 30

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def described_alone() -> dict[str, Any]:
    """The document without its answers for everything else: each status must have been said."""
    document = copy.deepcopy(DOCUMENT)
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]
    return document


SCHEMA: Final = schemathesis.openapi.from_dict(described_alone())


def operations() -> Iterator[tuple[str, str, GenerationMode]]:
    """Each operation as it should be asked, and where that can be done wrongly, so too."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if path in ENDLESS:
                continue
            yield method.upper(), path, GenerationMode.POSITIVE
            query = [each for each in operation["parameters"] if each["in"] == "query"]
            if query or "application/json" in operation.get("requestBody", {}).get("content", {}):
                yield method.upper(), path, GenerationMode.NEGATIVE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a server on a thread, and names of things that it has."""
    home: Path = tmp_path_factory.mktemp("home")
    ready, stop = threading.Event(), asyncio.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with described(home) as api:
            job = await api.submit(saving())
            await api.ended(job["id"])
            await api("PUT", "/v1/workflows/greeting", json=saving())
            await api("POST", "/v1/files/input/note.txt", data=b"note")
            found["address"] = str(api.client.make_url("")).rstrip("/")
            found["known"] = {
                "job_id": job["id"],
                "name": "greeting",
                "class_type": "Paint",
                "folder": "loras",
                "root": "input",
                "file": "note.txt",
            }
            found["loop"] = asyncio.get_running_loop()
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield found["address"], found["known"]
    found["loop"].call_soon_threadsafe(stop.set)
    thread.join()


@pytest.mark.parametrize(("method", "path", "mode"), list(operations()))
def test_answers_are_as_described(
    server: tuple[str, dict[str, str]], method: str, path: str, mode: GenerationMode
) -> None:
    address, known = server
    operation = SCHEMA[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def sends(case: schemathesis.Case[Any], is_known: bool) -> None:
        if is_known:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known[name]
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict) and "workflow" in case.body:
                case.body = {**case.body, "workflow": dict[str, Any](saving())}
        response = case.call(base_url=address, timeout=20)
        case.validate_response(response, checks=CHECKS)

    sends()
