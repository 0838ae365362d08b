"""Names of files as requests give them, and where they lie inside their root.

What `engine.files.inside` promises holds here too.  Beyond that, nothing hidden is reached: part files,
and what people keep from programs, begin with a dot.
"""

import re
from pathlib import Path
from typing import Final

from engine.errors import PathError
from engine.files import inside
from server.refusal import Refusal

#: Bytes of one part of a name; what is written must leave room for ` (12)` and for its part file.
_LONGEST: Final = 255
_LONGEST_WRITTEN: Final = 200

#: Folders inside folders that are made for somebody.
_DEEPEST: Final = 16

#: A separator, a dot or a NUL that was encoded twice or more often: no honest client sends one.
_ENCODED: Final = re.compile(r"%(25)*(2e|2f|5c|00)", re.IGNORECASE)

#: Names of devices on Windows, with whatever suffix: a home may be shared with it.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)\s*(\..*)?$", re.IGNORECASE)

#: Control characters, line ends, and what turns the direction of writing around.
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def place(root: Path, name: str, *, status: int = 400, dotted: frozenset[str] = frozenset()) -> Path:
    """Where a name lies in a root, whether or not something is there.  `dotted` file names may be hidden.

    Raises:
        Refusal: with `status`: it leaves the root, or no file may be called so.
    """
    parts = check(name, status=status, dotted=dotted)
    try:
        return inside(root, "/".join(parts))
    except PathError:
        raise _refused(name, "leads out of its folder; name a file inside it", status) from None


def new_place(root: Path, name: str, *, status: int = 400, dotted: frozenset[str] = frozenset()) -> Path:
    """The same for what is to be written: a name that every system can hold.

    Raises:
        Refusal: as above, or it is a device's name, too long or deep, or has characters that cannot be seen.
    """
    path = place(root, name, status=status, dotted=dotted)
    if len(path.relative_to(root).parts) > _DEEPEST:
        raise _refused(name, f"lies too deep; keep it within {_DEEPEST} folders", status)
    for part in path.relative_to(root).parts:
        if _DEVICES.match(part):
            raise _refused(name, "is the name of a device on some systems; choose another", status)
        if part != part.strip(" ") or part.endswith(".") or _UNSEEN.search(part):
            why = "has spaces or dots at an end, or characters that cannot be seen; leave them out"
            raise _refused(name, why, status)
        if len(part.encode()) > _LONGEST_WRITTEN:
            raise _refused(name, f"is too long; keep names under {_LONGEST_WRITTEN} bytes", status)
    return path


def check(name: str, *, status: int = 400, dotted: frozenset[str] = frozenset()) -> list[str]:
    """The parts of a relative name.

    Raises:
        Refusal: with `status`: it cannot name a file inside a folder.
    """
    if not name.strip() or "\0" in name:
        raise _refused(name, "is no file name", status)
    if _ENCODED.search(name):
        raise _refused(name, "was encoded twice; encode names once", status)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _refused(name, "is not written in UTF-8", status) from None
    unified = name.replace("\\", "/")
    parts = [part for part in unified.split("/") if part not in {"", "."}]
    if unified.startswith("/") or unified[1:2] == ":" or ".." in parts or not parts:
        raise _refused(name, "leads out of its folder; name a file inside it", status)
    hidden = [part for part in parts if part.startswith(".")]
    if hidden and (len(hidden) > 1 or hidden[0] not in dotted or parts[-1] != hidden[0]):
        raise _refused(name, "is hidden; choose a name that does not begin with a dot", status)
    if any(len(part.encode()) > _LONGEST for part in parts) or len(unified.encode()) > 4 * _LONGEST:
        raise _refused(name, "is too long", status)
    return parts


def _refused(name: str, why: str, status: int) -> Refusal:
    return Refusal(status, "invalid_name", f"{name[:100]!r} {why}")
