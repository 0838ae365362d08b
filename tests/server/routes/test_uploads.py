"""POST /upload/image and /upload/mask: what is taken, what it is called, what is refused."""

import asyncio
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from asking import NASTY, Request, Site, form
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from serving import serving

from engine.engine import Engine
from engine.registry import Registry

Draw = Callable[..., bytes]

SAFETENSORS = struct.pack("<Q", 2) + b"{}"


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_picture_is_stored_as_it_came(site: Site, draw: Draw, prefix: str) -> None:
    answer = site.upload("x.png", draw(), f"{prefix}/upload/image")
    assert (answer.status, answer.json) == (200, {"name": "x.png", "subfolder": "", "type": "input"})
    assert (site.home / "input/x.png").read_bytes() == draw()
    assert site.everything() == {"input/x.png"}


def test_fields_say_where_in_any_order(site: Site, draw: Draw) -> None:
    answer = site.upload("x.png", draw(), subfolder="a\\b", type="temp")
    assert answer.json == {"name": "x.png", "subfolder": "a/b", "type": "temp"}
    data = aiohttp.FormData()
    data.add_field("image", draw(), filename="y.png")
    data.add_field("type", "output")
    data.add_field("subfolder", "")
    assert site.post("/upload/image", data=data).json == {"name": "y.png", "subfolder": "", "type": "output"}
    assert site.everything() == {"temp/a/b/x.png", "output/y.png"}


def test_other_content_gets_a_name_beside_and_the_same_content_keeps_its_name(site: Site, draw: Draw) -> None:
    colours = [(0, 0, 0), (9, 9, 9), (0, 0, 0), (9, 9, 9), (7, 7, 7)]
    names = [each.json["name"] for each in site.ask(*(form("x.png", draw(color=c)) for c in colours))]
    assert names == ["x.png", "x (1).png", "x.png", "x (1).png", "x (2).png"]
    assert site.everything() == {"input/x.png", "input/x (1).png", "input/x (2).png"}


@pytest.mark.parametrize("said", ["true", "1", "True"])
def test_overwrite_replaces(site: Site, draw: Draw, said: str) -> None:
    site.put("input/x.png", draw())
    assert site.upload("x.png", draw(color=(1, 2, 3)), overwrite=said).json["name"] == "x.png"
    assert (site.home / "input/x.png").read_bytes() == draw(color=(1, 2, 3))


def test_overwrite_replaces_a_link_and_not_what_it_leads_to(site: Site, draw: Draw) -> None:
    target = site.put("input/target.png", draw())
    (site.home / "input" / "x.png").symlink_to(target)
    assert site.upload("x.png", draw(color=(1, 2, 3)), overwrite="1").status == 200
    assert target.read_bytes() == draw()


def test_an_example_keeps_its_name(site: Site, draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "examples" / "circle.png").write_bytes(draw())
    same, other = site.ask(form("circle.png", draw()), form("circle.png", draw(color=(0, 0, 0))))
    assert (same.json["name"], other.json["name"]) == ("circle.png", "circle (1).png")
    assert site.everything() == {"input/circle (1).png"}


def test_uploads_at_the_same_time_never_share_a_name(site: Site, draw: Draw) -> None:
    async def run() -> list[str]:
        with Engine.open(Registry(), site.files, device="cpu", disk=False) as engine:
            async with serving(engine) as client:

                async def send(number: int) -> str:
                    request = form("x.png", draw(color=(number, 0, 0)))
                    async with client.post(request.path, **request.options) as response:
                        name: str = (await response.json())["name"]
                        return name

                return await asyncio.gather(*(send(number) for number in range(12)))

    names = asyncio.run(run())
    assert len(set(names)) == 12
    for number, name in enumerate(names):
        assert (site.home / "input" / name).read_bytes() == draw(color=(number, 0, 0))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b"\0\0\0\x18ftypmp42"),
        ("a.webm", b"\x1a\x45\xdf\xa3...."),
        ("a.WAV", b"RIFF\1\2\3\4WAVE"),
        ("a.mp3", b"\xff\xfb\x90\x00"),
        ("a.flac", b"fLaC...."),
        ("a.ogg", b"OggS...."),
        ("a.latent", SAFETENSORS),
        ("a.safetensors", SAFETENSORS),
        ("a.json", b"{}"),
        ("a.txt", "é".encode() * 40_000),
    ],
)
def test_other_files_that_nodes_read_are_taken(site: Site, name: str, content: bytes) -> None:
    assert site.upload(name, content).json == {"name": name, "subfolder": "", "type": "input"}
    assert site.upload(name, b"\0no such thing").json["error"]["code"] == "invalid_file"
    assert site.everything() == {f"input/{name}"}


