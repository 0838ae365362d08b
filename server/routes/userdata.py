"""/userdata and /v2/userdata: files that clients keep on the server."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from server.answers import answer, empty
from server.bodies import flag
from server.keys import ENGINE, SETTINGS
from server.media import file_answer
from server.part_files import received
from server.refusal import Refusal
from server.user_files import facts, listing, store, tree, user_file, user_root

routes = web.RouteTableDef()


def root_of(request: web.Request) -> Path:
    return user_root(request.app[ENGINE].files)


@routes.get("/userdata")
async def get_listing(request: web.Request) -> web.Response:
    """The files of a folder, in one of three forms."""
    if not (folder := request.query.get("dir")):
        raise Refusal(400, "invalid_query", "name a folder: ?dir=workflows")
    full, split = flag(request, "full_info"), flag(request, "split")
    recurse = flag(request, "recurse")
    return answer(await asyncio.to_thread(listed, root_of(request), folder, recurse, full, split))


def listed(root: Path, name: str, recurse: bool, full: bool, split: bool) -> list[Any]:
    """Paths relative to the folder, what is known of each, or each with its parts."""
    folder, paths = listing(root, name, recurse=recurse)
    if full:
        return [facts(folder, path) for path in paths]
    names = [path.relative_to(folder) for path in paths]
    return [[each.as_posix(), *each.parts] if split else each.as_posix() for each in names]


@routes.get("/v2/userdata")
async def get_tree(request: web.Request) -> web.Response:
    """Files and folders, at whatever depth."""
    return answer(await asyncio.to_thread(tree, root_of(request), request.query.get("path", "")))


@routes.get("/userdata/{file}")
async def get_file(request: web.Request) -> web.FileResponse:
    path = await asyncio.to_thread(user_file, root_of(request), request.match_info["file"])
    return file_answer(path)


@routes.post("/userdata/{file}")
async def post_file(request: web.Request) -> web.Response:
    """Keep the body under a name."""
    root, limit = root_of(request), request.app[SETTINGS].max_body
    folder = request.app[ENGINE].files.temp
    async with received(request.content.iter_chunked(1 << 20), folder, limit) as part:
        return answer(await asyncio.to_thread(stored, part, root, request.match_info["file"], request))


@routes.delete("/userdata/{file}")
async def delete_file(request: web.Request) -> web.Response:
    path = await asyncio.to_thread(user_file, root_of(request), request.match_info["file"])
    await asyncio.to_thread(path.unlink, missing_ok=True)
    return empty(204)


@routes.post("/userdata/{file}/move/{dest}")
async def move_file(request: web.Request) -> web.Response:
    """Give a file another name."""
    root = root_of(request)
    source = await asyncio.to_thread(user_file, root, request.match_info["file"])
    return answer(await asyncio.to_thread(stored, source, root, request.match_info["dest"], request))


def stored(part: Path, root: Path, name: str, request: web.Request) -> Any:
    """What is said of a file that was given its name: where it is, or all about it."""
    path = store(part, root, name, overwrite=flag(request, "overwrite", default=True))
    return facts(root, path) if flag(request, "full_info") else path.relative_to(root).as_posix()
