"""GET /view: which file, in which form, and what it never is."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import NASTY, TORN, Answer, Request, Site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

Draw = Callable[..., bytes]


def shown(answer: Answer) -> Image.Image:
    image = Image.open(io.BytesIO(answer.body))
    image.load()
    return image


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_an_output_is_answered_as_it_is(site: Site, draw: Draw, prefix: str) -> None:
    site.put("output/sub/a b.png", draw())
    answer = site.get(f"{prefix}/view?filename=a%20b.png&subfolder=sub")
    assert (answer.status, answer.body) == (200, draw())
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="a b.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_type_says_the_folder_and_an_annotation_beats_it(site: Site) -> None:
    for root in ("input", "output", "temp"):
        site.put(f"{root}/x.txt", root)
    asked = ["", "&type=input", "&type=temp", "&type=output", "%20[input]", "%20[temp]&type=input"]
    answers = site.ask(*(Request("GET", f"/view?filename=x.txt{each}") for each in asked))
    assert [each.text for each in answers] == ["output", "input", "temp", "output", "input", "temp"]


def test_examples_count_as_input(site: Site, draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "examples" / "circle.png").write_bytes(draw())
    assert site.get("/view?filename=circle.png&type=input").body == draw()
    site.put("input/circle.png", draw("GIF"))
    assert site.get("/view?filename=circle.png&type=input").body == draw("GIF")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("filename=", 404),
        ("filename=absent.png", 404),
        ("filename=x.png&type=absent", 400),
        ("filename=%2Fx.png", 400),
        ("filename=..%2Fx.png", 400),
        ("filename=x.png&subfolder=..", 403),
        ("filename=x.png&subfolder=%2Fetc", 403),
        ("filename=x.png&subfolder=out", 403),
        ("filename=sub", 404),
        ("filename=blake3:0011", 404),
    ],
)
def test_what_is_not_there_is_told_by_a_status(
    site: Site, trapped: Callable[[str], None], query: str, status: int
) -> None:
    trapped("output")
    answer = site.get(f"/view?{query}")
    assert answer.status == status
    assert answer.json["error"]["message"]
    assert str(site.home.parent) not in answer.text


def test_no_name_leads_out_of_a_folder(site: Site, trapped: Callable[[str], None]) -> None:
    for root in ("input", "output"):
        trapped(root)
    paths = [f"/view?filename={name}&type={root}" for name in (*NASTY, *TORN) for root in ("input", "output")]
    paths += [f"/view?filename=secret.json&subfolder={name}" for name in NASTY]
    paths += [f"/view?filename=x.png&type={name}" for name in NASTY]
    paths += [f"/view?filename=linked.json&preview={name}&channel={name}" for name in NASTY]
    for path, answer in zip(paths, site.ask(*(Request("GET", path) for path in paths)), strict=True):
        assert answer.status in {400, 403, 404}, path
        assert answer.json["error"]
        assert b"the secret" not in answer.body
        assert str(site.home.parent) not in answer.text


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(names=st.lists(st.text(max_size=30), min_size=10, max_size=10))
def test_no_text_is_a_mistake_of_ours(site: Site, names: list[str]) -> None:
    asked = [
        Request("GET", "/view", {"params": {"filename": name, "subfolder": folder}})
        for name, folder in zip(names, reversed(names), strict=True)
        if not any("\ud800" <= each <= "\udfff" for each in name + folder)
    ]
    assert {answer.status for answer in site.ask(*asked)} <= {400, 403, 404}


@pytest.mark.parametrize("suffix", ["html", "HTM", "js", "css", "svg", "xml", "xhtml", "pdf", "wasm", ""])
def test_what_could_act_in_a_browser_is_only_saved(site: Site, suffix: str) -> None:
    site.put(f"output/x.{suffix}", "<script>alert(1)</script>")
    headers = site.get(f"/view?filename=x.{suffix}").headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_names_in_headers_are_quoted(site: Site, draw: Draw) -> None:
    site.put('output/a"é;\r.png', draw())
    said = site.get("/view?filename=a%22%C3%A9%3B%0D.png").headers["Content-Disposition"]
    assert said == "inline; filename=\"a__;_.png\"; filename*=UTF-8''a%22%C3%A9%3B%0D.png"


def test_parts_of_a_file_can_be_asked_for(site: Site) -> None:
    site.put("output/x.mp4", b"0123456789")
    answer = site.get("/view?filename=x.mp4", headers={"Range": "bytes=2-4"})
    assert (answer.status, answer.body) == (206, b"234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"
    assert site.get("/view?filename=x.mp4", headers={"Range": "bytes=20-"}).status == 416


def test_head_tells_without_the_file(site: Site) -> None:
    site.put("output/x.mp4", b"0123456789")
    (answer,) = site.ask(Request("HEAD", "/view?filename=x.mp4"))
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "10", b"")


@pytest.mark.parametrize(
    ("query", "form", "mode"),
    [
        ("preview=webp", "WEBP", "RGBA"),
        ("preview=webp;50", "WEBP", "RGBA"),
        ("preview=jpeg;10", "JPEG", "RGB"),
        ("preview=jpeg&channel=rgba", "WEBP", "RGBA"),
        ("preview=bmp;x", "WEBP", "RGBA"),
        ("preview=jpeg;-7", "JPEG", "RGB"),
        ("channel=rgb", "PNG", "RGB"),
        ("channel=a", "PNG", "RGBA"),
    ],
)
def test_a_picture_in_another_form(site: Site, draw: Draw, query: str, form: str, mode: str) -> None:
    site.put("output/x.png", draw(mode="RGBA", color=(200, 30, 30, 128)))
    answer = site.get(f"/view?filename=x.png&{query}")
    image = shown(answer)
    assert (image.format, image.mode, image.size) == (form, mode, (4, 3))
    assert answer.headers["Content-Type"] == f"image/{form.lower()}"


def test_a_channel_is_the_colours_or_the_alpha(site: Site, draw: Draw) -> None:
    site.put("output/x.png", draw(mode="RGBA", color=(200, 30, 31, 128)))
    site.put("output/opaque.png", draw())
    site.put("output/gray.png", draw(mode="I;16", color=65535))
    rgb, alpha, opaque, gray = site.ask(
        Request("GET", "/view?filename=x.png&channel=rgb"),
        Request("GET", "/view?filename=x.png&channel=a"),
        Request("GET", "/view?filename=opaque.png&channel=a"),
        Request("GET", "/view?filename=gray.png&channel=rgb"),
    )
    assert shown(rgb).getpixel((0, 0)) == (200, 30, 31)
    assert shown(alpha).getchannel("A").getpixel((0, 0)) == 128
    assert shown(opaque).getchannel("A").getpixel((0, 0)) == 255
    assert shown(gray).getpixel((0, 0)) == (255, 255, 255)


def test_a_preview_of_what_is_no_picture_is_refused(site: Site, draw: Draw) -> None:
    site.put("output/x.png", b"no picture")
    site.put("output/torn.png", draw(size=(200, 200))[:300])
    queries = ("filename=x.png&preview=webp", "filename=torn.png&preview=webp", "filename=torn.png&channel=a")
    for answer in site.ask(*(Request("GET", f"/view?{query}") for query in queries)):
        assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_image")
