"""Which requests are heard at all, before anyone asks who sends them; and what browsers are told.

A page of another site can make a browser send requests here.  Two things give it away: the name it
knows us by (a name of its own that it has pointed at this machine: DNS rebinding), and its origin.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from aiohttp import web

from engine.errors import UserError
from server.config import Settings
from server.errors import Handler
from server.keys import SETTINGS
from server.refusal import Refusal

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_PORTS: Final = {"http": 80, "https": 443}
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # recognised, not bound to

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Front-ends of the ecosystem write scripts and styles into their pages and start workers from blobs.
_PAGE: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; frame-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'; connect-src 'self' data: blob:"
)
#: A drawing can carry scripts; ours come from anyone's workflows.
_DRAWING: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_DRAWINGS: Final = frozenset({"image/svg+xml", "application/xml", "text/xml", "application/xhtml+xml"})


@dataclass(frozen=True)
class Authority:
    """A host and perhaps a port, as `Host`, `Origin` and `--allow-host` say them."""

    host: str
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> "Authority | None":
        found = _AUTHORITY.fullmatch(text.strip().lower())
        if found is None:
            return None
        port = int(found[2]) if found[2] else None
        return cls(found[1].strip("[]").removesuffix("."), port)

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host as an address, when it is one and no name."""
        try:
            address = ip_address(self.host)
        except ValueError:
            return None
        return getattr(address, "ipv4_mapped", None) or address

    def covers(self, other: "Authority") -> bool:
        """Whether `other` is this host, at this port if one is said."""
        same = self.address == other.address if self.address else self.host == other.host
        return same and self.port in {None, other.port}


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached by that name."""
    name = Authority.read(host) or _bare_ipv6(host)
    if name is None:
        return False
    if name.address is not None:
        return name.address.is_loopback
    return name.host == "localhost" or name.host.endswith(".localhost")


def _bare_ipv6(host: str) -> Authority | None:
    return Authority.read(f"[{host}]")


def _listed(name: Authority, hosts: Iterable[str]) -> bool:
    known = (Authority.read(each) or _bare_ipv6(each) for each in hosts)
    return any(each is not None and each.covers(name) for each in known)


def is_ours(name: Authority, settings: Settings) -> bool:
    """Whether this server goes by that name."""
    if is_loopback(name.host) or _listed(name, (settings.listen, *settings.allow_hosts)):
        return True
    # Who listens everywhere has addresses that it cannot know; rebinding needs a name, never an address.
    return settings.listen in _WILDCARDS and name.address is not None


def is_own_page(origin: str, host: Authority, settings: Settings) -> bool:
    """Whether a page of that origin is one of this server's, or of a host that it was told of."""
    scheme, _, rest = origin.lower().partition("://")
    default = _PORTS.get(scheme)
    name = Authority.read(rest)
    if default is None or name is None:
        return False
    page, here = Authority(name.host, name.port or default), Authority(host.host, host.port or default)
    return here.covers(page) or _listed(page, settings.allow_hosts)


@web.middleware
async def strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests under a foreign name, and those that pages of other sites make."""
    settings = request.app[SETTINGS]
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or (host := Authority.read(hosts[0])) is None:
        raise Refusal(400, "invalid_host", "a request names one Host, as in `Host: 127.0.0.1:8188`")
    if not is_ours(host, settings):
        raise Refusal(
            421,
            "unknown_host",
            f"this server does not go by the name {host.host[:100]!r}",
            f"if it should, start it with --allow-host {host.host[:100]}",
        )
    origins = request.headers.getall("Origin", [])
    own = all(is_own_page(origin, host, settings) for origin in origins) and len(origins) < 2
    if not own or (not origins and _comes_from_elsewhere(request)):
        raise Refusal(
            403,
            "foreign_origin",
            "pages of other sites may not use this server",
            "if the page is yours, start the server with --allow-host and the page's host and port",
        )
    return await handler(request)


def _comes_from_elsewhere(request: web.Request) -> bool:
    """What the browser says of a request without an origin; following a link here is everyone's right."""
    told = request.headers
    if told.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        return False
    document = told.get("Sec-Fetch-Mode") == "navigate" and told.get("Sec-Fetch-Dest") == "document"
    return not (document and request.method in {"GET", "HEAD"})


async def tell_browsers(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer: a signal, so that sockets and streams get them too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "safelight"
    if response.content_type == "text/html":
        response.headers.setdefault("Content-Security-Policy", _page_policy(request))
    elif response.content_type in _DRAWINGS:
        response.headers.setdefault("Content-Security-Policy", _DRAWING)


def _page_policy(request: web.Request) -> str:
    """`connect-src 'self'` leaves sockets out in older browsers, so they are named."""
    settings = request.app[SETTINGS]
    hosts = (request.headers.get("Host", ""), *settings.allow_hosts)
    named = [host for host in (each.lower() for each in hosts) if _AUTHORITY.fullmatch(host)]
    schemes = ("ws", "wss", "http", "https")
    policy = " ".join([_PAGE, *(f"{scheme}://{name}" for name in named for scheme in schemes)])
    # Bundles of others may compile code at run time; who put one here trusts its scripts anyway.
    return policy.replace("script-src", "script-src 'unsafe-eval'") if settings.frontend else policy


def refuse_open_doors(settings: Settings) -> None:
    """Hold the rule that whoever can be reached from other machines asks for a token.

    Raises:
        UserError: this server would not.
    """
    if not settings.token and not is_loopback(settings.listen):
        raise UserError(
            f"listening on {settings.listen} lets other machines in: set a token (--token-file), "
            "or listen on 127.0.0.1"
        )
