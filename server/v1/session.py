"""POST /v1/login, as the description has it; `server.sign_in` answers it."""

from typing import Final, Literal

from aiohttp import web
from pydantic import ConfigDict

from server.sign_in import log_in, show_page
from server.v1.operation import Operations, Said
from server.v1.shape import Shape, Wish

operations: Final = Operations("session")


class Login(Wish):
    """The token that the server asks for."""

    model_config = ConfigDict(extra="ignore")

    token: str


class LoggedIn(Shape):
    """The cookie of the answer lets its bearer in."""

    status: Literal["ok"]


@operations(
    "POST", "/login", LoggedIn, errors={413: "The body is too large.", 429: "Too many wrong tokens."},
    routed=False,
)  # fmt: skip
async def post_login(request: web.Request, body: Login) -> web.StreamResponse:  # noqa: ARG001  # read there, with a limit of its own
    """Sign in with the token; a browser has a cookie from then on."""
    return await log_in(request)


@operations("GET", "/login", {200: Said(description="A page.", media=("text/html",))}, routed=False)
async def get_login(request: web.Request) -> web.StreamResponse:
    """Sign in with a browser."""
    return await show_page(request)
