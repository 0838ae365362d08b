"""Upscalers of the ESRGAN family (arXiv 1809.00219): names and shapes in three layouts.

Ours are the names of Real-ESRGAN.  Before them came `RRDB_trunk.0.RDB1.conv1`, and before those one long
list, `model.1.sub.0.RDB1.conv1.0`, where convolutions are counted together with what has no weights.
"""

import re
from math import isqrt
from typing import Any

from nodes.diffusion.components import Component, component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import Header
from nodes.diffusion.layouts.tensors import Source, Tensors

PREFIXES = ("", "params_ema.", "params.", "module.")
COLOURS = 3

MIDDLE_NAMES = {
    "conv_first": "conv_first",
    "trunk_conv": "conv_body",
    "HRconv": "conv_hr",
    "conv_last": "conv_last",
}
BLOCK = re.compile(r"body\.(\d+)\.rdb1\.conv1\.weight")
MIDDLE_BLOCK = re.compile(r"RRDB_trunk\.(\d+)\.RDB([123])\.(conv[1-5])")
MIDDLE_UP = re.compile(r"upconv(\d)")
OLD_BLOCK = re.compile(r"model\.1\.sub\.(\d+)\.RDB([123])\.(conv[1-5])\.0")
OLD_NUMBER = re.compile(r"model\.(\d+)")
OLD_TRUNK = re.compile(r"model\.1\.sub\.(\d+)")

OTHER_KINDS = {
    "layers.0.residual_group.blocks.0.norm1.weight": "is a SwinIR upscaler",
    "body.0.weight": "is a compact Real-ESRGAN (SRVGG)",
    "layers.0.blocks.0.attn.temperature": "is a DAT upscaler",
    "model.1.sub.0.RDB1.conv1x1.weight": "is an ESRGAN+ upscaler",
}


def identify_rrdb(header: Header) -> Component:
    """The arguments of RRDBNet, and where its weights lie."""
    for prefix in PREFIXES:
        tensors = Tensors(header, prefix)
        for end, what in OTHER_KINDS.items():
            if end in tensors and "conv_first.weight" not in tensors:
                problem = f"{what}, which is not supported; supported is the ESRGAN family"
                raise ModelError(header.path, problem)
        found = sources(tensors)
        if "conv_first.weight" in found and "body.0.rdb1.conv1.weight" in found:
            return component(header, config(tensors, found), found)
    problem = "is no upscaler of the ESRGAN family (looked for conv_first.weight, or model.0.weight)"
    raise ModelError(header.path, problem)


def sources(tensors: Tensors) -> dict[str, Source]:
    """Where each parameter lies."""
    modules = {name.rpartition(".")[0] for name in tensors}
    if "model.0" in modules:
        ours = _old_names(modules)
    elif any(name.startswith("RRDB_trunk.") for name in modules):
        ours = {name: _middle_name(name) for name in modules}
    else:
        ours = {name: name for name in modules}
    found = {}
    for name in tensors:
        module, _, leaf = name.rpartition(".")
        if translated := ours.get(module):
            found[f"{translated}.{leaf}"] = Source(tensors.prefix + name)
    return found


def config(tensors: Tensors, found: dict[str, Source]) -> dict[str, Any]:
    """The arguments of RRDBNet; two halvings before a network that doubles twice give its picture's size."""

    def shape(name: str) -> tuple[int, ...]:
        source = found.get(name)
        if source is None:
            raise ModelError(tensors.header.path, f"is incomplete: it has no {name}")
        return tensors.shape(source.name.removeprefix(tensors.prefix), 4)

    features, taken = shape("conv_first.weight")[:2]
    given = shape("conv_last.weight")[0]
    shrink = isqrt(taken // COLOURS)
    if given != COLOURS or shrink not in {1, 2, 4} or taken != COLOURS * shrink**2:
        problem = f"takes {taken} channels and gives {given}: not a colour picture's"
        raise ModelError(tensors.header.path, problem)
    blocks = {block[1] for name in found if (block := BLOCK.fullmatch(name))}
    ups = sum(f"conv_up{i}.weight" in found for i in range(1, 5))
    if 2**ups < shrink:
        raise ModelError(tensors.header.path, f"makes pictures smaller ({ups} doublings after 1/{shrink})")
    return {
        "features": features,
        "growth": shape("body.0.rdb1.conv1.weight")[0],
        "blocks": len(blocks),
        "ups": ups,
        "shrink": shrink,
    }


def _middle_name(name: str) -> str | None:
    if block := MIDDLE_BLOCK.fullmatch(name):
        return f"body.{block[1]}.rdb{block[2]}.{block[3]}"
    if up := MIDDLE_UP.fullmatch(name):
        return f"conv_up{up[1]}"
    return MIDDLE_NAMES.get(name)


def _old_names(modules: set[str]) -> dict[str, str | None]:
    """After the trunk come the convolutions of the doublings, then two more."""
    numbers = sorted(int(found[1]) for name in modules if (found := OLD_NUMBER.fullmatch(name)))
    *ups, hr, last = [number for number in numbers if number > 1] if len(numbers) > 2 else (0, 0)
    ours: dict[str, str | None] = {
        "model.0": "conv_first",
        f"model.{hr}": "conv_hr",
        f"model.{last}": "conv_last",
    }
    ours |= {f"model.{number}": f"conv_up{i}" for i, number in enumerate(ups, 1)}
    for name in modules:
        if block := OLD_BLOCK.fullmatch(name):
            ours[name] = f"body.{block[1]}.rdb{block[2]}.{block[3]}"
        elif OLD_TRUNK.fullmatch(name):
            ours[name] = "conv_body"
    return ours
