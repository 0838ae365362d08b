"""Images to and from files, with the workflow inside.

A PNG of ours carries text chunks (`prompt`, `workflow`, `safelight`) of JSON in plain ASCII.  Files that
people bring may be anything: what comes in is bounded before it is decoded, and whatever a decoder
stumbles over is told as what is wrong with the file.
"""

import json
import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.node import UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Frame
    from PIL.PngImagePlugin import PngInfo
    from torch import Tensor

#: What may be loaded from the input folder; what a file really is, its content says.
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".apng", ".avif", ".ico", ".tga"}
    | {".jfif", ".ppm", ".pgm"}
)

#: Pixels of all frames together: two gigabytes as float32 RGB.
MOST_PIXELS: Final = 178_956_970
MOST_FRAMES: Final = 4096

#: zlib's level: four gives nearly the size of nine in a fraction of its time.
COMPRESSION: Final = 4

#: The size of a mask that says nothing, as workflows expect it.
NO_MASK: Final = (64, 64)


class Picture(NamedTuple):
    """All frames of a file: RGB [B,H,W,3], and 1 - alpha [B,H,W] (64 by 64 zeros where there is no alpha)."""

    image: "Tensor"
    mask: "Tensor"


def write_png(
    path: Path,
    pixels: "Tensor",
    metadata: Mapping[str, str] | None = None,
    *,
    compress_level: int = COMPRESSION,
    bits: int = 8,
) -> None:
    """Write one image [H,W,C] of 1, 3 or 4 channels, with texts beside it."""
    from PIL import Image

    if bits == 16:
        path.write_bytes(_deep_png(pixels, metadata or {}, compress_level))
        return
    texts = _texts(metadata)
    values = to_bytes(pixels)
    frame = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
    frame.save(path, format="PNG", pnginfo=texts, compress_level=compress_level)


def _texts(metadata: Mapping[str, str] | None) -> "PngInfo":
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, text in (metadata or {}).items():
        texts.add_text(key, ascii_json(text))
    return texts


def _deep_png(pixels: "Tensor", metadata: Mapping[str, str], compress_level: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write."""
    import numpy as np

    values = (pixels.float().nan_to_num() * 65535).clamp(0, 65535).cpu().numpy().astype(">u2")
    height, width, channels = values.shape
    # Each row begins with the number of its filter: 2 is the difference to the row above.
    rows = values.view(np.uint8).reshape(height, -1)
    rows = rows - np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    texts = [key.encode("latin-1") + b"\0" + ascii_json(text).encode() for key, text in metadata.items()]
    parts = [chunk(b"IHDR", header), *(chunk(b"tEXt", text) for text in texts)]
    parts += [chunk(b"IDAT", zlib.compress(filtered.tobytes(), compress_level)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write_animated_png(
    path: Path, images: "Tensor", metadata: Mapping[str, str], *, fps: float, compress_level: int
) -> None:
    """Write a batch [B,H,W,C] as one file, with texts beside it."""
    first, *rest = as_images(images)
    first.save(
        path, format="PNG", pnginfo=_texts(metadata), compress_level=compress_level, save_all=True,
        duration=int(1000 / fps), append_images=rest, loop=0,
    )  # fmt: skip


def write_animated_webp(
    path: Path,
    images: "Tensor",
    metadata: Mapping[str, str],
    *,
    fps: float,
    lossless: bool,
    quality: int,
    method: int,
) -> None:
    """Write a batch [B,H,W,C] as one file; EXIF tags hold `key:json`, the prompt first."""
    from PIL import Image

    first, *rest = as_images(images)
    exif = Image.Exif()
    keys = sorted(metadata, key=lambda key: key != "prompt")
    for tag, key in zip(range(0x0110, 0x0100, -1), keys, strict=False):
        exif[tag] = f"{key}:{ascii_json(metadata[key])}"
    first.save(
        path, format="WEBP", exif=exif, save_all=True, duration=int(1000 / fps), append_images=rest, loop=0,
        lossless=lossless, quality=quality, method=method,
    )  # fmt: skip


def to_srgb(linear: "Tensor") -> "Tensor":
    """Linear light as sRGB (IEC 61966-2-1); an alpha stays."""
    import torch

    light = linear[..., :3].clamp(0, 1)
    encoded = torch.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return torch.cat([encoded, linear[..., 3:]], dim=-1)


def to_bytes(pixels: "Tensor") -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """[...,C] in 0..1 as bytes: truncated, not rounded, as existing pictures were."""
    import torch

    scaled = (pixels.float().nan_to_num() * 255).clamp(0, 255)
    values: np.ndarray[Any, Any] = scaled.to(torch.uint8).cpu().numpy()
    return values


def as_images(value: Any) -> list["Frame"]:
    """The pictures of an IMAGE `[B, H, W, C]` or a MASK `[B, H, W]`; none for anything else."""
    from PIL import Image
    from torch import Tensor

    if not isinstance(value, Tensor) or not value.is_floating_point() or value.ndim not in {3, 4}:
        return []
    if value.ndim == 4 and value.shape[-1] not in {1, 3, 4}:
        return []
    frames = [to_bytes(frame) for frame in value]
    return [Image.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame) for frame in frames]


def ascii_json(text: str) -> str:
    """The same JSON without a character beyond ASCII: outside its strings there is none."""
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)


def read_picture(path: Path) -> Picture:
    """Every frame of an image, upright.  Frames of another size than the first are left out.

    Raises:
        UserError: it is no image, damaged, or too large.
    """
    import torch

    images: list[Tensor] = []
    masks: list[Tensor | None] = []
    with decoding(path):
        for frame in _frames(path):
            if images and images[0].shape[:2] != (frame.height, frame.width):
                continue
            images.append(_rgb(frame))
            masks.append(_transparency(frame))
    if all(mask is None for mask in masks):
        return Picture(torch.stack(images), torch.zeros((len(masks), *NO_MASK)))
    size = images[0].shape[:2]
    whole = [torch.zeros(size) if mask is None else mask for mask in masks]
    return Picture(torch.stack(images), torch.stack(whole))


def read_channel(path: Path, channel: str) -> "Tensor":
    """One channel of the first frame as a mask [1,H,W]; alpha is inverted.

    Raises:
        UserError: it is no image, damaged, or too large.
    """
    import torch

    with decoding(path):
        frame = next(_frames(path))
        if channel != "alpha":
            return _rgb(frame)[None, ..., ("red", "green", "blue").index(channel)].contiguous()
        transparency = _transparency(frame)
    return torch.zeros((1, *NO_MASK)) if transparency is None else transparency[None]


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Tell every way in which decoding can fail as what is wrong with the file."""
    from PIL import Image, UnidentifiedImageError

    # Above the limit Pillow would only warn; what else it warns of is no concern of people's.
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    try:
        yield
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path.name} is no image that can be read; use a PNG, JPEG or WebP") from error
    except Exception as error:  # decoders raise all kinds when they are fed garbage
        raise UserError(f"{path.name} is damaged: {error or type(error).__name__}; save it again") from error


