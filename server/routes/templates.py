"""/workflow_templates: examples to begin with."""

import asyncio
from pathlib import Path

from aiohttp import web

from engine.formats import is_editor_form, to_editor
from engine.prompt import as_document, read_json
from server.answers import answer, dump
from server.keys import ENGINE
from server.media import file_answer
from server.templates import template, templates

routes = web.RouteTableDef()


@routes.get("/workflow_templates")
async def get_templates(request: web.Request) -> web.Response:
    """The names of examples by pack."""
    return answer(await asyncio.to_thread(templates, request.app[ENGINE].files))


@routes.get("/workflow_templates/{pack}/{name}")
async def get_template(request: web.Request) -> web.StreamResponse:
    """An example, in the form that ComfyUI's editor opens, or its picture."""
    asked, engine = request.match_info, request.app[ENGINE]
    path = await asyncio.to_thread(template, engine.files, asked["pack"], asked["name"])
    if path.suffix != ".json":
        return file_answer(path)

    def read(path: Path) -> str:
        document = as_document(read_json(path.read_bytes()))
        return dump(document if is_editor_form(document) else to_editor(document, engine.registry.specs))

    return web.Response(text=await asyncio.to_thread(read, path), content_type="application/json")
