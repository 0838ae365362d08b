"""Safetensors headers, sound and unsound."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import HEADER_LIMIT, read_header, read_values


def written(path: Path, header: object, data: bytes = b"") -> Path:
    """A file with this header, whatever it is, and this data."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


def entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


def test_names_types_shapes_and_places_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.zeros(2, 3), "b": torch.ones(4).half()}, path, {"format": "pt"})
    header = read_header(path)
    assert {name: (info.dtype, info.shape) for name, info in header.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("F16", (4,)),
    }
    assert header["b"].end - header["b"].begin == 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_small_tensor_is_read_without_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    values = torch.tensor([1.5, -2.0, 0.25], dtype=dtype)
    save_file({"pad": torch.zeros(5), "a": values}, tmp_path / "m.safetensors")
    assert read_values(read_header(tmp_path / "m.safetensors"), "a") == [1.5, -2.0, 0.25]


def test_numbers_are_not_read_from_integers(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3, dtype=torch.int64)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="I64"):
        read_values(read_header(tmp_path / "m.safetensors"), "a")


@pytest.mark.parametrize("name", ["m.ckpt", "m.pt", "m.pth", "m.bin", "M.CKPT"])
def test_pickled_weights_are_refused_by_name_with_a_hint(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(ModelError, match=r"run code .* Convert it to \.safetensors"):
        read_header(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"abc", "not a safetensors file"),
        (b"PK\x03\x04" + b"x" * 100, "pickled"),
        (b"\x80\x02}q\x00" + b"x" * 100, "pickled"),
        (b"GGUF" + b"x" * 100, "GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "download went wrong"),
        (b"\xff" * 7 + b"\x00{" + b"x" * 100, "claims a header"),
        ((HEADER_LIMIT + 1).to_bytes(8, "little") + b"{" + b"x" * 100, "claims a header"),
        ((500).to_bytes(8, "little") + b"{}", "ends inside its header"),
        ((2).to_bytes(8, "little") + b"{x", "not JSON"),
        ((100_000).to_bytes(8, "little") + b'{"a":' + b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        read_header(path)
    assert str(error.value).startswith("model.safetensors: ")
    assert str(tmp_path) not in str(error.value)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "holds no tensors"),
        ({"__metadata__": {}}, "holds no tensors"),
        ({"a": 5}, "does not describe 'a'"),
        ({"a": {"dtype": "F32"}}, "does not describe 'a'"),
        ({"a": entry(shape=[-2])}, "does not describe 'a'"),
        ({"a": entry(shape=["2"])}, "does not describe 'a'"),
        ({"a": entry(data_offsets=[0])}, "does not describe 'a'"),
        ({"a": entry(dtype="F4")}, "F4"),
        ({"a": entry(shape=[3])}, "size of 'a'"),
        ({"a": entry(data_offsets=[8, 0])}, "size of 'a'"),
        ({"a": entry(data_offsets=[-8, 0])}, "size of 'a'"),
        ({"a": entry(shape=[2**62, 2**62])}, "size of 'a'"),
        ({"a": entry(data_offsets=[8, 16])}, "truncated: at least 8 bytes"),
    ],
)
def test_a_header_that_claims_nonsense_is_refused(
    tmp_path: Path, header: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read_header(written(tmp_path / "m.safetensors", header, b"\0" * 8))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_header(tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_file({"a": torch.zeros(2, 3), "b": torch.ones(4)}, whole)
    content = whole.read_bytes()
    for length in range(0, len(content), 7):
        (tmp_path / "cut.safetensors").write_bytes(content[:length])
        with pytest.raises(ModelError):
            read_header(tmp_path / "cut.safetensors")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), json_values | st.builds(entry, shape=json_values), max_size=3))
def test_any_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any]
) -> None:
    path = written(tmp_path_factory.getbasetemp() / "any.safetensors", header, b"\0" * 8)
    with suppress(ModelError):
        read_header(path)
