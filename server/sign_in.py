"""The token: how it is made, shown, compared, and guessed no faster than a person types.

A script sends `Authorization: Bearer TOKEN`.  A browser opens `/?token=TOKEN` or the sign-in page once and
has a cookie from then on.  Sockets and pictures, whose requests cannot carry a header, take `?token=`.
"""

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.hdrs import METH_GET, METH_HEAD

from engine.errors import DocumentError, StorageError
from engine.files import default_home, make_folder
from engine.prompt import read_json
from server.answers import answer
from server.config import Settings
from server.errors import Handler
from server.keys import SETTINGS
from server.refusal import Refusal
from server.security import is_loopback

COOKIE: Final = "safelight-token"
_DAYS: Final = 30
_LOGIN: Final = "/v1/login"
#: What a load balancer asks, and the way in.
_OPEN: Final = frozenset({"/health", "/ready", _LOGIN})
_TOKEN_IN_QUERY: Final = frozenset({"/view", "/api/view"})
_MAX_LOGIN: Final = 4096  # bytes of a body whose sender is not known yet

routes = web.RouteTableDef()


# Made and kept.


def with_token(settings: Settings) -> tuple[Settings, Path | None]:
    """Settings that let other machines in only with a token; and the file of one that was made just now.

    Raises:
        StorageError: a token had to be made, and cannot be kept.
    """
    if settings.token or is_loopback(settings.listen):
        return settings, None
    folder = (settings.home or default_home()).expanduser().absolute() / "state"
    path = folder / "token"
    with suppress(OSError, UnicodeDecodeError):
        if kept := path.read_text(encoding="utf-8").strip():
            path.chmod(0o600)
            return replace(settings, token=kept), None
    token = secrets.token_urlsafe(32)
    make_folder(folder)
    part = folder / f".token.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(token + "\n")
        part.replace(path)
    except OSError as error:
        raise StorageError(f"cannot keep a token in {path}: {error.strerror or error}") from error
    return replace(settings, token=token), path


# Guessed.


@dataclass
class _Guesses:
    """What one address has tried."""

    tried: set[bytes] = field(default_factory=set)
    last: float = 0.0
    until: float = 0.0  # no other guess is looked at before


@dataclass
class Attempts:
    """Slows who tries many tokens.  An old page that repeats one stale token is no such person."""

    free: int = 10
    longest: float = 60.0
    forgotten: float = 600.0
    addresses: int = 1024
    _guesses: OrderedDict[str, _Guesses] = field(default_factory=OrderedDict)

    def wait(self, address: str, now: float) -> float:
        """Seconds until a token from there is looked at."""
        guesses = self._guesses.get(address)
        return max(0.0, guesses.until - now) if guesses else 0.0

    def failed(self, address: str, token: str, now: float) -> None:
        guesses = self._guesses.pop(address, None)
        if guesses is None or now - guesses.last > self.forgotten:
            guesses = _Guesses()
        self._guesses[address] = guesses  # at the end: who was last heard is forgotten last
        while len(self._guesses) > self.addresses:
            self._guesses.popitem(last=False)
        digest = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest()
        if digest in guesses.tried:
            return
        guesses.last = now
        over = len(guesses.tried) + 1 - self.free
        if over < 16:  # further ones wait longest anyway
            guesses.tried.add(digest)
        if over >= 0:
            guesses.until = now + min(self.longest, 2.0**over)

    def succeeded(self, address: str) -> None:
        self._guesses.pop(address, None)


ATTEMPTS: Final = web.AppKey("attempts", Attempts)


def _address(request: web.Request) -> str:
    """Who is asking; of IPv6 the network, for everyone has one of those to themselves."""
    remote = request.remote or ""
    with suppress(ValueError):
        address = ip_address(remote)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
            return str(ip_network((address, 64), strict=False))
    return remote


# Compared.


def is_token(offered: str, settings: Settings) -> bool:
    """Whether it is the one, in a time that tells nothing about how near it came."""
    return hmac.compare_digest(offered.encode("utf-8", "replace"), settings.token.encode())


def _checked(request: web.Request, offered: str) -> web.Response | None:
    """Nothing if the token is right, or the answer that it is not."""
    attempts, who, now = request.app[ATTEMPTS], _address(request), time.monotonic()
    if wait := attempts.wait(who, now):
        refusal = Refusal(429, "too_many_attempts", "too many wrong tokens came from this address")
        response = answer(refusal.body(), refusal.status)
        response.headers["Retry-After"] = str(int(wait) + 1)
        return response
    if is_token(offered, request.app[SETTINGS]):
        attempts.succeeded(who)
        return None
    attempts.failed(who, offered, now)
    return _unauthorized(request, "the token is wrong")


