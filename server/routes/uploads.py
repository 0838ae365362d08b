"""POST /upload/image and /upload/mask: from a form to a file that nodes can load."""

from aiohttp import web

from server.answers import answer
from server.forms import received_form
from server.keys import ENGINE, SETTINGS
from server.pictures import drawn
from server.uploads import keep, keep_mask

routes = web.RouteTableDef()


@routes.post("/upload/image")
async def post_image(request: web.Request) -> web.Response:
    """Store a picture, or a file of another kind that nodes read."""
    async with received_form(request, "image") as form:
        limit = request.app[SETTINGS].max_pixels
        return answer(await drawn(keep, form, request.app[ENGINE].files, limit))


@routes.post("/upload/mask")
async def post_mask(request: web.Request) -> web.Response:
    """Store a copy of a picture with another alpha."""
    async with received_form(request, "image") as form:
        limit = request.app[SETTINGS].max_pixels
        return answer(await drawn(keep_mask, form, request.app[ENGINE].files, limit))
