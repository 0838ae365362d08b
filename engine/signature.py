"""The content-addressed key of a call: equal keys, equal results.

A key is a hash over the pack's namespace, the class and its version, and the bound inputs by name, a
link being the key of its source and the output's number.  Node ids, titles and positions are not in it.
Calls marked numeric add the numerics profile (device kind, dtypes); output nodes add their folder; file
readers add the file's content.  A call whose outside facts have no fingerprint gets a key that is never
found again, visibly.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from engine.files import Files
from engine.graph import Call, Graph
from engine.validation import literals_for

Key = bytes


@dataclass
class Signatures:
    """The keys of a graph's calls, and why some of them cannot be cached."""

    files: Files
    profile: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    uncacheable: dict[str, str] = field(default_factory=dict)
    _heads: dict[str, bytes] = field(default_factory=dict)

    def sign_all(self, graph: Graph) -> None:
        for node in graph.order:
            self.sign(graph.calls[node])

    def sign(self, call: Call) -> Key:
        """The key of a call whose sources are signed."""
        spec = call.spec
        head = self._heads.get(spec.class_type)
        if head is None:
            facts = [spec.namespace, spec.class_type, str(spec.version), *spec.inputs]
            facts.append(self.profile if spec.numeric else "")
            facts.append(str(self.files.output) if spec.output_node else "")
            head = self._heads[spec.class_type] = json.dumps(facts).encode()
        parts = [head]
        keys = self.keys
        literals, links = call.literals, call.links
        for name in spec.inputs:
            link = links.get(name)
            if link is not None:
                parts.append(b"@%b:%d" % (keys[link.node], link.output))
            elif name in literals:
                parts.append(_encoded(literals[name]))
            else:
                parts.append(b"-")
        if not spec.cacheable:
            return self._never(call, "its class asks not to be cached")
        if spec.fingerprint is not None:
            try:
                mark = spec.fingerprint(self.files, **literals_for(spec.fingerprint, call))
            except Exception as error:  # noqa: BLE001  # running it will say more
                return self._never(call, f"its fingerprint failed: {error}")
            if mark is None or mark != mark:  # noqa: PLR0124  # NaN: the ecosystem's way to say "always"
                return self._never(call, "its outside facts have no fingerprint")
            parts.append(_encoded(str(mark)))
        key = keys[call.id] = blake2b(_framed(parts), digest_size=20).digest()
        return key

    def _never(self, call: Call, reason: str) -> Key:
        self.uncacheable[call.id] = reason
        key = self.keys[call.id] = os.urandom(20)
        return key


def _framed(parts: Iterable[bytes]) -> bytes:
    """Parts in a row, each with its length, so that no other parts look the same."""
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])


def _encoded(value: Any) -> bytes:
    """A bound value as bytes: one form for each value, different forms for different types."""
    kind = type(value)
    if kind is str:
        return b"s" + value.encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]
    if kind is int:
        return b"i%d" % value
    if kind is float:
        return b"f" + value.hex().encode()  # type: ignore[no-any-return]
    if kind is bool or value is None:
        return b"b%d" % value if kind is bool else b"n"
    if kind is list or kind is tuple:
        return b"l" + _framed(map(_encoded, value))
    if isinstance(value, Mapping):
        pairs = sorted((_encoded(name), _encoded(each)) for name, each in value.items())
        return b"d" + _framed(part for pair in pairs for part in pair)
    return b"r" + repr(value).encode("utf-8", "surrogatepass")