@pytest.mark.parametrize("name", ["a.html", "a.js", "a.svg", "a.py", "a.exe", "a.ckpt", "a", "a.png.zip"])
def test_files_of_other_kinds_are_refused(site: Site, name: str) -> None:
    answer = site.upload(name, b"<svg/>")
    assert answer.status == 415
    assert ".png" in answer.json["error"]["hint"]
    assert site.everything() == set()


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content_type"), [("x.png", None), ("x.txt", "image/png"), ("x", "image/jpeg"), ("x.TIF", None)]
)
@pytest.mark.parametrize("content", [b"", b"no picture", b"<svg onload=alert(1)>", b"%!PS-Adobe-3.0 EPSF"])
def test_what_claims_to_be_a_picture_must_be_one(
    site: Site, name: str, content_type: str | None, content: bytes
) -> None:
    (answer,) = site.ask(form(name, content, content_type=content_type))
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_image")
    assert site.everything() == set()


@pytest.mark.parametrize("size", [(11, 10), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_pictures_that_grow_too_large_are_refused_before_they_do(site: Site, size: tuple[int, int]) -> None:
    site.settings["max_pixels"] = 100
    answer = site.upload("x.png", bomb(*size))
    assert (answer.status, answer.json["error"]["code"]) == (400, "image_too_large")
    assert site.everything() == set()


def test_torn_pictures_are_refused(site: Site, draw: Draw) -> None:
    for form_ in ("PNG", "JPEG", "WEBP", "GIF"):
        content = draw(form_, size=(200, 200))
        answer = site.upload(f"x.{form_.lower()}", content[: len(content) // 2])
        assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_image"), form_


def test_a_picture_without_a_suffix_is_given_one(site: Site, draw: Draw) -> None:
    (answer,) = site.ask(form("blob", draw("JPEG"), content_type="image/jpeg"))
    assert answer.json["name"] == "blob.jpg"


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    site.settings["max_body"] = 1000
    assert site.upload("x.txt", b"x" * 2000).status == 413

    async def slowly() -> object:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.txt"\r\n\r\n'
        yield b"x" * 2000
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert site.post("/upload/image", data=slowly(), headers=headers).status == 413
    assert site.everything() == set()


def test_no_name_leads_out_of_a_folder(site: Site, draw: Draw, trapped: Callable[[str], None]) -> None:
    trapped("input")
    before = site.everything()
    names = [unquote(each, errors="replace") for each in NASTY]
    printable = [name for name in names if not set("\0\r\n") & set(name)]
    requests = [form(name + ".png", draw()) for name in printable]
    requests += [form("x.png", draw(), subfolder=name) for name in names]
    requests += [form("x.png", draw(), type=name) for name in names]
    site.put("output/original.png", draw())
    mask, reference = draw(mode="RGBA"), json.dumps({"filename": "original.png"})
    requests += [form(name, mask, "/upload/mask", original_ref=reference) for name in printable]
    references = [json.dumps({"filename": name}) for name in names]
    requests += [form("x.png", mask, "/upload/mask", original_ref=each) for each in references]
    requests += [form("x.png", draw(), "/upload/mask", subfolder=name) for name in names]
    for request, answer in zip(requests, site.ask(*requests), strict=True):
        assert answer.status in {200, 400, 403, 404, 415}, request
        assert str(site.home.parent) not in answer.text
    new = site.everything() - before
    assert {Path(name).parts[0] for name in new} <= {"input", "output", "temp"}
    assert [name for name in new for part in Path(name).parts if part.startswith(".") or "%" in part] == []
    assert {path.name for path in site.home.parent.iterdir()} == {"home", "examples", "secret.json"}


@pytest.mark.parametrize("name", ["CON.png", "com1.tar.png", " x.png", "x\u202egnp.png"])
def test_names_that_some_systems_cannot_hold_are_refused(site: Site, draw: Draw, name: str) -> None:
    (answer,) = site.ask(form(name, draw(), content_type="image/png"))
    assert answer.status in {400, 415}
    assert site.everything() == set()


TYPE = "multipart/form-data; boundary=b"
FILE = b'Content-Disposition: form-data; name="image"; filename="x.png"\r\n'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", TYPE),
        (b"--b--", TYPE),
        (b"garbage", TYPE),
        (b"x", "multipart/form-data"),
        (b"x", TYPE * 80),
        (b"{}", "application/json"),
        (b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nno file name\r\n--b--\r\n', TYPE),
        (b"--b\r\n" + FILE + b"\r\nwithout an end", TYPE),
        (b"--b\r\n" + FILE + b"\r\nx\r\n--b\r\n" + FILE + b"\r\ntwice\r\n--b--\r\n", TYPE),
        (b"--b\r\n" + FILE + b"Content-Encoding: gzip\r\n\r\nx\r\n--b--\r\n", TYPE),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--c--\r\n--b--", TYPE),
        (b'--b\r\nContent-Disposition: form-data; name="type"\r\n\r\n\xff\r\n--b--\r\n', TYPE),
        (b"--b\r\n" + b"X-A: b\r\n" * 500 + b"\r\n\r\n--b--", TYPE),
        (b"--b\r\nX-A: " + b"b" * 20_000 + b"\r\n\r\n\r\n--b--", TYPE),
    ],
)
def test_forms_that_are_none_are_refused(site: Site, body: bytes, content_type: str) -> None:
    options = {"data": body, "headers": {"Content-Type": content_type}}
    for answer in site.ask(*(Request("POST", f"/upload/{each}", options) for each in ("image", "mask"))):
        assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_form")
    assert site.everything() == set()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(st.binary(max_size=200), min_size=10, max_size=10))
def test_no_body_is_a_mistake_of_ours(site: Site, bodies: list[bytes]) -> None:
    start, headers = b"--b\r\n" + FILE, {"Content-Type": TYPE}
    whole = [body for each in bodies for body in (each, start + each, start + b"\r\n" + each + b"\r\n--b--")]
    answers = site.ask(*(Request("POST", "/upload/image", {"data": b, "headers": headers}) for b in whole))
    assert {answer.status for answer in answers} <= {400}


# Masks.


def masked(site: Site, mask: bytes, reference: object, name: str = "mask.png") -> Image.Image:
    answer = site.upload(name, mask, "/upload/mask", original_ref=json.dumps(reference))
    assert answer.status == 200, answer.text
    image = Image.open(site.home / answer.json["type"] / answer.json["subfolder"] / answer.json["name"])
    image.load()
    return image


def test_a_mask_gives_its_alpha_to_the_original_whose_texts_stay(site: Site, draw: Draw) -> None:
    site.put("output/sub/x.png", draw(texts={"prompt": "{}", "workflow": '{"a": "é"}'}))
    mask = draw(mode="RGBA", color=(0, 0, 0, 77))
    image = masked(site, mask, {"filename": "x.png", "subfolder": "sub", "type": "output"})
    assert image.getpixel((0, 0)) == (200, 30, 30, 77)
    assert isinstance(image, PngImagePlugin.PngImageFile)
    assert image.text == {"prompt": "{}", "workflow": '{"a": "é"}'}
    assert site.everything() == {"output/sub/x.png", "input/mask.png"}


def test_a_mask_of_another_size_is_made_to_fit(site: Site, draw: Draw) -> None:
    site.put("input/x.jpg", draw("JPEG", size=(8, 6)))
    image = masked(site, draw(mode="LA", color=(0, 5)), {"filename": "x.jpg [input]"}, "mask.webp")
    assert (image.size, image.mode, image.format) == ((8, 6), "RGBA", "PNG")
    assert (site.home / "input/mask.png").is_file()


def test_a_mask_for_a_photo_lies_as_the_photo_is_seen(site: Site, draw: Draw) -> None:
    photo = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (8, 4)).save(photo, "JPEG", exif=exif)
    site.put("input/x.jpg", photo.getvalue())
    assert masked(site, draw(mode="RGBA"), {"filename": "x.jpg", "type": "input"}).size == (4, 8)


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ('{"filename": "absent.png"}', 404),
        ('{"filename": "../secret.json", "type": "input"}', 400),
        ('{"filename": "x.png", "type": "input", "subfolder": ".."}', 403),
        ('{"filename": "x.png", "type": "nowhere"}', 400),
        ('{"filename": "\\ud800.png", "type": "input"}', 400),
        ('{"filename": 3}', 400),
        ('{"filename": null}', 400),
        ("[]", 400),
        ("", 400),
        ("[" * 60_000, 400),
        ('{"filename": "note.txt", "type": "input"}', 400),
    ],
)
def test_a_mask_needs_an_original(site: Site, draw: Draw, reference: str, status: int) -> None:
    site.put("input/x.png", draw())
    site.put("input/note.txt", "no picture")
    mask = draw(mode="RGBA")
    assert site.upload("m.png", mask, "/upload/mask", original_ref=reference).status == status
    assert site.everything() == {"input/x.png", "input/note.txt"}


