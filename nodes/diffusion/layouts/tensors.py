"""The tensors of one network inside a file, under the names they have there."""

from collections.abc import Iterator
from dataclasses import dataclass

from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import Header


@dataclass(frozen=True)
class Tensors:
    """The part of a header whose names begin with `prefix`; names are given without it."""

    header: Header
    prefix: str = ""

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self.prefix) for name in self.header if name.startswith(self.prefix))

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.header

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor that the network cannot do without."""
        path = self.header.path
        if self.prefix + name not in self.header:
            raise ModelError(path, f"is incomplete: it has no tensor {self.prefix + name!r}")
        shape = self.header[self.prefix + name].shape
        if len(shape) != dimensions or 0 in shape:
            raise ModelError(path, f"has {self.prefix + name!r} in the unexpected shape {list(shape)}")
        return shape

    def count(self, pattern: str) -> int:
        """How many of `pattern.format(0)`, `pattern.format(1)`, ... there are, without a gap."""
        before, after = pattern.split("{}")
        inner = (
            n.removeprefix(before).removesuffix(after)
            for n in self
            if n.startswith(before) and n.endswith(after)
        )
        numbers = {
            int(number) for number in inner if number.isascii() and number.isdecimal() and len(number) < 5
        }
        for i in range(len(numbers)):
            if i not in numbers:
                missing = self.prefix + pattern.format(i)
                raise ModelError(self.header.path, f"is incomplete: it has no tensor {missing!r}")
        return len(numbers)


@dataclass(frozen=True, slots=True)
class Source:
    """Where one parameter of a network lies: a tensor of a file, or a part of it."""

    name: str
    third: int | None = None
    """Which third of the rows: query, key and value are one tensor in some files."""
    transposed: bool = False
