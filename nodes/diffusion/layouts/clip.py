"""The CLIP text encoder (arXiv 2103.00020): names and shapes in its layouts.

Ours are the names of transformers' CLIPTextModel without `text_model.` in front.
OpenCLIP (SD2) keeps query, key and value in one matrix and multiplies by its
projection from the other side.
"""

from dataclasses import replace
from typing import Any

from nodes.diffusion.layouts.tensors import Source, Tensors

PREFIXES = ("cond_stage_model.transformer.", "cond_stage_model.model.", "conditioner.embedders.0.model.")
HEAD_WIDTH = 64  # of every CLIP that a diffusion model uses

OPEN_CLIP_NAMES = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
OPEN_CLIP_LAYERS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def is_transformers(tensors: Tensors) -> bool:
    return "embeddings.token_embedding.weight" in _inner(tensors)


def is_open_clip(tensors: Tensors) -> bool:
    return "token_embedding.weight" in tensors


def _inner(tensors: Tensors) -> Tensors:
    """All but the projection lies under `text_model.`, in most files."""
    named = "text_model.embeddings.token_embedding.weight" in tensors
    return replace(tensors, prefix=tensors.prefix + "text_model.") if named else tensors


def config(tensors: Tensors) -> dict[str, Any]:
    """The arguments of ClipText but the activation, from a file with transformers' names."""
    inner = _inner(tensors)
    vocabulary, width = inner.shape("embeddings.token_embedding.weight", 2)
    return _config(
        vocabulary,
        width,
        positions=inner.shape("embeddings.position_embedding.weight", 2)[0],
        layers=inner.count("encoder.layers.{}.mlp.fc1.weight"),
        inner=inner.shape("encoder.layers.0.mlp.fc1.weight", 2)[0],
        projection=_rows(tensors, "text_projection.weight", 0),
    )


def open_clip_config(tensors: Tensors) -> dict[str, Any]:
    """The same from a file with OpenCLIP's names."""
    vocabulary, width = tensors.shape("token_embedding.weight", 2)
    return _config(
        vocabulary,
        width,
        positions=tensors.shape("positional_embedding", 2)[0],
        layers=tensors.count("transformer.resblocks.{}.mlp.c_fc.weight"),
        inner=tensors.shape("transformer.resblocks.0.mlp.c_fc.weight", 2)[0],
        projection=_rows(tensors, "text_projection", 1),
    )


def _config(
    vocabulary: int, width: int, *, positions: int, layers: int, inner: int, projection: int | None
) -> dict[str, Any]:
    return {
        "vocabulary": vocabulary,
        "width": width,
        "positions": positions,
        "layers": layers,
        "inner": inner,
        "heads": max(1, width // HEAD_WIDTH),
        "projection": projection,
    }


def _rows(tensors: Tensors, name: str, axis: int) -> int | None:
    """How wide the projected text is, if it is projected at all."""
    return tensors.shape(name, 2)[axis] if name in tensors else None


def sources(tensors: Tensors) -> dict[str, Source]:
    """Where each parameter lies in a file with transformers' names."""
    return {
        name.removeprefix("text_model."): Source(tensors.prefix + name)
        for name in tensors
        if not name.endswith("position_ids")
    }


def open_clip_sources(tensors: Tensors) -> dict[str, Source]:
    """The same in a file with OpenCLIP's names."""
    found: dict[str, Source] = {}
    for name in tensors:
        source = Source(tensors.prefix + name)
        if name in OPEN_CLIP_NAMES:
            found[OPEN_CLIP_NAMES[name]] = source
        elif name == "text_projection":
            found["text_projection.weight"] = Source(source.name, transposed=True)
        elif name.startswith("transformer.resblocks."):
            number, _, rest = name.removeprefix("transformer.resblocks.").partition(".")
            layer = f"encoder.layers.{number}"
            module, _, leaf = rest.rpartition(".")
            if module == "attn" and leaf.startswith("in_proj_"):
                for i, projection in enumerate(("q_proj", "k_proj", "v_proj")):
                    ours = f"{layer}.self_attn.{projection}.{leaf.removeprefix('in_proj_')}"
                    found[ours] = Source(source.name, third=i)
            elif module in OPEN_CLIP_LAYERS:
                found[f"{layer}.{OPEN_CLIP_LAYERS[module]}.{leaf}"] = source
    return found
