"""Values come back from disk exactly as they were, or not at all."""

import json
import math
from collections import Counter
from fractions import Fraction
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import UserError
from engine.types import Buffer, Codec, Packed, Socket
from nodes import codecs
from nodes.diffusion.conditioning import Area, Cond
from nodes.loaders import checkpoint_loader_simple
from nodes.sockets import Clip, Latent, Model


def again(value: Any) -> Any:
    """A value through the JSON text and the bytes that a file would hold."""
    packed = codecs.pack(value)
    return codecs.unpack(Packed(json.loads(json.dumps(packed.tree, allow_nan=False)), packed.buffers))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return (
            a.dtype == b.dtype and a.shape == b.shape and codecs.tensor_buffer(a) == codecs.tensor_buffer(b)
        )
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("dtype", codecs.DTYPES.values())
def test_a_tensor_of_any_type_keeps_every_bit(dtype: str) -> None:
    tensor = torch.randn(3, 4).mul(3).to(getattr(torch, dtype))
    assert same(again(tensor), tensor)


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(0, 4), torch.tensor(3.5), torch.arange(12.0).reshape(3, 4).T, torch.ones(1, 1).expand(5, 5)],
    ids=["empty", "scalar", "transposed", "expanded"],
)
def test_a_tensor_of_any_shape_comes_back(tensor: torch.Tensor) -> None:
    assert same(again(tensor), tensor)


def test_special_floats_survive() -> None:
    assert again([math.inf, -math.inf, 0.1]) == [math.inf, -math.inf, 0.1]
    assert math.isnan(again(math.nan))
    assert math.copysign(1, again(-0.0)) == -1


def test_large_integers_and_nested_containers_survive() -> None:
    value = {"seed": 2**64 - 1, "pair": (1, [2, ("a", None, True)]), "path": Path("a/b")}
    assert again(value) == value


def test_a_conditioning_comes_back_whole() -> None:
    cond = Cond(torch.randn(1, 77, 8), torch.randn(1, 8), 0.5, Area(1, 2, 3, 4), torch.rand(1, 4, 4), 2.0)
    (back,) = again((cond,))
    assert all(
        same(mine, theirs) for mine, theirs in zip(vars(cond).values(), vars(back).values(), strict=True)
    )


def test_a_latent_comes_back_whole() -> None:
    latent = Latent(torch.randn(2, 4, 8, 8), torch.ones(1, 1, 64, 64), (3, 5))
    back = again(latent)
    assert isinstance(back, Latent)
    assert same(back.samples, latent.samples)
    assert same(back.noise_mask, latent.noise_mask)
    assert back.batch_index == (3, 5)


def test_a_value_read_back_may_be_written_to() -> None:
    again(torch.zeros(3)).add_(1)


@pytest.mark.parametrize("value", [Fraction(1, 2), HTTPStatus.OK, Counter("aab"), torch.Size([1])])
def test_a_foreign_object_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=f"{type(value).__name__} cannot be written"):
        codecs.pack({"a": [value]})


@pytest.mark.parametrize(
    "tree",
    [
        {"$kind": "Popen", "fields": {}},
        {"$kind": "Cond", "fields": {"from another version": 1}},
        {"$kind": "tensor", "buffer": "missing"},
        {"$kind": "tensor", "buffer": "short"},
        {"$kind": "tensor", "buffer": "odd"},
    ],
)
def test_a_file_that_we_did_not_write_is_refused(tree: Any) -> None:
    buffers = {"short": Buffer("F32", (2,), b"1234"), "odd": Buffer("Q7", (1,), b"1")}
    with pytest.raises(ValueError, match=r"stored|fields"):
        codecs.unpack(Packed(tree, buffers))


def test_sizes_are_those_of_the_tensors() -> None:
    latent = Latent(torch.zeros(1, 4, 64, 64), torch.zeros(1, 1, 8, 8))
    assert 4 * 64 * 64 * 4 + 256 <= codecs.measure(latent) < 4 * 64 * 64 * 4 + 1024
    assert codecs.measure(Model(Path("x"), "1")) < 1024


def test_recipes_are_kept_by_identity_and_only_while_the_file_is_the_same(home: Any, tmp_path: Path) -> None:
    model, clip, vae = home.call(checkpoint_loader_simple, ckpt_name="pinhole")
    for recipe in (model, Clip(clip.path, clip.weights, stop_at_layer=-2), vae):
        socket: Socket = type(recipe).__socket__
        assert socket.codec is not None
        packed = socket.codec.pack(recipe)
        assert not packed.buffers
        assert socket.codec.unpack(packed) == recipe
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"one")
    packed = codecs.pack(Model(file, "the weights of yesterday"))
    codec = Model.__socket__.codec
    assert isinstance(codec, Codec)
    with pytest.raises(UserError, match="has changed"):
        codec.unpack(packed)
