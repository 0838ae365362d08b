"""Loaders of ControlNets, style models and GLIGEN: recipes of their own kinds."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import UserError
from nodes.adapters import control_net_loader, gligen_loader, style_model_loader
from nodes.sockets import ControlNet, Gligen, StyleModel

CASES = [
    (
        control_net_loader,
        "controlnet",
        "control_net_name",
        ControlNet,
        {"input_hint_block.0.weight": (1,), "x.attn2.to_k.weight": (4, 768)},
    ),
    (style_model_loader, "style_models", "style_model_name", StyleModel, {"style_embedding": (1,)}),
    (
        gligen_loader,
        "gligen",
        "gligen_name",
        Gligen,
        {"position_net.linears.0.weight": (4, 832), "x.fuser.linear.weight": (4, 768)},
    ),
]


@pytest.mark.parametrize(("loader", "folder", "name", "recipe", "tensors"), CASES)
def test_a_file_becomes_a_recipe_by_its_content(
    home: Any, loader: Any, folder: str, name: str, recipe: Any, tensors: dict[str, tuple[int, ...]]
) -> None:
    place: Path = home.files.home / "models" / folder
    place.mkdir(parents=True)
    save_file({each: torch.zeros(shape) for each, shape in tensors.items()}, place / "a.safetensors")
    save_file({"x": torch.zeros(1)}, place / "b.safetensors")
    loaded = home.call(loader, **{name: "a.safetensors"})
    assert loaded == recipe(place / "a.safetensors", loaded.weights, "sd1")
    codec = recipe.__socket__.codec
    assert codec.unpack(codec.pack(loaded)) == loaded
    spec = loader.spec
    assert spec.fingerprint(home.files, **{name: "a.safetensors"}) == loaded.weights
    assert spec.fingerprint(home.files, **{name: None}) is None
    assert spec.check(home.files, **{name: "a.safetensors"}) == {}
    assert "b.safetensors: is no" in spec.check(home.files, **{name: "b.safetensors"})[name]
    with pytest.raises(UserError, match=r"b\.safetensors: is no"):
        home.call(loader, **{name: "b.safetensors"})
