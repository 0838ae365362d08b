"""Nodes that only the editor knows: they lead links, hold values, or hold words for people."""

from typing import Any, Final

from engine.formats.comfyui.levels import Node, Slot, mapping

#: Lead their one input on.
REROUTES: Final = frozenset({"Reroute", "Reroute (rgthree)", "ReroutePrimitive|pysssss"})

#: Hold a value for the inputs that they are linked to.
PRIMITIVES: Final = frozenset({"PrimitiveNode"})

#: Give their input a name, by which getters find it.
SETTERS: Final = frozenset({"SetNode", "easy setNode"})
GETTERS: Final = frozenset({"GetNode", "easy getNode"})

#: Words, and buttons of the editor.
UI: Final = frozenset(
    {
        "Note", "MarkdownNote", "Label (rgthree)", "Bookmark (rgthree)", "Fast Muter (rgthree)",
        "Fast Bypasser (rgthree)", "Fast Groups Muter (rgthree)", "Fast Groups Bypasser (rgthree)",
        "Fast Actions Button (rgthree)", "Mute / Bypass Relay (rgthree)", "Mute / Bypass Repeater (rgthree)",
        "Random Unmuter (rgthree)",
    }
)  # fmt: skip

VIRTUAL: Final = REROUTES | PRIMITIVES | SETTERS | GETTERS | UI


def first_value(node: Node) -> Any:
    """The value of the first widget; None when there is none."""
    if isinstance(node.values, list) and node.values:
        return node.values[0]
    return next(iter(mapping(node.named).values()), None)


def constant(node: Node) -> str | None:
    """The name by which a setter and its getters know each other."""
    if node.type not in SETTERS | GETTERS:
        return None
    name = first_value(node)
    return name if isinstance(name, str) and name else None


def through(node: Node) -> Slot | None:
    """The input that a reroute or a setter leads on."""
    return next((slot for slot in node.inputs if slot.link is not None), None)
