"""What nodes that read files share: a fingerprint of the content, and what is wrong with a name."""

import hashlib
from collections.abc import Callable, Mapping

from engine.node import Files, PathError, UserError


def content(files: Files, name: str | None) -> str | None:
    """The digest of a file in the input folder; None when its name is not known yet.

    Raises:
        PathError: there is no such file.
    """
    if name is None:
        return None
    with files.resolve(name).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def told(given: str, read: Callable[[], object]) -> Mapping[str, str]:
    """What reading a file says is wrong with the input that names it; nothing when it can be read."""
    try:
        read()
    except UserError as error:
        return {given: str(error)}
    return {}


def problems(files: Files, **names: str) -> Mapping[str, str]:
    """What is wrong with the names of files, by input."""
    found = {}
    for given, name in names.items():
        try:
            files.resolve(name)
        except PathError as error:
            found[given] = str(error)
    return found
