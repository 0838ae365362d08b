"""What each node was given when it last ran, so that a plan can say what has changed since.

Nothing depends on it but words: keys alone decide what is computed.  A node is known by its id and class,
and what it was given by short texts: literals as they are, links by the key of their source.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from engine.graph import Call
from engine.signature import Key

#: Nodes that are remembered; the ones that ran longest ago are forgotten first.
MOST: Final = 10_000
_LONGEST: Final = 60


@dataclass
class Recollection:
    """Node -> what it was given; kept in `file` if there is one."""

    file: Path | None = None
    given: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None:
            with suppress(OSError, ValueError):
                stored = json.loads(self.file.read_text(encoding="utf-8"))
                if isinstance(stored, dict):
                    self.given = {
                        name: {str(each): str(text) for each, text in inputs.items()}
                        for name, inputs in stored.items()
                        if isinstance(inputs, dict)
                    }

    def note(self, calls: Iterable[Call], keys: Mapping[str, Key]) -> None:
        """Remember what these nodes were given."""
        for call in calls:
            name = _name(call)
            self.given.pop(name, None)  # the latest are last
            self.given[name] = _described(call, keys)
        for name in list(self.given)[: max(0, len(self.given) - MOST)]:
            del self.given[name]

    def changes(self, call: Call, keys: Mapping[str, Key]) -> str | None:
        """What a node is given now that it was not the last time; None when it never ran."""
        before = self.given.get(_name(call))
        if before is None:
            return None
        now = _described(call, keys)
        changed = [name for name in now if now[name] != before.get(name)]
        literals = [
            f"{name} was {before.get(name, 'not given')}" for name in changed if name in call.literals
        ]
        links = [
            f"{name} comes from a changed {call.links[name].node}" for name in changed if name in call.links
        ]
        return ", ".join((literals or links)[:3])

    def save(self) -> None:
        if self.file is None or not self.given:
            return
        beside = self.file.with_name(f".{self.file.name}.{os.getpid()}.part")
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self.given), encoding="utf-8")
            beside.replace(self.file)


def _name(call: Call) -> str:
    return f"{call.spec.class_type} {call.id}"


def _described(call: Call, keys: Mapping[str, Key]) -> dict[str, str]:
    literals = {name: _brief(value) for name, value in call.literals.items()}
    return literals | {
        name: f"@{keys[link.node].hex()[:16]}:{link.output}" for name, link in call.links.items()
    }


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({_mark(text)})"


def _mark(text: str) -> str:
    """A few letters that tell long texts apart."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