def test_a_mask_needs_an_alpha(site: Site, draw: Draw) -> None:
    site.put("output/x.png", draw())
    answer = site.upload("m.png", draw(), "/upload/mask", original_ref='{"filename": "x.png"}')
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_mask")


# When things go wrong elsewhere.


@pytest.mark.parametrize("route", ["/upload/image", "/upload/mask", "/userdata/x.json", "/settings"])
def test_a_body_that_cannot_be_unpacked_is_refused(site: Site, route: str) -> None:
    headers = {"Content-Type": TYPE, "Content-Encoding": "gzip"}
    answer = site.post(route, data=b"this was never packed", headers=headers)
    assert answer.status == 400
    assert answer.json["error"]["message"]
    assert site.everything() == set()


def test_an_upload_that_breaks_off_leaves_nothing(site: Site) -> None:
    async def run() -> None:
        with Engine.open(Registry(), site.files, device="cpu", disk=False) as engine:
            async with serving(engine) as client:
                _, writer = await asyncio.open_connection(client.host, client.port)
                head = f"POST /upload/image HTTP/1.1\r\nHost: {client.host}:{client.port}\r\n"
                head += f"Content-Type: {TYPE}\r\nContent-Length: 100000\r\n\r\n"
                writer.write(head.encode() + b"--b\r\n" + FILE + b"\r\n" + b"x" * 5000)
                await writer.drain()
                while not any(site.home.glob("temp/.*.part")):
                    await asyncio.sleep(0.01)
                writer.close()
                while any(site.home.glob("temp/.*.part")):
                    await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert site.everything() == set()


def test_a_file_where_a_folder_must_be_is_told(site: Site, draw: Draw) -> None:
    site.put("input/sub", "a file")
    answer = site.upload("x.png", draw(), subfolder="sub/deeper")
    assert (answer.status, answer.json["error"]["code"]) == (400, "name_taken")
    site.put("input/x.png/y", "a folder")
    answer = site.upload("x.png", draw(), overwrite="1")
    assert (answer.status, answer.json["error"]["code"]) == (400, "name_taken")
    assert site.upload("x.png", draw()).json["name"] == "x (1).png"


@pytest.mark.parametrize("folder", ["temp", "input"])
def test_a_home_that_cannot_be_written_is_told(site: Site, draw: Draw, folder: str) -> None:
    site.put(folder, "a file")
    answer = site.upload("x.png", draw())
    assert answer.status in {400, 507}
    assert str(site.home) not in answer.text
