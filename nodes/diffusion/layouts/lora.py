"""LoRA files (arXiv 2106.09685): which module each tensor changes, in the namings of the common trainers.

kohya's scripts write `lora_unet_down_blocks_0_attentions_0_…`, with diffusers' or the original names of
blocks; diffusers and peft write `unet.down_blocks.0.attentions.0.…`.  What follows says which part of the
change a tensor is.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nodes.diffusion.components import Component, Part
from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import BY_TEXT_WIDTH
from nodes.diffusion.headers import Header, TensorInfo
from nodes.diffusion.layouts import unet

TEXT = ("lora_te", "text_encoder")
PREFIXES: Mapping[Part, tuple[str, ...]] = {
    "denoiser": ("lora_unet_", "unet.", "diffusion_model.", "base_model.model.", "lycoris_", ""),
    "text_encoder": ("lora_te_", "lora_te1_", "text_encoder.", "text_encoders.clip_l.transformer.",
                     "text_encoders.clip_h.transformer."),
}  # fmt: skip
UNDERSCORED = ("lora_unet_", "lora_te_", "lora_te1_", "lycoris_")

LYCORIS = (
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b",
    "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b",
)  # fmt: skip
"""The forms of LyCORIS (arXiv 2309.14859): products by element (LoHa), and of Kronecker (LoKr)."""

#: How a tensor's name ends, and what it is then.
ROLES = tuple(
    (re.compile(rf"(.+?){ending}"), role)
    for ending, role in {
        r"\.lora_up\.weight": "up",
        r"\.lora_down\.weight": "down",
        r"\.lora_mid\.weight": "mid",
        r"\.lora_B(?:\.\w+)?\.weight": "up",
        r"\.lora_A(?:\.\w+)?\.weight": "down",
        r"[._]lora(?:_linear_layer)?\.up\.weight": "up",
        r"[._]lora(?:_linear_layer)?\.down\.weight": "down",
        r"\.alpha": "alpha",
        r"\.diff": "diff",
        r"\.diff_b": "bias",
        r"\.dora_scale": "magnitude",
        **{rf"\.{name}": name for name in (*LYCORIS, "hada_t1", "hada_t2", "lokr_t2")},
    }.items()
)
#: Tensors that come together: all of a group, or none.
GROUPS = (
    ("up", "down"),
    ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),
    ("lokr_w1_a", "lokr_w1_b"),
    ("lokr_w2_a", "lokr_w2_b"),
)
OTHERS = {"oft_blocks": "an OFT", "oft_diag": "an OFT", "a1.weight": "a GLoRA"}
"""Changes of forms that cannot be applied, by what their tensors are called."""


@dataclass(frozen=True)
class Change:
    """What a file holds for one module: its tensors, by their role."""

    module: str
    tensors: Mapping[str, TensorInfo]
    names: Mapping[str, str]


def read_changes(header: Header) -> dict[str, Change]:
    """All changes of a file, by the name that it has for the module.

    Raises:
        ModelError: it is no LoRA, or one of a form that cannot be applied.
    """
    found: dict[str, dict[str, str]] = {}
    for name in header:
        if (other := next((OTHERS[end] for end in OTHERS if name.endswith("." + end)), None)) is not None:
            supported = "supported are LoRA, LoHa, LoKr and DoRA"
            raise ModelError(header.path, f"is {other}, which is not supported; {supported}")
        for pattern, role in ROLES:
            if match := pattern.fullmatch(name):
                found.setdefault(match[1], {})[role] = name
                break
    changes = {}
    for module, names in found.items():
        for group in GROUPS:
            if 0 < sum(role in names for role in group) < len(group):
                raise ModelError(header.path, f"is incomplete: {module!r} has a part of its change only")
        kronecker = [any(role.startswith(factor) for role in names) for factor in ("lokr_w1", "lokr_w2")]
        if any(kronecker) != all(kronecker):
            raise ModelError(header.path, f"is incomplete: {module!r} has a part of its change only")
        if any(role in names for role in ("up", "diff", "bias", *LYCORIS)):
            tensors = {role: header[name] for role, name in names.items()}
            changes[module] = Change(module, tensors, names)
    if not changes:
        raise ModelError(header.path, "is no LoRA (looked for names that end in lora_up.weight and the like)")
    return changes


def addressed(changes: Mapping[str, Change], part: Part) -> dict[str, Change]:
    """The changes that are meant for a part of a model, whatever family it is of."""
    for_text = part == "text_encoder"
    return {name: change for name, change in changes.items() if name.startswith(TEXT) == for_text}


def matched(path: Path, changes: Mapping[str, Change], part: Part, component: Component) -> dict[str, Change]:
    """The changes by our name of the module; none if none is meant for this part.

    Raises:
        ModelError: it was made for a model of another family.
    """
    meant = addressed(changes, part)
    known = spellings(part, component)
    found = {known[spelt]: change for name, change in meant.items() if (spelt := _plain(name)) in known}
    if part == "denoiser":
        _same_family(path, found, component)
    if meant and not found:
        what = "text encoder" if part == "text_encoder" else "model"
        raise ModelError(
            path,
            f"was made for a model of another family: none of its {len(meant)} modules is in this {what} "
            f"(the first is {next(iter(meant))!r})",
        )
    return found


def spellings(part: Part, component: Component) -> dict[str, str]:
    """Every name that files have for a module of a network -> ours."""
    modules = {name.rpartition(".")[0] for name in component.sources}
    found: dict[str, str] = {}
    for module in modules:
        for dotted in _dotted(part, module, component):
            for prefix in PREFIXES[part]:
                spelt = dotted.replace(".", "_") if prefix in UNDERSCORED else dotted
                found[prefix + spelt] = module
    return found


def _dotted(part: Part, module: str, component: Component) -> Iterable[str]:
    """The names of a module with dots: ours, and those of other layouts."""
    if part == "text_encoder":
        return (f"text_model.{module}", module)
    return (module, *unet.original_names(module, int(component.config.get("layers_per_block", 2))))


def _plain(name: str) -> str:
    """Without the detour over an attention processor of older files: `attn1.processor.to_out`."""
    if ".processor." in name:
        name = name.replace(".processor.", ".")
        name = name.removesuffix(".to_out") + ".to_out.0" if name.endswith(".to_out") else name
    return name


def _same_family(path: Path, found: Mapping[str, Change], component: Component) -> None:
    wanted = component.config.get("cross_attention_dim")
    if not isinstance(wanted, int):
        return
    for module, change in found.items():
        narrow = change.tensors.get("down", change.tensors.get("hada_w1_b"))
        if not module.endswith("attn2.to_k") or narrow is None:
            continue
        shape = narrow.shape
        if len(shape) > 1 and shape[1] != wanted:
            widths = (shape[1], wanted)
            made, given = (BY_TEXT_WIDTH.get(n, f"one that reads text of width {n}") for n in widths)
            raise ModelError(path, f"was made for another family of models: {made}; this model is {given}")
        return
