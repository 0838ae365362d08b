"""A network on a device that does not hold all of it: blocks come when they are needed and go after.

What is always there is copied once: whatever lies outside of the blocks, and as many blocks as fit.  The
others stay in the host's memory.  While one computes, the next is on its way where the device can do both.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)

Place = tuple[nn.Module, str]
"""A module and the name of one of its own parameters."""


def copied(network: Network, device: torch.device) -> Network:
    """The same network on another device; this one stays where it is, and shares no memory with it."""
    copy_of = _structure(network)
    state = {name: tensor.to(device, copy=True) for name, tensor in network.state_dict().items()}
    copy_of.load_state_dict(state, assign=True)
    return copy_of.to(device).eval().requires_grad_(False)


def streamed(network: Network, device: torch.device, nbytes: int) -> Network:
    """The same network computing on `device`, with about `nbytes` of weights there at a time.

    At the least it takes what lies outside of the blocks, and two of these.
    """
    copy_of = _structure(network)
    blocks = [_Block(module, device, _places(module)) for module in _blocks(copy_of)]
    inside = {id(module) for block in blocks for module, _ in block.places}
    for module in copy_of.modules():
        _keep(module, device, parameters=id(module) not in inside)
    total = sum(parameter.nbytes for parameter in copy_of.parameters())
    outside = total - sum(block.nbytes for block in blocks)
    room = nbytes - outside - sum(sorted(block.nbytes for block in blocks)[-2:])
    staying: list[_Block] = []
    for block in blocks:
        if block.nbytes <= room:
            room -= block.nbytes
            staying.append(block)
            block.enter()
    moving = [block for block in blocks if block not in staying]
    for block, following in pairwise(moving):
        block.following = following
    for block in moving:
        block.module.register_forward_pre_hook(block.before)
        block.module.register_forward_hook(block.after)
    return copy_of


@dataclass(eq=False)
class _Block:
    """A part of a network that computes in one go."""

    module: nn.Module
    device: torch.device
    places: list[Place]
    following: "_Block | None" = None
    home: dict[Place, nn.Parameter] = field(default_factory=dict)
    coming: Any = None

    def __post_init__(self) -> None:
        self.home = {(module, name): _parameter(module, name) for module, name in self.places}
        self.stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None  # type: ignore[no-untyped-call]

    @property
    def nbytes(self) -> int:
        return sum(parameter.nbytes for parameter in self.home.values())

    def enter(self) -> None:
        """Start bringing the weights to the device."""
        with torch.inference_mode(False), torch.cuda.stream(self.stream):
            for (module, name), parameter in self.home.items():
                there = parameter.data.to(self.device, non_blocking=True, copy=True)
                module._parameters[name] = nn.Parameter(there, requires_grad=False)  # noqa: SLF001  # as torch's own swapping does
        self.coming = self.stream.record_event() if self.stream is not None else True

    def leave(self) -> None:
        for (module, name), parameter in self.home.items():
            if self.stream is not None:
                _parameter(module, name).data.record_stream(torch.cuda.current_stream(self.device))
            module._parameters[name] = parameter  # noqa: SLF001
        self.coming = None

    def before(self, *_: Any) -> None:
        if self.coming is None:
            self.enter()
        if self.stream is not None:
            torch.cuda.current_stream(self.device).wait_event(self.coming)
            if self.following is not None and self.following.coming is None:
                self.following.enter()

    def after(self, *_: Any) -> None:
        self.leave()


def _structure(network: Network) -> Network:
    """A network of its own that shares all tensors."""
    return copy.deepcopy(network, {id(t): t for t in chain(network.parameters(), network.buffers())})


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The members of its lists of blocks, and `mid_block`, in the order in which they compute."""
    late = {"mid_block": 1, "up_blocks": 2}  # a UNet names its middle last
    for name, child in sorted(network.named_children(), key=lambda each: late.get(each[0], 0)):
        if isinstance(child, nn.ModuleList):
            yield from child
        elif name == "mid_block":
            yield child


def _places(block: nn.Module) -> list[Place]:
    return [(module, name) for module in block.modules() for name in module._parameters if _has(module, name)]  # noqa: SLF001


def _has(module: nn.Module, name: str) -> bool:
    return module._parameters[name] is not None  # noqa: SLF001


def _parameter(module: nn.Module, name: str) -> nn.Parameter:
    parameter = module._parameters[name]  # noqa: SLF001
    assert parameter is not None  # `_places` left those out
    return parameter


def _keep(module: nn.Module, device: torch.device, *, parameters: bool) -> None:
    """Bring a module's own buffers to the device for good, and its parameters too if that is asked."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        module._buffers[name] = buffer.to(device)  # noqa: SLF001
    for name, parameter in list(module.named_parameters(recurse=False)) if parameters else ():
        module._parameters[name] = nn.Parameter(parameter.data.to(device, copy=True), requires_grad=False)  # noqa: SLF001
