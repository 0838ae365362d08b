"""Pictures go to files and come back; what people bring is read right or refused clearly."""

import json
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import UserError
from nodes import pictures
from nodes.embedded import read_workflow
from nodes.pictures import read_channel, read_picture, write_png

WORKFLOW = {
    "prompt": '{"1": {"inputs": {"text": "Grüße 🎨"}}}',
    "workflow": '{"nodes": []}',
    "safelight": "{}",
}


def saved(path: Path, frame: Image.Image, **options: Any) -> Path:
    frame.save(path, **options)
    return path


def test_a_png_comes_back_as_it_was(tmp_path: Path) -> None:
    pixels = torch.arange(4 * 5 * 3).reshape(4, 5, 3) / 255
    write_png(tmp_path / "a.png", pixels)
    image, mask = read_picture(tmp_path / "a.png")
    assert torch.equal(image[0], pixels)
    assert torch.equal(mask, torch.zeros(1, 64, 64))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_three_or_four_channels_can_be_written(tmp_path: Path, channels: int) -> None:
    write_png(tmp_path / "a.png", torch.full((2, 2, channels), 0.5))
    assert read_picture(tmp_path / "a.png").image.shape == (1, 2, 2, 3)


def test_bytes_are_truncated_and_values_beyond_clipped() -> None:
    values = torch.tensor([[0.999, -1.0, 2.0, float("nan")]])
    assert pictures.to_bytes(values).tolist() == [[254, 0, 255, 0]]


def test_the_workflow_is_written_as_ascii_text_chunks(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", torch.zeros(2, 2, 3), WORKFLOW)
    raw = (tmp_path / "a.png").read_bytes()
    assert raw.count(b"tEXt") == 3
    assert b"iTXt" not in raw
    found = read_workflow(tmp_path / "a.png")
    assert {key: json.loads(text) for key, text in found.items()} == {
        key: json.loads(text) for key, text in WORKFLOW.items()
    }


def test_text_behind_the_pixels_is_found(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", torch.zeros(2, 2, 3))
    raw = (tmp_path / "a.png").read_bytes()
    body = b"tEXtprompt\0{}"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(raw[:-12] + chunk + raw[-12:])
    assert read_workflow(tmp_path / "a.png") == {"prompt": "{}"}


def test_webp_keeps_the_workflow_in_exif_tags(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = 'prompt:{"1": 2}'
    exif[0x010F] = "workflow:{}"
    path = saved(tmp_path / "a.webp", Image.new("RGB", (2, 2)), exif=exif)
    assert read_workflow(path) == {"workflow": "{}", "prompt": '{"1": 2}'}


def test_jpeg_comments_of_other_programs_are_found(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat\nSteps: 20".encode("utf-16-be")
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (2, 2)), exif=exif)
    assert read_workflow(path) == {"parameters": "a cat\nSteps: 20"}


def test_a_picture_without_a_workflow_has_none(tmp_path: Path) -> None:
    assert read_workflow(saved(tmp_path / "a.jpg", Image.new("RGB", (2, 2)))) == {}


def test_photos_stand_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (30, 20)), exif=exif)
    assert read_picture(path).image.shape == (1, 30, 20, 3)


