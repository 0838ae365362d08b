"""A site of its own for each test, with a file outside that nothing may reach."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Site
from PIL import Image
from PIL.PngImagePlugin import PngInfo

Draw = Callable[..., bytes]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "home", tmp_path / "examples")
    site.home.mkdir()
    (tmp_path / "examples").mkdir()
    (tmp_path / "secret.json").write_text("the secret")
    return site


@pytest.fixture
def trapped(site: Site, tmp_path: Path) -> Callable[[str], None]:
    """Puts into a folder of the home what a nasty name might reach."""

    def trap(folder: str) -> None:
        base = site.home / folder
        site.put(f"{folder}/present.json")
        site.put(f"{folder}/.hidden.json", "the secret")
        site.put(f"{folder}/sub/.hidden.json", "the secret")
        site.put(f"{folder}/.x.png.part", "the secret")
        (base.parent / "secret.json").write_text("the secret")
        (base / "out").symlink_to(tmp_path)
        (base / "linked.json").symlink_to(tmp_path / "secret.json")
        (base / "loop").symlink_to(base / "loop")

    return trap


@pytest.fixture
def draw() -> Draw:
    def drawn(
        form: str = "PNG",
        size: tuple[int, int] = (4, 3),
        mode: str = "RGB",
        color: Any = (200, 30, 30),
        texts: dict[str, str] | None = None,
    ) -> bytes:
        info = PngInfo()
        for key, text in (texts or {}).items():
            info.add_text(key, text)
        buffer = io.BytesIO()
        options: dict[str, Any] = {"pnginfo": info} if form == "PNG" else {}
        Image.new(mode, size, color).save(buffer, form, **options)
        return buffer.getvalue()

    return drawn
