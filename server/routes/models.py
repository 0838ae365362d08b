"""/models, /experiment/models, /view_metadata and /embeddings: the models that are there."""

import asyncio

from aiohttp import web

from server import model_files
from server.answers import answer
from server.keys import ENGINE
from server.pictures import drawn

routes = web.RouteTableDef()


@routes.get("/models")
async def get_folders(request: web.Request) -> web.Response:
    return answer(list(request.app[ENGINE].files.models.places))


@routes.get("/models/{folder}")
async def get_names(request: web.Request) -> web.Response:
    models = request.app[ENGINE].files.models
    return answer(await asyncio.to_thread(model_files.names, models, request.match_info["folder"]))


@routes.get("/embeddings")
async def get_embeddings(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(model_files.embeddings, request.app[ENGINE].files.models))


@routes.get("/experiment/models")
async def get_places(request: web.Request) -> web.Response:
    """Every folder with its places."""
    files = request.app[ENGINE].files
    folders = list(files.models.places)
    return answer([{"name": each, "folders": model_files.places(files, each)} for each in folders])


@routes.get("/experiment/models/{folder}")
async def get_entries(request: web.Request) -> web.Response:
    models = request.app[ENGINE].files.models
    return answer(await asyncio.to_thread(model_files.entries, models, request.match_info["folder"]))


@routes.get("/experiment/models/preview/{folder}/{index}/{name:.+}")
async def get_picture(request: web.Request) -> web.Response:
    asked = request.match_info
    models = request.app[ENGINE].files.models
    content = await drawn(model_files.picture, models, asked["folder"], asked["index"], asked["name"])
    return web.Response(body=content, content_type="image/webp")


@routes.get("/view_metadata/{folder}")
async def get_metadata(request: web.Request) -> web.Response:
    """What a model's file says of itself."""
    models, folder = request.app[ENGINE].files.models, request.match_info["folder"]
    path = await asyncio.to_thread(model_files.find, models, folder, request.query.get("filename", ""))
    return answer(await asyncio.to_thread(model_files.metadata, path))