def _unauthorized(request: web.Request, message: str) -> web.Response:
    """A page for a person, JSON for a program."""
    if request.method in {METH_GET, METH_HEAD} and "text/html" in request.headers.get("Accept", ""):
        response = _page(401)
    else:
        hint = f"send `Authorization: Bearer TOKEN`, or sign in with a browser at {_LOGIN}"
        response = answer(Refusal(401, "unauthorized", message, hint).body(), 401)
        response.headers["Cache-Control"] = "no-store"
    response.headers["WWW-Authenticate"] = 'Bearer realm="safelight"'
    return response


def _offered(request: web.Request) -> Iterator[str]:
    """The tokens a request carries, wherever it may carry one."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield credentials.strip()
    if cookie := request.cookies.get(COOKIE):
        yield cookie
    if (query := request.query.get("token")) and _may_ask_by_query(request):
        yield query


def _may_ask_by_query(request: web.Request) -> bool:
    if request.method != METH_GET:
        return False
    socket = request.headers.get("Upgrade", "").lower() == "websocket"
    return socket or request.rel_url.raw_path in _TOKEN_IN_QUERY


@web.middleware
async def signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for the token, when there is one."""
    if not request.app[SETTINGS].token or request.rel_url.raw_path in _OPEN:
        return await handler(request)
    if request.rel_url.raw_path == "/" and request.method == METH_GET and "token" in request.query:
        refused = _checked(request, request.query["token"])
        if refused is None:
            refused = _let_in(request, str(request.rel_url.without_query_params("token")))
        return refused
    refused = None
    for offered in _offered(request):
        refused = _checked(request, offered)
        if refused is None:
            return await handler(request)
    return refused or _unauthorized(request, "this server asks for a token")


# Signing in.


def _let_in(request: web.Request, place: str = "") -> web.Response:
    """The cookie, and on to a place if one is said."""
    response = web.Response(status=303, headers={"Location": place}) if place else answer({"status": "ok"})
    response.headers["Cache-Control"] = "no-store"
    if token := request.app[SETTINGS].token:
        response.set_cookie(
            COOKIE,
            token,
            max_age=_DAYS * 86400,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
    return response


@routes.get(_LOGIN)
async def show_page(request: web.Request) -> web.Response:  # noqa: ARG001  # the same for everyone
    return _page(200)


@routes.post(_LOGIN)
async def log_in(request: web.Request) -> web.Response:
    """Sign in with `{"token": …}`, or with the form of the page."""
    content = await _short_body(request)
    form = "form" in request.content_type and not content.lstrip().startswith(b"{")
    if form:
        fields = parse_qs(content.decode("utf-8", "replace"))
        offered: object = fields.get("token", [""])[0].strip()
    else:
        try:
            body = read_json(content, "the body")
        except DocumentError as error:
            raise Refusal(400, "invalid_json", str(error)) from None
        offered = body.get("token") if isinstance(body, dict) else None
    if not isinstance(offered, str):
        raise Refusal(400, "invalid_body", 'the body must be {"token": "…"}')
    if request.app[SETTINGS].token and (refused := _checked(request, offered)) is not None:
        return _page(401, _WRONG) if form and refused.status == 401 else refused
    return _let_in(request, "/" if form else "")


async def _short_body(request: web.Request) -> bytes:
    """A body that is held to a few bytes while it is read.

    Raises:
        Refusal: it is longer.
    """
    content = b""
    async for chunk in request.content.iter_any():
        content += chunk
        if len(content) > _MAX_LOGIN:
            raise Refusal(413, "too_large", f"a sign-in is no longer than {_MAX_LOGIN} bytes")
    return content


# A link on another site brings no cookie along, for it is a strict one; a page of our own does.
_SCRIPT: Final = """
if (!document.referrer.startsWith(location.origin) && location.pathname !== "/v1/login")
  fetch(location.href, {method: "HEAD"}).then(answer => { if (answer.ok) location.replace(location.href); });
"""
_STYLE: Final = """
body { font: 16px system-ui, sans-serif; background: #1c1917; color: #e7e5e4; margin: 0;
  display: grid; place-items: center; height: 100vh }
form { display: grid; gap: 0.8rem; width: 20rem }
h1 { font-size: 1.2rem; margin: 0 }
p { margin: 0; color: #a8a29e }
input, button { font: inherit; padding: 0.5rem; border-radius: 4px; border: 1px solid #57534e }
"""
_PAGE: Final = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in to Safelight</title>
<style>{_STYLE}</style>
<form method="post" action="{_LOGIN}">
<h1>Safelight</h1>
<label for="token">This server asks for its token.</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
<p>Whoever started the server was told it.</p>
</form>
<script>{_SCRIPT}</script>
</html>
"""
_WRONG: Final = '<p role="alert">That is not the token of this server.</p>'


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


_POLICY: Final = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def _page(status: int, said: str = "") -> web.Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    page = _PAGE.replace("<button>", said + "<button>")
    return web.Response(text=page, status=status, content_type="text/html", headers=headers)