def test_the_mask_is_where_a_picture_is_transparent(tmp_path: Path) -> None:
    frame = Image.new("RGBA", (3, 2), (255, 0, 0, 255))
    frame.putpixel((0, 0), (0, 255, 0, 0))
    image, mask = read_picture(saved(tmp_path / "a.png", frame))
    assert mask.tolist() == [[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]
    assert image[0, 0, 0].tolist() == [0.0, 1.0, 0.0]  # a colour stays, however transparent


def test_palettes_have_transparency_too(tmp_path: Path) -> None:
    frame = Image.new("P", (2, 1))
    frame.putpalette([255, 0, 0, 0, 0, 255])
    frame.putpixel((1, 0), 1)
    image, mask = read_picture(saved(tmp_path / "a.png", frame, transparency=0))
    assert image.tolist() == [[[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]]
    assert mask.tolist() == [[[1.0, 0.0]]]


def test_sixteen_bits_of_gray_are_kept(tmp_path: Path) -> None:
    values = np.array([[0, 32768, 65535]], dtype=np.uint16)
    image = read_picture(saved(tmp_path / "a.png", Image.fromarray(values))).image
    assert image[0, 0, :, 0].tolist() == pytest.approx([0, 32768 / 65535, 1])


def test_float_pictures_keep_their_values(tmp_path: Path) -> None:
    values = np.array([[0.25, 0.5, 3.0]], dtype=np.float32)
    image = read_picture(saved(tmp_path / "a.tiff", Image.fromarray(values))).image
    assert image[0, 0, :, 2].tolist() == [0.25, 0.5, 1.0]


def test_frames_become_a_batch(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), (level, 0, 0)) for level in (0, 100, 200)]
    path = saved(tmp_path / "a.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert [round(v * 255) for v in read_picture(path).image[:, 0, 0, 0].tolist()] == [0, 100, 200]


def test_frames_of_another_size_are_left_out(tmp_path: Path) -> None:
    frames = [Image.new("L", size, 255) for size in ((2, 2), (3, 3), (2, 2))]
    path = saved(tmp_path / "a.tiff", frames[0], save_all=True, append_images=frames[1:])
    assert read_picture(path).image.shape == (2, 2, 2, 3)


@pytest.mark.parametrize(
    ("channel", "expected"), [("red", 1.0), ("green", 0.0), ("blue", 51 / 255), ("alpha", 1 - 102 / 255)]
)
def test_any_channel_can_be_a_mask(tmp_path: Path, channel: str, expected: float) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGBA", (3, 2), (255, 0, 51, 102)))
    mask = read_channel(path, channel)
    assert mask.shape == (1, 2, 3)
    assert mask[0, 0, 0].item() == pytest.approx(expected)


def test_an_alpha_that_is_missing_masks_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGB", (3, 2)))
    assert torch.equal(read_channel(path, "alpha"), torch.zeros(1, 64, 64))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises what its pixels do not hold."""
    raw = BytesIO()
    Image.new("L", (1, 1)).save(raw, format="PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + b"\x08\x00\x00\x00\x00"
    rest = raw.getvalue()[33:]
    return raw.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + rest


@pytest.mark.parametrize("side", [14_000, 20_000, 60_000])
def test_an_image_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_claiming(side, side))
    with pytest.raises(UserError, match=r"bomb.png is over 178 megapixels"):
        read_picture(tmp_path / "bomb.png")


def test_many_frames_are_a_bomb_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (0, 90, 180)]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    monkeypatch.setattr(pictures, "MOST_FRAMES", 2)
    with pytest.raises(UserError, match="more than 2 frames"):
        read_picture(path)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 40)
    monkeypatch.setattr(pictures, "MOST_FRAMES", 10)
    with pytest.raises(UserError, match="all frames together"):
        read_picture(path)


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"]
)
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_picture, read_workflow):
        with pytest.raises(UserError, match=r"a.png is"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".tiff", ".bmp"])
def test_a_truncated_image_is_said_to_be_damaged(tmp_path: Path, suffix: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    path = saved(tmp_path / f"a{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"a\.\w+ is (damaged|no image)"):
        read_picture(path)


def test_broken_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    noise = Image.fromarray(random.integers(0, 255, (16, 16, 4), dtype=np.uint8))
    for suffix in (".png", ".webp", ".tiff", ".gif"):
        whole = saved(tmp_path / f"a{suffix}", noise).read_bytes()
        for _ in range(60):
            broken = bytearray(whole)
            for at in random.integers(8, len(broken), 3):
                broken[at] = random.integers(0, 256)
            (tmp_path / "b").write_bytes(broken)
            for read in (read_picture, read_workflow):
                with suppress(UserError):
                    read(tmp_path / "b")


def test_huge_compressed_text_is_no_way_in(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("prompt", " " * 5_000_000, zip=True)
    path = saved(tmp_path / "a.png", Image.new("L", (1, 1)), pnginfo=info)
    with pytest.raises(UserError, match=r"a.png is damaged"):
        read_workflow(path)
