"""Which weights are these: an answer in milliseconds, however large the file.

Two files with the same length, the same header and the same 64 samples of their
data are taken for equal. A fine-tune changes nearly every weight, so it cannot
slip between the samples; a deliberate forgery can, and is what full digests are
for.
"""

import hashlib
from pathlib import Path

from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import HEADER_LIMIT

SAMPLES = 64
BLOCK = 4096  # bytes: a page, what the disk reads anyway
PARTS = {".json", ".safetensors", ".txt"}  # what a diffusers folder's meaning depends on


def weights_identity(path: Path) -> str:
    """A name for the content of a weights file, or of a diffusers folder, as 32 hexadecimal digits.

    Neither the file's name nor its place enters it.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        if not path.is_dir():
            _add_file(digest, path)
            return digest.hexdigest()
        parts = (*path.glob("*"), *path.glob("*/*"))
        for part in sorted(p for p in parts if p.suffix in PARTS and p.is_file()):
            digest.update(part.relative_to(path).as_posix().encode() + b"\0")
            _add_file(digest, part)
    except FileNotFoundError as error:
        raise ModelError(path, "there is no such file") from error
    except OSError as error:
        raise ModelError(path, f"cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def _add_file(digest: "hashlib.blake2b", path: Path) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        if size <= SAMPLES * BLOCK:
            digest.update(file.read())
            return
        if path.suffix == ".safetensors":
            length = int.from_bytes(file.read(8), "little")
            digest.update(file.read(min(length, HEADER_LIMIT)))
        for i in range(SAMPLES):
            file.seek(i * (size - BLOCK) // (SAMPLES - 1))
            digest.update(file.read(BLOCK))
