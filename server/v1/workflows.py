"""/v1/workflows: saved workflows, which are functions of their named inputs."""

import asyncio
import json
from typing import Annotated, Any, Final
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from engine.engine import Engine
from engine.errors import UserError
from engine.formats import lower, translate
from server.answers import answer
from server.bodies import json_object
from server.keys import ENGINE
from server.refusal import Refusal
from server.v1.library import Library, Saved, title_of
from server.v1.nodes import listed
from server.v1.operation import Answer, Operations, Said
from server.v1.parameters import parameters, schema
from server.v1.shape import Problem, Query, Shape, Value
from server.v1.submission import Workflow, prepare

operations: Final = Operations("workflows")

PARTS: Final = {"name": "The name of a saved workflow."}
UNKNOWN: Final = {404: "There is no such workflow."}
_TAG: Final = {"ETag": "The version, for `If-Match`."}


class WorkflowEntry(Shape):
    """A saved workflow."""

    name: str
    title: str
    description: str
    shipped: bool
    """Whether it comes with Safelight, and cannot be changed; saving one of its name hides it."""
    inputs: list[str]
    """The names of its inputs; `schema` says what they take."""
    outputs: list[str]
    etag: str
    url: str
    broken: str = ""
    """Why its file cannot be read as a workflow."""


class Workflows(Shape):
    """The saved workflows."""

    workflows: list[WorkflowEntry]


class SavedWorkflow(WorkflowEntry):
    """A workflow that was saved, and what is wrong with it; unsound ones are kept too."""

    problems: list[Problem]


class KnownVersion(Query):
    if_none_match: Annotated[
        str | None, Field(alias="If-None-Match", description="Only if the version is another one.")
    ] = None


class Versions(Query):
    if_match: Annotated[
        str | None,
        Field(alias="If-Match", description="Only if the saved version has this ETag; `*` for any."),
    ] = None
    if_none_match: Annotated[
        str | None, Field(alias="If-None-Match", description="`*`: only if there is none of this name.")
    ] = None


@operations("GET", "/workflows", Workflows)
async def get_workflows(request: web.Request) -> Workflows:
    """List the saved workflows."""
    engine = request.app[ENGINE]

    def entries() -> list[WorkflowEntry]:
        return [WorkflowEntry(**facts(engine, saved)) for saved in Library(engine.files).all()]

    return Workflows(workflows=await asyncio.to_thread(entries))


@operations(
    "GET",
    "/workflows/{name}",
    {
        200: Said(dict[str, Value], "The document as it was saved.", _TAG),
        304: Said(description="It is the version that `If-None-Match` names."),
    },
    errors=UNKNOWN,
    parts=PARTS,
)
async def get_workflow(request: web.Request, name: str, headers: KnownVersion) -> web.Response:
    """Give a saved workflow."""
    saved = await asyncio.to_thread(Library(request.app[ENGINE].files).get, name)
    version = {"ETag": saved.tag, "Cache-Control": "no-cache"}
    if saved.tag in (headers.if_none_match or ""):
        return web.Response(status=304, headers=version)
    await asyncio.to_thread(saved.document)
    return web.Response(body=saved.content, content_type="application/json", headers=version)


@operations(
    "PUT",
    "/workflows/{name}",
    {
        200: Said(SavedWorkflow, "Saved over the version before.", _TAG),
        201: Said(SavedWorkflow, "Saved.", _TAG),
    },
    errors={
        400: "It may not be called so, or is no workflow.",
        412: "It is another version.",
        413: "Too large.",
    },
    takes="application/json",
    parts=PARTS,
)
async def put_workflow(request: web.Request, name: str, headers: Versions) -> Answer:
    """Save a workflow of any form."""
    engine = request.app[ENGINE]
    document = await json_object(request)
    prepared = await prepare(request.app, Workflow(workflow=document))
    try:
        await asyncio.to_thread(json.dumps, document, allow_nan=False)
    except ValueError:
        raise Refusal(
            400, "invalid_json", "the document holds NaN or an infinity, which JSON has not"
        ) from None
    library, content = Library(engine.files), await request.read()
    only_new = (headers.if_none_match or "").strip() == "*"
    saved, new = await asyncio.to_thread(
        library.put, name, content, matching=headers.if_match or "", only_new=only_new
    )
    known = await asyncio.to_thread(facts, engine, saved)
    told = SavedWorkflow(**known, problems=list(prepared.problems))
    return Answer(told, 201 if new else 200, {"ETag": saved.tag, "Location": told.url})


@operations(
    "DELETE",
    "/workflows/{name}",
    {204: Said(description="It is gone.")},
    errors={
        **UNKNOWN,
        400: "Nothing may be called so.",
        403: "It comes with Safelight.",
        412: "It is another version.",
    },
    parts=PARTS,
)
async def delete_workflow(request: web.Request, name: str, headers: Versions) -> web.Response:
    """Delete a saved workflow."""
    library = Library(request.app[ENGINE].files)
    await asyncio.to_thread(library.delete, name, matching=headers.if_match or "")
    return web.Response(status=204)


@operations(
    "GET",
    "/workflows/{name}/schema",
    {200: Said(dict[str, Value], "A JSON Schema (2020-12).")},
    errors=UNKNOWN,
    parts=PARTS,
)
async def get_schema(request: web.Request, name: str) -> web.Response:
    """Say what the named inputs of a workflow take: types, bounds, choices, defaults."""
    engine = request.app[ENGINE]

    def described() -> dict[str, Any]:
        document = Library(engine.files).get(name).document()
        specs = engine.registry.specs
        ours, _ = translate(document, specs)
        found = list(parameters(ours, lower(ours, specs), specs))
        title, text = title_of(ours)
        return schema(title or name, text, found, listed(engine.files))

    return answer(await asyncio.to_thread(described))


def facts(engine: Engine, saved: Saved) -> dict[str, Any]:
    """What a listing tells of a saved workflow."""
    known: dict[str, Any] = {
        "name": saved.name,
        "title": "",
        "description": "",
        "shipped": saved.shipped,
        "inputs": [],
        "outputs": [],
        "etag": saved.tag,
        "url": f"/v1/workflows/{quote(saved.name)}",
    }
    try:
        document, _ = translate(saved.document(), engine.registry.specs)
        lowered = lower(document, engine.registry.specs)
    except UserError as error:
        return known | {"broken": str(error)}
    title, text = title_of(document)
    inputs = sorted(lowered.inputs, key=lambda name: lowered.inputs[name].order)
    return known | {
        "title": title,
        "description": text,
        "inputs": inputs,
        "outputs": list(lowered.outputs),
    }
