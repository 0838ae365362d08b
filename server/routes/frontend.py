"""GET /: the front-end, a folder of static files; beside it what every front-end asks for.

Which one it is, is settled at the start: `--frontend` names a folder or ComfyUI's own front-end, an
installed package that is none of our dependencies.  Without it there is our editor, or a plain page.
"""

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.errors import PathError, UserError
from engine.files import inside
from server.errors import Refusal
from server.keys import ENGINE
from server.media import TYPES, UNKNOWN
from server.user_files import user_root

routes: Final = web.RouteTableDef()

COMFYUI: Final = "comfyui"
_PACKAGE: Final = "comfyui_frontend_package"
_EDITOR: Final = Path(__file__).parent.parent / "editor" / "dist"

#: The folder that is served; nothing for the plain page.
FRONTEND: Final[web.AppKey[Path | None]] = web.AppKey("frontend")

#: By suffix, and not by what the system believes: a wrong type keeps browsers from running a script.
_TYPES: Final[Mapping[str, str]] = {
    **TYPES,
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".map": "application/json", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm",
    ".svg": "image/svg+xml", ".xml": "application/xml",
    ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
    ".eot": "application/vnd.ms-fontobject",
}  # fmt: skip

#: What front-ends ask for at their start and few folders have.
_NOTHING: Final[Mapping[str, str]] = {
    "templates/index.json": "[]",
    "templates/index_logo.json": "{}",
    "favicon.ico": "",
}
_EMPTY: Final[Mapping[str, str]] = {"user.css": "", "comfy.templates.json": "[]"}


def frontend(wanted: str) -> Path | None:
    """The folder of the front-end that is wanted; nothing when there is none.

    Raises:
        UserError: it is not there.
    """
    if not wanted:
        return _EDITOR if (_EDITOR / "index.html").is_file() else None
    folder = _installed() if wanted == COMFYUI else Path(wanted).expanduser().absolute()
    if not (folder / "index.html").is_file():
        raise UserError(
            f"--frontend {wanted}: there is no index.html in {folder}; name the folder that holds it"
        )
    return folder


def _installed() -> Path:
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        return Path(place) / "static"
    raise UserError(
        "--frontend comfyui: ComfyUI's front-end is not installed; "
        "install it with: pip install comfyui-frontend-package"
    )


@routes.get("/")
async def get_page(request: web.Request) -> web.StreamResponse:
    folder = request.app[FRONTEND]
    if folder is None:
        headers = {"Cache-Control": "no-cache"}
        return web.Response(text=_PLAIN, content_type="text/html", headers=headers)
    return _file(folder / "index.html")


@routes.get("/{name:(?!(?:api|internal|v1)(?:/|$)).+}")
async def get_file(request: web.Request) -> web.StreamResponse:
    """A file of the front-end, or what stands for one that it lacks."""
    name = request.match_info["name"]
    path = await asyncio.to_thread(_find, request.app[FRONTEND], name)
    if path is not None:
        return _file(path)
    if (text := _NOTHING.get(name)) is not None:
        return web.Response(text=text, headers=_headers(name))
    raise Refusal(404, "not_found", f"there is nothing at /{name[:100]}")


@routes.get("/user.css")
@routes.get("/userdata/user.css")
@routes.get("/api/userdata/user.css")
@routes.get("/userdata/comfy.templates.json")
@routes.get("/api/userdata/comfy.templates.json")
async def get_kept(request: web.Request) -> web.StreamResponse:
    """What a person may keep on the server, and front-ends always ask for: an empty one spares complaints."""
    name = request.path.rpartition("/")[2]
    path = await asyncio.to_thread(_find, user_root(request.app[ENGINE].files), name)
    return _file(path) if path is not None else web.Response(text=_EMPTY[name], headers=_headers(name))


def _find(folder: Path | None, name: str) -> Path | None:
    if folder is None or any(part.startswith(".") for part in name.split("/")):
        return None
    try:
        path = inside(folder, name)
        return path if path.is_file() else None
    except (PathError, OSError, ValueError):  # it leads elsewhere, or no file can be called so
        return None


def _file(path: Path) -> web.FileResponse:
    return web.FileResponse(path, chunk_size=1 << 20, headers=_headers(path.name))


def _headers(name: str) -> dict[str, str]:
    """Browsers keep a file, and ask each time whether it has changed."""
    kind = _TYPES.get(Path(name).suffix.lower(), UNKNOWN)
    return {"Content-Type": kind, "Cache-Control": "no-cache"}


_PLAIN: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Safelight</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; background: #1c1917; color: #e7e5e4; margin: 0 auto;
  max-width: 36rem; padding: 3rem 1rem }
h1 { font-size: 1.4rem }
a { color: #fca5a5 }
code { background: #292524; padding: 0.1rem 0.3rem; border-radius: 4px }
</style>
<h1>Safelight runs here</h1>
<p>No editor is installed. Programs can use this server:</p>
<ul>
<li><a href="/v1/docs">/v1/docs</a>: its own API</li>
<li><a href="/object_info">/object_info</a>: its nodes, as ComfyUI's clients ask for them</li>
<li><a href="/queue">/queue</a> and <a href="/history">/history</a>: what runs, and what has run</li>
</ul>
<p>To draw graphs with ComfyUI's front-end:</p>
<p><code>pip install comfyui-frontend-package</code><br>
<code>safelight serve --frontend comfyui</code></p>
</html>
"""
