"""The page at `/`: a folder of one's choice, ComfyUI's package, our editor, or a few words."""

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from serving import Client
from wiring import wired
from yarl import URL

from engine.errors import UserError
from server.routes import frontend
from server.routes.frontend import COMFYUI

FILES: Mapping[str, str] = {
    "index.html": "<title>mine</title>",
    "assets/app.js": "export {}",
    "assets/app.mjs": "export {}",
    "assets/app.css": "body {}",
    "assets/app.js.map": "{}",
    "assets/core.wasm": "x",
    "assets/font.woff2": "x",
    "assets/logo.svg": "<svg/>",
    "assets/picture.webp": "x",
    "assets/data.json": "{}",
    "assets/odd.xyz": "x",
    "scripts/app.js": "export {}",
    "extensions/core/a.js": "export {}",
    "docs/Node/en.md": "# Node",
}

TYPES = {
    "": "text/html; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
    "assets/app.js": "text/javascript; charset=utf-8",
    "assets/app.mjs": "text/javascript; charset=utf-8",
    "assets/app.css": "text/css; charset=utf-8",
    "assets/app.js.map": "application/json",
    "assets/core.wasm": "application/wasm",
    "assets/font.woff2": "font/woff2",
    "assets/logo.svg": "image/svg+xml",
    "assets/picture.webp": "image/webp",
    "assets/data.json": "application/json",
    "assets/odd.xyz": "application/octet-stream",
    "docs/Node/en.md": "text/plain; charset=utf-8",
}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


async def ask(
    client: Client, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], str]:
    url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
    async with client.session.request(method, url, headers=headers) as response:
        return response.status, response.headers, (await response.read()).decode()


def test_a_folder_is_served_with_the_types_that_browsers_insist_on(tmp_path: Path, pages: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path / "home", frontend=str(pages)) as client:
            for name, kind in TYPES.items():
                status, headers, text = await ask(client, f"/{name}")
                assert status == 200, name
                assert headers["Content-Type"] == kind, name
                assert headers["Cache-Control"] == "no-cache"
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert text == FILES[name or "index.html"]
            assert "Content-Security-Policy" in (await ask(client, "/"))[1]
            for name in ("scripts/app.js", "extensions/core/a.js"):
                assert (await ask(client, f"/{name}"))[0] == 200

    asyncio.run(go())


def test_files_are_asked_about_and_not_sent_twice(tmp_path: Path, pages: Path) -> None:
    async def go() -> None:
        async with wired(tmp_path / "home", frontend=str(pages)) as client:
            for path in ("/", "/assets/app.js"):
                _, headers, _ = await ask(client, path)
                for known in (
                    {"If-None-Match": headers["ETag"]},
                    {"If-Modified-Since": headers["Last-Modified"]},
                ):
                    status, _, text = await ask(client, path, headers=known)
                    assert (status, text) == (304, "")
                status, told, text = await ask(client, path, "HEAD")
                assert (status, text) == (200, "")
                assert told["Content-Length"] == headers["Content-Length"]

    asyncio.run(go())


def test_nothing_outside_the_folder_and_nothing_hidden_is_reached(tmp_path: Path, pages: Path) -> None:
    (tmp_path / "secret.json").write_text("the secret")
    (pages / ".hidden").write_text("the secret")
    (pages / "assets" / ".git").mkdir()
    (pages / "assets" / ".git" / "config").write_text("the secret")
    (pages / "linked.json").symlink_to(tmp_path / "secret.json")
    (pages / "out").symlink_to(tmp_path)
    (pages / "loop").symlink_to(pages / "loop")
    paths = (
        "/..%2Fsecret.json", "/../secret.json", "/assets/..%2f..%2fsecret.json", "/%2e%2e/secret.json",
        "//etc/passwd", "/%2Fetc%2Fpasswd", "/linked.json", "/out/secret.json", "/loop", "/.hidden",
        "/assets/.git/config", "/x%00.js", "/%00", "/C:/secret.json", "/..%5Csecret.json", "/%FF%FE.js",
        "/" + "x" * 5000, "/" + "a/" * 1000, "/assets", "/assets/", "/index.html/x", "/%20", "/nothing.js",
    )  # fmt: skip

    async def go() -> None:
        async with wired(tmp_path / "home", frontend=str(pages)) as client:
            for path in paths:
                status, headers, text = await ask(client, path)
                assert status in {400, 404}, (path, status)
                assert "secret" not in text.replace("secret.json", ""), path
                if headers["Content-Type"].startswith("application/json"):
                    assert '"error"' in text

    asyncio.run(go())


