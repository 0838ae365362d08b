"""Pictures that come in and go out: checked, shown in other forms, joined with a mask.

Decoding has threads of its own, two of them: each picture may need half a gigabyte, and nothing else waits.
"""

import asyncio
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from engine.claims import storage_error
from server.refusal import Refusal

P = ParamSpec("P")
T = TypeVar("T")

#: What is decoded at all: formats with decoders that are looked after, and none that starts a program.
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "TGA", "PPM")

#: Beyond this, whatever the settings say: what the loading nodes read.
MOST_PIXELS: Final = 178_956_970

#: The longest side that a format can hold.
_LONGEST: Final = {"webp": 16_383, "jpeg": 65_535}

_POOL: Final = ThreadPoolExecutor(2, "pictures")

Form = Literal["webp", "jpeg"]


async def drawn(function: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs) -> T:
    """The value of one of the functions below, computed off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, lambda: function(*arguments, **keywords))


def check(path: Path, name: str, most: int) -> str:
    """That a file is a picture of at most so many pixels, and whole; its format.

    Raises:
        Refusal: it is not.
    """
    with _opened(path, name, most) as picture:
        picture.load()
        return picture.format or ""


def preview(source: Path | bytes, form: Form, quality: int) -> bytes:
    """The first frame, upright, as small as its quality allows.

    Raises:
        Refusal: the file is no picture.
    """
    file, name = (io.BytesIO(source), "it") if isinstance(source, bytes) else (source, source.name)
    with _opened(file, name, MOST_PIXELS) as picture:
        frame = _plain(picture)
        frame.thumbnail((_LONGEST[form], _LONGEST[form]))
        if form == "jpeg":
            frame = frame.convert("RGB")
        return _saved(frame, form, quality=quality)


def channel(path: Path, wanted: Literal["rgb", "a"]) -> bytes:
    """A PNG without its alpha, or one that is nothing but its alpha: opaque where there is none.

    Raises:
        Refusal: the file is no picture.
    """
    with _opened(path, path.name, MOST_PIXELS) as picture:
        frame = _plain(picture)
        if wanted == "rgb":
            return _saved(frame.convert("RGB"), "png", compress_level=4)
        alpha = Image.new("RGBA", frame.size)
        alpha.putalpha(frame.convert("RGBA").getchannel("A"))
        return _saved(alpha, "png", compress_level=4)


def masked(original: Path, mask: Path, target: Path, most: int) -> None:
    """Write `original` with the alpha of `mask` as a PNG; its texts stay, the workflow among them.

    Raises:
        Refusal: one of them is no picture, or the mask has no alpha.
    """
    texts = PngInfo()
    with _opened(original, original.name, most) as picture:
        frame = _plain(picture).convert("RGB")
        for key, text in getattr(picture, "text", {}).items():
            texts.add_text(key, text)
    with _opened(mask, "the mask", most) as picture:
        shape = _plain(picture)
        if "A" not in shape.getbands():
            raise Refusal(400, "invalid_mask", "the mask has no alpha channel; send a PNG with transparency")
        alpha = shape.getchannel("A")
    if alpha.size != frame.size:
        alpha = alpha.resize(frame.size, Image.Resampling.BILINEAR)
    frame.putalpha(alpha)
    try:
        frame.save(target, "PNG", pnginfo=texts, compress_level=4)
    except OSError as error:
        raise storage_error(target, error) from error


@contextmanager
def _opened(file: Path | io.BytesIO, name: str, most: int) -> Iterator[Image.Image]:
    """A picture whose size is known to be small enough; whatever decoding raises is told as its fault."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # of Pillow as a whole; the loading nodes set the same
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > min(most, MOST_PIXELS):
                raise _too_large(name, picture.size, most)
            yield picture
    except Refusal:
        raise
    except FileNotFoundError:
        raise Refusal(404, "not_found", f"{name!r} is gone") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, None, most) from None
    except Exception:  # noqa: BLE001  # decoders raise all kinds when they are fed garbage
        raise Refusal(
            400, "invalid_image", f"{name!r} is damaged, or no picture; save it as PNG, JPEG or WebP"
        ) from None


def _too_large(name: str, size: tuple[int, int] | None, most: int) -> Refusal:
    said = f"{size[0]} x {size[1]}, " if size else ""
    return Refusal(
        400, "image_too_large", f"{name!r} is {said}over the limit of {min(most, MOST_PIXELS)} pixels"
    )


def _plain(picture: Image.Image) -> Image.Image:
    """The first frame, upright, in 8 bits: RGBA when it has an alpha, RGB otherwise."""
    frame = ImageOps.exif_transpose(picture)
    if frame.mode.startswith(("I", "F")):  # gray of more than 8 bits, which `convert` would clip
        scale = 255 if frame.mode == "F" else 1 / 257
        frame = frame.convert("F").point(lambda value: value * scale + 0).convert("L")
    return frame.convert("RGBA" if frame.has_transparency_data else "RGB")


def _saved(frame: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    frame.save(buffer, form, **options)
    return buffer.getvalue()