def _too_large(path: Path) -> UserError:
    megapixels = MOST_PIXELS // 1_000_000
    return UserError(f"{path.name} is over {megapixels} megapixels, all frames together; make it smaller")


def _frames(path: Path) -> Iterator["Frame"]:
    """The frames of a file, upright, decoded one at a time and counted before they are."""
    from PIL import Image, ImageOps

    pixels = 0
    with Image.open(path) as file:
        count = 1 if file.format == "MPO" else MOST_FRAMES  # a photo's further frames are thumbnails
        for index in range(count + 1):
            try:
                file.seek(index)
            except EOFError:
                return
            if index == count:
                if count == MOST_FRAMES:
                    raise UserError(f"{path.name} has more than {MOST_FRAMES} frames; cut it into parts")
                return
            pixels += file.width * file.height
            if pixels > MOST_PIXELS:
                raise _too_large(path)
            yield ImageOps.exif_transpose(file)


def _rgb(frame: "Frame") -> "Tensor":
    """[H,W,3] in 0..1.  Gray pictures of 16 bits keep them all."""
    import numpy as np
    import torch

    if frame.mode.startswith("I"):
        gray = np.asarray(frame).astype(np.float32) / 65535
    elif frame.mode == "F":
        gray = np.asarray(frame).astype(np.float32)
    else:
        return torch.from_numpy(np.asarray(frame.convert("RGB")).astype(np.float32) / 255)
    return torch.from_numpy(gray.clip(0, 1))[..., None].repeat(1, 1, 3)


def _transparency(frame: "Frame") -> "Tensor | None":
    """1 - alpha, [H,W]; None when a picture has no alpha."""
    import numpy as np
    import torch

    if frame.mode == "P" and "transparency" in frame.info:
        frame = frame.convert("RGBA")
    if "A" not in frame.getbands():
        return None
    return 1 - torch.from_numpy(np.asarray(frame.getchannel("A")).astype(np.float32) / 255)


def quantized(images: "Tensor", colors: int, dither: str) -> "Tensor":
    """Each of [B,H,W,C] with a palette of its own; `bayer-n` shifts colours by an n by n pattern first."""
    import numpy as np
    import torch
    from PIL import Image

    found = []
    for frame in as_images(images[..., :3]):
        palette = frame.quantize(colors)
        if dither.startswith("bayer-"):
            step = 512 / max(len(palette.getcolors() or ()), 1)
            pattern = _bayer(int(dither.removeprefix("bayer-")), frame.height, frame.width)
            shifted = np.asarray(frame).astype(np.float32) + (pattern * step)[..., None]
            frame = Image.fromarray(shifted.clip(0, 255).astype(np.uint8))  # noqa: PLW2901
        method = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
        few = frame.quantize(palette=palette, dither=method).convert("RGB")
        found.append(torch.from_numpy(np.asarray(few).astype(np.float32) / 255))
    return torch.stack(found)


def _bayer(size: int, height: int, width: int) -> "np.ndarray[Any, Any]":
    """[H,W] of thresholds around 0, at most half a step from it (Bayer, 1973)."""
    import numpy as np

    order = np.zeros((1, 1))
    while len(order) < size:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    thresholds = (order + 0.5) / order.size - 0.5
    pattern: np.ndarray[Any, Any] = np.tile(thresholds, (-(-height // size), -(-width // size)))
    return pattern[:height, :width]