def test_the_folder_takes_nothing_from_the_routes(tmp_path: Path, pages: Path) -> None:
    for name in ("prompt", "queue", "api/nothing", "v1/nothing", "internal/nothing"):
        (pages / name).parent.mkdir(exist_ok=True)
        (pages / name).write_text("stolen")

    async def go() -> None:
        async with wired(tmp_path / "home", frontend=str(pages)) as client:
            for path in ("/prompt", "/queue"):
                status, _, text = await ask(client, path)
                assert status == 200
                assert text.startswith("{")
            for path in ("/api/nothing", "/v1/nothing", "/internal/nothing"):
                assert (await ask(client, path))[0] == 404
            assert (await ask(client, "/api/assets", "POST"))[0] == 404
            assert (await ask(client, "/index.html", "POST"))[0] == 405

    asyncio.run(go())


def test_what_front_ends_ask_for_at_their_start_is_there(tmp_path: Path, pages: Path) -> None:
    home = tmp_path / "home"

    async def go() -> None:
        async with wired(home, frontend=str(pages)) as client:
            for path in ("/user.css", "/api/userdata/user.css"):
                status, headers, text = await ask(client, path)
                assert (status, headers["Content-Type"], text) == (200, "text/css; charset=utf-8", "")
            assert (await ask(client, "/api/userdata/comfy.templates.json"))[2] == "[]"
            user = home / "user" / "default"
            user.mkdir(parents=True, exist_ok=True)
            (user / "user.css").write_text("p { color: red }")
            for path in ("/user.css", "/userdata/user.css"):
                assert (await ask(client, path))[2] == "p { color: red }"
            assert (await ask(client, "/api/userdata/user.css", "DELETE"))[0] == 204
            assert (await ask(client, "/user.css"))[2] == ""
            assert (await ask(client, "/templates/index.json"))[2] == "[]"
            assert (await ask(client, "/favicon.ico"))[0] == 200
            assert (await ask(client, "/api/extensions"))[2] == "[]"

    asyncio.run(go())


def test_examples_open_in_its_editor(tmp_path: Path) -> None:
    import json

    async def go() -> None:
        async with wired(tmp_path) as client:
            _, _, text = await ask(client, "/api/workflow_templates")
            names = json.loads(text)["safelight"]
            assert "text_to_image" in names
            for name in names:
                status, _, text = await ask(client, f"/api/workflow_templates/safelight/{name}.json")
                assert status == 200
                assert isinstance(json.loads(text)["nodes"], list)

    asyncio.run(go())


def test_without_a_front_end_there_are_a_few_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "_EDITOR", tmp_path / "none")

    async def go() -> None:
        async with wired(tmp_path / "home") as client:
            status, headers, text = await ask(client, "/")
            assert status == 200
            assert headers["Content-Type"].startswith("text/html")
            assert "/v1/docs" in text
            assert "/object_info" in text
            assert "src=" not in text  # it asks for nothing
            assert "http" not in text
            assert (await ask(client, "/anything.js"))[0] == 404

    asyncio.run(go())


def test_our_editor_is_served_when_it_is_there(
    tmp_path: Path, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend, "_EDITOR", pages)

    async def go() -> None:
        async with wired(tmp_path / "home") as client:
            assert (await ask(client, "/"))[2] == FILES["index.html"]
            assert (await ask(client, "/assets/app.js"))[2] == FILES["assets/app.js"]

    asyncio.run(go())


def test_comfyuis_front_end_is_found_where_it_is_installed(
    tmp_path: Path, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "comfyui_frontend_package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    pages.rename(package / "static")
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    assert frontend.frontend(COMFYUI) == package / "static"


def test_a_front_end_that_is_not_there_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend, "_PACKAGE", "no_such_front_end")
    with pytest.raises(UserError, match="pip install comfyui-frontend-package"):
        frontend.frontend(COMFYUI)
    with pytest.raises(UserError, match=r"no index\.html in .*nowhere"):
        frontend.frontend(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no index\.html"):
        frontend.frontend(str(tmp_path / "empty"))
