"""From a described component to a network in memory, without a copy more than needed.

The network is built without memory ("meta") and given its parameters one by one
from the mapped file. Nothing is ever looked up on a network of computers.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nodes.diffusion.components import Component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.layouts.tensors import Source

Network = TypeVar("Network", bound=nn.Module)
Convert = Callable[[Tensor], Tensor]


def build(make: Callable[[Mapping[str, Any]], Network], component: Component, convert: Convert) -> Network:
    """The network that `make` makes of the component's configuration, with the file's weights.

    `convert` brings each tensor to its device and type.
    """
    try:
        with torch.device("meta"):
            network = make(component.config)
    except (TypeError, ValueError, KeyError, RuntimeError, ZeroDivisionError, NotImplementedError) as error:
        raise ModelError(component.path, f"describes a network that cannot be built ({error})") from error
    wanted = network.state_dict()
    if missing := [name for name in wanted if name not in component.sources]:
        raise ModelError(
            component.path, f"is incomplete: {len(missing)} tensors are missing, as {missing[0]!r}"
        )
    with ExitStack() as files:
        opened = {file: _open(files, file) for file in {file for file, _ in component.sources.values()}}
        state = {}
        for name, like in wanted.items():
            file, source = component.sources[name]
            tensor = _shaped(_part(opened[file].get_tensor(source.name), source), like.shape)
            if tensor is None:
                shape = list(opened[file].get_slice(source.name).get_shape())
                problem = f"has {source.name!r} in the shape {shape}, which does not give {list(like.shape)}"
                raise ModelError(file, problem)
            state[name] = convert(tensor)
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def nbytes(network: nn.Module) -> int:
    """What a loaded network takes."""
    return sum(parameter.nbytes for parameter in network.parameters())


def _open(files: ExitStack, path: Path) -> Any:
    try:
        return files.enter_context(safe_open(path, framework="pt"))
    except (OSError, SafetensorError) as error:
        raise ModelError(path, f"cannot be read ({error})") from error


def _part(tensor: Tensor, source: Source) -> Tensor:
    if source.third is not None:
        rows = tensor.shape[0] // 3
        tensor = tensor[source.third * rows : (source.third + 1) * rows]
    return tensor.T.contiguous() if source.transposed else tensor


def _shaped(tensor: Tensor, shape: torch.Size) -> Tensor | None:
    """A convolution of one pixel is a matrix: files have either. Nothing else may differ."""
    if tensor.shape == shape:
        return tensor
    squeezed = [n for n in tensor.shape if n != 1] == [n for n in shape if n != 1]
    return tensor.reshape(shape) if squeezed else None
