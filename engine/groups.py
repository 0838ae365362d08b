"""Parameters that stand for several inputs, which have dotted names: `images.image0`, `resize_type.width`.

    images: Annotated[Mapping[str, Image], Growing(["image0", "image1", "image2"], least=1)]
    resize_type: Annotated[ToSize | ByFactor, Variants({"scale dimensions": ToSize, "scale by": ByFactor})]

The node is given one value for each parameter: what is linked, by the ends of the names; or the named tuple
of the variant that was chosen.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from engine.errors import UserError


@dataclass(frozen=True, slots=True)
class Growing:
    """A mapping of inputs of one type, of which the first `least` must be there; editors offer one more."""

    names: Sequence[str]
    least: int = 0

    def gather(self, name: str, given: MutableMapping[str, Any]) -> dict[str, Any]:
        """Take the inputs of parameter `name` out of `given`."""
        values = {end: given.pop(f"{name}.{end}", None) for end in self.names}
        return {end: value for end, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Variants:
    """A combo whose choice decides what else is asked: the fields of a named tuple."""

    choices: Mapping[str, type]

    def gather(self, name: str, given: MutableMapping[str, Any]) -> Any:
        """Take the inputs of parameter `name` out of `given`.

        Raises:
            UserError: one that the chosen variant needs is missing.
        """
        chosen = given.pop(name)
        prefix = f"{name}."
        values = {
            each.removeprefix(prefix): given.pop(each) for each in list(given) if each.startswith(prefix)
        }
        variant: Any = self.choices[chosen]
        fields = {each: values[each] for each in variant._fields if values.get(each) is not None}
        for each in variant._fields:
            if each not in fields and each not in variant._field_defaults:
                raise UserError(f"{prefix}{each}: is missing, and {chosen!r} needs it; link it")
        return variant(**fields)


Group = Growing | Variants


def gathering(function: Callable[..., Any], groups: Mapping[str, Group]) -> Callable[..., Any]:
    """The function as it is called with inputs by their own names."""
    if not groups:
        return function

    @wraps(function)
    def call(**given: Any) -> Any:
        gathered = {name: group.gather(name, given) for name, group in groups.items()}
        return function(**given, **gathered)

    return call
