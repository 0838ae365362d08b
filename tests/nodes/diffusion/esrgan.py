"""ESRGAN as its first authors laid it out: one long list of modules, run by itself."""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn


class Dense(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        sizes = [(features + i * growth, growth if i < 4 else features) for i in range(5)]
        for i, (taken, given) in enumerate(sizes, 1):
            layers: list[nn.Module] = [nn.Conv2d(taken, given, 3, 1, 1)]
            self.add_module(f"conv{i}", nn.Sequential(*layers, *([nn.LeakyReLU(0.2)] if i < 5 else [])))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for i in range(1, 6):
            found.append(self.get_submodule(f"conv{i}")(torch.cat(found, 1)))
        return found[-1] * 0.2 + x


class Residual(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.RDB1, self.RDB2, self.RDB3 = (Dense(features, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.RDB3(self.RDB2(self.RDB1(x))) * 0.2 + x
        return y


class Shortcut(nn.Module):
    def __init__(self, sub: nn.Module) -> None:
        super().__init__()
        self.sub = sub

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.sub(x)
        return y


class Esrgan(nn.Module):
    def __init__(
        self, *, ups: int = 2, features: int = 8, growth: int = 4, blocks: int = 2, taken: int = 3
    ) -> None:
        super().__init__()

        def conv(given: int) -> nn.Conv2d:
            return nn.Conv2d(features, given, 3, 1, 1)

        trunk = nn.Sequential(*(Residual(features, growth) for _ in range(blocks)), conv(features))
        layers: list[nn.Module] = [nn.Conv2d(taken, features, 3, 1, 1), Shortcut(trunk)]
        for _ in range(ups):
            layers += [nn.Upsample(scale_factor=2), conv(features), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, conv(features), nn.LeakyReLU(0.2), conv(3))
        self.ups = ups

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def middle(name: str, ups: int) -> str:
    """The name that the next release gave to a parameter."""
    name = re.sub(r"model\.1\.sub\.(\d+)\.(RDB\d)\.(conv\d)\.0\.", r"RRDB_trunk.\1.\2.\3.", name)
    name = re.sub(r"model\.1\.sub\.\d+\.", "trunk_conv.", name)
    numbers = [3 * i for i in range(1, ups + 1)]
    renamed = {0: "conv_first", 3 * ups + 2: "HRconv", 3 * ups + 4: "conv_last"}
    renamed |= {number: f"upconv{i}" for i, number in enumerate(numbers, 1)}
    return re.sub(r"model\.(\d+)\.", lambda found: renamed[int(found[1])] + ".", name)


def new(name: str, ups: int) -> str:
    """The name that Real-ESRGAN gave to it."""
    name = middle(name, ups).replace("RRDB_trunk", "body").replace("RDB", "rdb")
    return name.replace("trunk_conv", "conv_body").replace("upconv", "conv_up").replace("HRconv", "conv_hr")


def made(**size: int) -> Esrgan:
    torch.manual_seed(5)
    return Esrgan(**size).eval().requires_grad_(requires_grad=False)


def written(path: Path, network: Esrgan, layout: str = "new", prefix: str = "") -> Path:
    spelt = {"old": lambda name, _: name, "middle": middle, "new": new}[layout]
    state = {prefix + spelt(name, network.ups): tensor for name, tensor in network.state_dict().items()}
    save_file(state, path)
    return path
