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
    except ImportError:
        raise
    except Exception as error:  # whatever a configuration can make a constructor say
        raise ModelError(component.path, f"describes a network that cannot be built ({error})") from error
    wanted = network.state_dict()
    if missing := [name for name in wanted if name not in component.sources]:
        problem = f"is incomplete: {len(missing)} tensors are missing, among them {missing[0]!r}"
        raise ModelError(component.path, problem)
    with ExitStack() as files:
        opened = {file: _open(files, file) for file in {file for file, _ in component.sources.values()}}
        state = {}
        for name, like in wanted.items():
            file, source = component.sources[name]
            state[name] = convert(_read(file, opened[file], source, like.shape))
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def nbytes(*networks: nn.Module) -> int:
    """What loaded networks take where they compute; what they share counts once."""
    found: dict[int, int] = {}
    for network in networks:
        parameters = list(network.parameters())
        found |= {id(each): each.nbytes for each in parameters if each.device == parameters[0].device}
    return sum(found.values())


def _open(files: ExitStack, path: Path) -> Any:
    try:
        return files.enter_context(safe_open(path, framework="pt"))
    except (OSError, SafetensorError) as error:
        raise ModelError(path, f"cannot be read ({error})") from error


def _read(path: Path, file: Any, source: Source, shape: torch.Size) -> Tensor:
    """One parameter, in the shape that the network has for it."""
    stored: Tensor = file.get_tensor(source.name)
    if not stored.is_floating_point():
        problem = f"has {source.name!r} as {stored.dtype}: quantised weights are not supported"
        raise ModelError(path, problem)
    tensor = stored
    if source.third is not None and stored.ndim:
        rows = stored.shape[0] // 3
        tensor = stored[source.third * rows : (source.third + 1) * rows]
    if source.transposed:
        tensor = tensor.mT.contiguous()
    # A convolution of one pixel is a matrix, and files have either. Nothing else may differ.
    if [n for n in tensor.shape if n != 1] != [n for n in shape if n != 1]:
        problem = f"has {source.name!r} in the shape {list(stored.shape)}, which does not give {list(shape)}"
        raise ModelError(path, problem)
    return tensor.reshape(shape)
