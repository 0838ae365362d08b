"""Models as clients browse them: what lies where, what a file says of itself, its picture.

A place is told by its number and by a name below `models`; where it really is stays here.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.errors import PathError
from engine.files import Files
from engine.model_paths import FOLDERS, SAFE, ModelPaths
from server.names import check
from server.pictures import preview
from server.refusal import Refusal

#: Bytes of a header that is read for what it says beside the tensors.
_LONGEST_HEADER: Final = 64 << 20

#: Bytes of a picture inside a header.
_LONGEST_THUMBNAIL: Final = 8 << 20

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")


def known_folder(models: ModelPaths, asked: str) -> str:
    """A folder by its name or by an older one: `unet` is `diffusion_models`.

    Raises:
        Refusal: 404: there is none.
    """
    if asked in models.places:
        return asked
    for folder, names in FOLDERS.items():
        if asked in names and folder in models.places:
            return folder
    raise Refusal(404, "not_found", f"there is no models folder {asked[:100]!r}")


def names(models: ModelPaths, folder: str) -> list[str]:
    return models.names(known_folder(models, folder))


def embeddings(models: ModelPaths) -> list[str]:
    """What prompts may name, without its suffix."""
    return [str(Path(name).with_suffix("").as_posix()) for name in models.names("embeddings")]


def places(files: Files, folder: str) -> list[str]:
    """The places of a folder, told without where they are: relative to the home, or by the folder's name."""
    told = [
        place.relative_to(files.home).as_posix() if place.is_relative_to(files.home) else f"models/{folder}"
        for place in files.models.places.get(folder, [])
    ]
    return list(dict.fromkeys(told))


def entries(models: ModelPaths, asked: str) -> list[dict[str, Any]]:
    """The models of a folder with place, size and times (milliseconds).

    Raises:
        Refusal: 404: there is no such folder.
    """
    folder = known_folder(models, asked)
    found = []
    for name in models.names(folder):
        try:
            path = models.find(folder, name)
            status = path.stat()
            size = sum(_sizes(path))
        except (PathError, OSError):  # it is gone
            continue
        found.append(
            {
                "name": name,
                "pathIndex": _index(models, folder, path),
                "modified": int(status.st_mtime * 1000),
                "created": int(status.st_ctime * 1000),
                "size": size,
            }
        )
    return found


def _index(models: ModelPaths, folder: str, path: Path) -> int:
    """The number of a model's place; the number after the last is that of models that packs bring along."""
    all_places = models.places.get(folder, [])
    return next((n for n, place in enumerate(all_places) if path.is_relative_to(place)), len(all_places))


def _sizes(path: Path) -> Iterator[int]:
    for each in path.rglob("*") if path.is_dir() else [path]:
        if each.is_file():
            yield each.stat().st_size


def find(models: ModelPaths, asked: str, name: str) -> Path:
    """A model by folder and name.

    Raises:
        Refusal: 404: there is no such model; 400: the name leads elsewhere.
    """
    folder = known_folder(models, asked)
    try:
        return models.find(folder, "/".join(check(name)))
    except PathError:
        raise Refusal(404, "not_found", f"no model {name[:200]!r} in {folder}") from None


def metadata(path: Path) -> dict[str, Any]:
    """What a safetensors file says beside its tensors.

    Raises:
        Refusal: 404: it is no such file, or says nothing.
    """
    silent = Refusal(404, "not_found", f"{path.name!r} has no metadata, as only .safetensors files may")
    if path.suffix.lower() not in SAFE or not path.is_file():
        raise silent
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LONGEST_HEADER:
                raise silent
            said = json.loads(file.read(length)).get("__metadata__")
    except (OSError, ValueError, AttributeError, RecursionError):
        raise silent from None
    if not isinstance(said, dict) or not said:
        raise silent
    return said


def picture(models: ModelPaths, asked: str, index: str, name: str) -> bytes:
    """The picture of a model as WebP: a file beside it, or the one in its metadata.

    Raises:
        Refusal: 404: there is none; 400: the name leads elsewhere.
    """
    places = models.places[known_folder(models, asked)]
    wanted = Path(*check(name))
    if not index.isascii() or not index.isdigit() or len(index) > 4 or int(index) >= len(places):
        raise Refusal(404, "not_found", f"there is no place {index[:20]!r} for such models")
    model = places[int(index)] / wanted
    stem = model.with_suffix("")
    for suffix in _PICTURES:
        for path in (stem.with_name(f"{stem.name}.preview{suffix}"), stem.with_name(f"{stem.name}{suffix}")):
            if path.is_file():
                return preview(path, "webp", 90)
    return _thumbnail(model)


def _thumbnail(model: Path) -> bytes:
    said = metadata(model)
    encoded = said.get("modelspec.thumbnail") or said.get("thumbnail")
    if not isinstance(encoded, str) or len(encoded) > _LONGEST_THUMBNAIL:
        raise Refusal(404, "not_found", f"there is no picture of {model.name!r}")
    try:
        content = base64.b64decode(encoded.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(404, "not_found", f"the picture in {model.name!r} is damaged") from None
    return preview(content, "webp", 90)
