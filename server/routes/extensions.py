"""What packs may add to a front-end: scripts, translations, sub-graphs, newer nodes for older ones.

Packs of ours add none of these; clients ask all the same.
"""

from aiohttp import web

from server.answers import answer
from server.refusal import Refusal

routes = web.RouteTableDef()


@routes.get("/extensions")
async def get_extensions(_request: web.Request) -> web.Response:
    return answer([])


@routes.get("/i18n")
@routes.get("/global_subgraphs")
@routes.get("/node_replacements")
async def get_nothing(_request: web.Request) -> web.Response:
    return answer({})


@routes.get("/global_subgraphs/{id}")
async def get_subgraph(request: web.Request) -> web.Response:
    raise Refusal(404, "not_found", f"there is no sub-graph {request.match_info['id'][:100]!r}")
