"""The description of our own API, and that it says no more and no less than what is served."""

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from described import DOCUMENT, described, validate
from openapi_spec_validator import validate as validate_document
from pydantic import BaseModel

from server.v1.api import OPERATIONS
from server.v1.operation import PREFIX


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_it_is_a_valid_openapi_document() -> None:
    validate_document(DOCUMENT)


def test_it_is_served(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            served = (await api("GET", "/v1/openapi.json")).json
            assert served["paths"].keys() == DOCUMENT["paths"].keys()
            assert served["openapi"] == "3.1.0"

    asyncio.run(go())


def test_what_is_routed_is_described_and_what_is_described_is_routed(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            routed = {
                (route.method, re.sub(r":[^{}]*}", "}", route.resource.canonical))
                for route in api.client.app.router.routes()
                if route.resource is not None
                and route.resource.canonical.startswith(f"{PREFIX}/")
                and route.method != "HEAD"
            }
            assert routed == {(method, path) for method, path, _ in operations()}

    asyncio.run(go())


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(operation["summary"].endswith(".") for _, _, operation in operations())


def test_every_part_of_a_path_is_explained() -> None:
    silent = [
        (path, each["name"])
        for _, path, operation in operations()
        for each in operation["parameters"]
        if each["in"] == "path" and not each.get("description")
    ]
    assert silent == []


def test_examples_are_what_they_are_examples_of() -> None:
    found = 0
    for operation in OPERATIONS:
        for model in operation.models.values():
            for example in model.model_json_schema().get("examples", ()):
                model.model_validate(example)
                validate(example, {"$ref": f"#/components/schemas/{model.__name__}"})
                found += 1
    assert found >= 3


def test_models_of_one_name_are_one_model() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name or name.endswith("-Input")]
    assert all(issubclass(model, BaseModel) for each in OPERATIONS for model in each.models.values())


class _Links(HTMLParser):
    """Where a page leads, and whether it takes anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.taken: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        self.links |= {given["href"]} if "href" in given else set()
        if tag in {"script", "link", "img", "iframe"} or "src" in given:
            self.taken.append(tag)


def test_the_page_for_people_lists_everything_and_stands_alone(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("GET", "/v1/docs")
            assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
            page = _Links()
            page.feed(reply.body.decode())
            assert page.taken == []
            assert {operation["operationId"] for _, _, operation in operations()} <= page.ids
            assert page.links <= {f"#{each}" for each in page.ids} | {"openapi.json"}

    asyncio.run(go())


def test_with_a_token_nothing_is_answered_without_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path, token="secret") as api:  # noqa: S106  # a toy
            for method, path, _ in operations():
                if path == "/v1/login":
                    continue
                reply = await api(method, re.sub(r"{\w+}", "x", path))
                assert reply.status == 401, (method, path)
            headers = {"Authorization": "Bearer secret"}
            assert (await api("GET", "/v1/system", headers=headers)).status == 200
            assert (await api("POST", "/v1/login", json={"token": "secret"})).json == {"status": "ok"}
            assert (await api("GET", "/v1/system")).status == 200  # by the cookie

    asyncio.run(go())
