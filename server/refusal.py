"""What is said to those whose wish cannot be granted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import UserError
from engine.files import Files

#: The folder that the packages lie in.
PACKAGES: Final = Path(__file__).resolve().parent.parent


class Refusal(UserError):  # noqa: N818  # as in `engine.coercion`: not what went wrong, but what is said of it
    """A request that cannot be served, and why.  `facts` join the error object."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.facts: Mapping[str, Any] = facts

    def body(self) -> dict[str, Any]:
        """The error object of our own API; the ecosystem's routes word their own."""
        hint = {"hint": self.hint} if self.hint else {}
        return {"error": {"code": self.code, "message": self.message, **hint, **self.facts}}


def conceal(text: str, files: Files) -> str:
    """A message without the places of the machine: a path inside a root begins with the root's name."""
    places = {
        str(files.output): "output",
        str(files.home): "home",
        **{str(place): "models" for folder in files.models.places.values() for place in folder},
        str(PACKAGES): "safelight",
        str(Path.home()): "~",
    }
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, places[place])
    return text
