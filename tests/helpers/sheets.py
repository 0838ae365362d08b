"""Files of ComfyUI's editor, written short: nodes, sockets, sub-graphs; and toy nodes with every widget."""

from typing import Annotated, Any, Literal

from toys import THING, TOYS

from engine.node import Choices, Multiline, Node, Omittable, Seeded, Upload, node

File = dict[str, Any]


@node("Sampler", category="toys")
def sampler(
    *,
    model: THING,
    seed: Annotated[int, Seeded()] = 0,
    steps: int = 20,
    cfg: float = 8.0,
    name: Literal["euler", "heun"] = "euler",
    denoise: float = 1.0,
) -> THING:
    """Widgets of every kind, and a socket before them."""
    del seed, steps, cfg, name, denoise
    return model


@node("Picture", category="toys")
def picture(
    *,
    image: Annotated[str, Choices(lambda _files: ["a.png"]), Upload()],
    channel: Literal["red", "alpha"] = "red",
) -> str:
    """A combo with a button for uploads."""
    return image + channel


@node("Loader", category="toys")
def loader(
    *,
    device: Annotated[Literal["default", "cpu"], Omittable()] = "default",
    file: Annotated[str, Choices(lambda _files: ["b"])],
    kind: Literal["sd", "flux"],
) -> THING:
    """A widget that came later, and a combo without a default."""
    raise NotImplementedError(device + file + kind)


@node("Prompt", category="toys")
def prompt(*, text: Annotated[str, Multiline(dynamic=True)], model: THING, flag: bool = True) -> THING:
    """A socket between widgets."""
    del text, flag
    return model


@node("Merge", category="toys")
def merge(*, one: THING, two: THING | None = None, text: str = "") -> THING:
    """Two of a type, and one of another."""
    del two, text
    return one


SHEET_TOYS: tuple[Node[..., Any], ...] = (*TOYS, sampler, picture, loader, prompt, merge)


def socket(name: str, wire: Any = "STRING", link: Any = None, *, widget: bool = False) -> File:
    """An input; `widget` when it stands for one."""
    return {"name": name, "type": wire, "link": link} | ({"widget": {"name": name}} if widget else {})


def box(
    identity: Any,
    class_type: str,
    *sockets: File,
    values: Any = None,
    outputs: Any = ("STRING",),
    **more: Any,
) -> File:
    """A node; `values` are those of its widgets, `outputs` the types (or whole slots) of its outputs."""
    slots = [{"name": each, "type": each, "links": []} if isinstance(each, str) else each for each in outputs]
    written = {
        "id": identity, "type": class_type, "pos": [0, 0], "size": {"0": 200, "1": 100}, "flags": {},
        "order": 0, "mode": 0, "inputs": list(sockets), "outputs": slots, "properties": {},
    }  # fmt: skip
    return written | ({} if values is None else {"widgets_values": values}) | more


def sheet(*nodes: File, links: list[Any] | None = None, **more: Any) -> File:
    """A file of schema 0.4."""
    return {"nodes": list(nodes), "links": links or [], "groups": [], "extra": {}, "version": 0.4} | more


def wire(link: int, source: int, output: int, target: int, place: int, kind: str = "STRING") -> File:
    """A link as schema 1 has it."""
    return {
        "id": link, "origin_id": source, "origin_slot": output, "target_id": target, "target_slot": place,
        "type": kind,
    }  # fmt: skip


def subgraph(
    identity: str, *nodes: File, links: list[File], inputs: Any = (), outputs: Any = (), **more: Any
) -> File:
    """A definition; `inputs` and `outputs` are (name, type, ids of links)."""
    return {
        "id": identity, "version": 1, "name": f"named {identity[:4]}",
        "inputs": [{"id": n, "name": n, "type": kind, "linkIds": ids} for n, kind, ids in inputs],
        "outputs": [{"id": n, "name": n, "type": kind, "linkIds": ids} for n, kind, ids in outputs],
        "inputNode": {"id": -10}, "outputNode": {"id": -20}, "nodes": list(nodes), "links": links,
    } | more  # fmt: skip
