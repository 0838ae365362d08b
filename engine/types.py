"""What travels along a link, and what may plug into what.

A `Socket` is a wire name (`IMAGE`, `INT`, ...) with what the engine must know about its values and
cannot guess: how large one is, and how to write it to disk and read it back.  Node authors attach a
socket to a Python type once (`Image = Annotated[Tensor, Socket("IMAGE", ...)]`), and signatures say
the rest.

Wire names follow the ecosystem: `*` takes anything, `A,B` takes either, and matching is by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# A value on its way to disk: a JSON description, and the arrays that it refers to by name.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array as safetensors stores it: its dtype's short name (`F32`), its shape, its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """A value taken apart: `tree` may name buffers anywhere inside it."""

    tree: Json
    buffers: Mapping[str, Buffer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Codec:
    """How a kind of value becomes a file, and a value again."""

    pack: Callable[[Any], Packed]
    unpack: Callable[[Packed], Any]


def small(_value: object) -> int:
    """The size of values that are not worth measuring, in bytes."""
    return 64


def text_size(value: object) -> int:
    return 64 + (len(value) if isinstance(value, str | bytes) else 0)


PLAIN: Final = Codec(pack=Packed, unpack=lambda packed: packed.tree)


@dataclass(frozen=True, slots=True)
class Socket:
    """A kind of value: its wire name, how its bytes are counted, how it is kept on disk (if it can be)."""

    wire: str
    size: Callable[[Any], int] = small
    codec: Codec | None = None
    color: str = "#8a8a8a"

    def accepts(self, source: str) -> bool:
        """Whether an output of wire type `source` may be plugged in here."""
        return compatible(source, self.wire)


INT: Final = Socket("INT", codec=PLAIN, color="#6fa8dc")
FLOAT: Final = Socket("FLOAT", codec=PLAIN, color="#93c47d")
STRING: Final = Socket("STRING", size=text_size, codec=PLAIN, color="#c9c9a3")
BOOLEAN: Final = Socket("BOOLEAN", codec=PLAIN, color="#c27ba0")
COMBO: Final = Socket("COMBO", size=text_size, codec=PLAIN, color="#c9c9a3")
ANY: Final = Socket("*")

#: Sockets whose values people type in; everything else arrives by a link.
WIDGETS: Final = {socket.wire: socket for socket in (INT, FLOAT, STRING, BOOLEAN, COMBO)}

# A combo's value is a string; both ways of naming it fit each other.
_TEXT: Final = frozenset({"STRING", "COMBO"})


def compatible(source: str, target: str) -> bool:
    """Whether a value of wire type `source` fits an input of wire type `target`.

    `*` on either side fits; `A,B` fits when any part does.  INT fits FLOAT, as every integer is one.
    """
    if source in (target, "*") or target == "*":
        return True
    sources = {part.strip() for part in source.split(",")}
    targets = {part.strip() for part in target.split(",")}
    if "*" in sources or "*" in targets or sources & targets:
        return True
    if sources & _TEXT and targets & _TEXT:
        return True
    return "INT" in sources and "FLOAT" in targets
