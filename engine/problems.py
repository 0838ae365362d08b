"""What is wrong with a graph, as data: where, what, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or that was mended on the way (`severity` "warning").

    `code` is the ecosystem's name for it; `node` and `input` say where, `title` how people call the node.
    """

    code: str
    message: str
    node: str = ""
    input: str = ""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    class_type: str = ""
    title: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """Where in the document: `("3", "inputs", "seed")`."""
        return (self.node, "inputs", self.input) if self.input else (self.node,) if self.node else ()

    def __str__(self) -> str:
        where = ""
        if self.node:
            name = self.title or self.class_type
            where = (
                f"node {self.node}"
                + (f" ({name})" if name else "")
                + (f", {self.input}" if self.input else "")
            )
            where += ": "
        return where + self.message + (f"; {self.hint}" if self.hint else "")
