"""ControlNets from a file to a sampled latent, through the nodes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file

from engine.errors import UserError
from nodes.adapters import control_net_loader
from nodes.codecs import EXACT
from nodes.controlnet import control_net_apply, control_net_apply_advanced, control_net_apply_sd3
from nodes.diffusion.conditioning import Cond
from nodes.latent import empty_latent_image
from nodes.loaders import checkpoint_loader_simple
from nodes.sampling import control_nets, k_sampler
from nodes.sockets import ControlNet, Guider, Latent, Model
from tests.nodes.diffusion.tiny_models import TinyModel

SMALL = empty_latent_image(width=64, height=64)
TEXT = (Cond(torch.ones(1, 7, 64)),)
NOTHING = (Cond(torch.zeros(1, 7, 64)),)


def write(path: Path, model: TinyModel) -> None:
    torch.manual_seed(3)
    make: Any = ControlNetModel.from_unet
    net = make(model.unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
    state = {name: tensor + 0.05 * torch.randn(tensor.shape) for name, tensor in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)


@pytest.fixture
def model(home: Any, tiny_sd1: TinyModel) -> Model:
    folder = home.files.home / "models"
    (folder / "checkpoints").mkdir(parents=True)
    tiny_sd1.write(folder / "checkpoints" / "tiny.safetensors", "unet", "vae", "text")
    home.files.models.add_root(folder)
    opened: Model = home.call(checkpoint_loader_simple, ckpt_name="tiny.safetensors")[0]
    write(folder / "controlnet" / "net.safetensors", tiny_sd1)
    return opened


def net(home: Any, family: str = "sd1") -> ControlNet:
    """As the loader gives it, for the tiny model's narrow text is of no real family."""
    from nodes.diffusion.identity import weights_identity

    path = home.files.home / "models" / "controlnet" / "net.safetensors"
    return ControlNet(path, weights_identity(path), family)


def sample(home: Any, model: Model, positive: Any, negative: Any) -> torch.Tensor:
    sampled: Latent = home.call(
        k_sampler, model=model, steps=2, cfg=4.0, sampler_name="euler", scheduler="normal", seed=1,
        positive=positive, negative=negative, latent_image=SMALL,
    )  # fmt: skip
    return sampled.samples


def test_a_picture_steers_what_is_sampled(home: Any, model: Model) -> None:
    image = torch.rand(1, 50, 70, 3)
    plain = sample(home, model, TEXT, NOTHING)
    both = control_net_apply_advanced(positive=TEXT, negative=NOTHING, control_net=net(home), image=image)
    steered = sample(home, model, *both)
    assert not torch.allclose(steered, plain, atol=1e-3)
    old = control_net_apply(conditioning=TEXT, control_net=net(home), image=image)
    assert torch.equal(sample(home, model, old, NOTHING), steered)
    off = control_net_apply_advanced(
        positive=TEXT, negative=NOTHING, control_net=net(home), image=image, strength=0.0
    )
    assert off == (TEXT, NOTHING)
    other = control_net_apply_sd3(
        positive=TEXT,
        negative=NOTHING,
        control_net=net(home),
        image=image,
        vae=None,  # type: ignore[arg-type]
    )
    assert torch.equal(sample(home, model, *other), steered)


def test_a_network_is_loaded_once_however_often_it_steers(home: Any, model: Model) -> None:
    one = net(home)
    twice = control_net_apply(
        conditioning=control_net_apply(conditioning=TEXT, control_net=one, image=torch.rand(1, 8, 8, 3)),
        control_net=one, image=torch.rand(1, 8, 8, 3),
    )  # fmt: skip
    assert len(twice[0].controls) == 2
    assert control_nets(Guider(model, twice, NOTHING)) == [one]


def test_a_network_of_another_family_is_told(home: Any, model: Model) -> None:
    steered = control_net_apply(conditioning=TEXT, control_net=net(home, "sd2"), image=torch.rand(1, 8, 8, 3))
    with pytest.raises(UserError, match=r"net\.safetensors was made for models of the family sd2"):
        sample(home, model, steered, NOTHING)


@pytest.mark.usefixtures("model")
def test_a_network_for_no_family_that_can_be_run_is_told_by_its_loader(home: Any) -> None:
    with pytest.raises(UserError, match="reads text of width 64"):
        home.call(control_net_loader, control_net_name="net.safetensors")


@pytest.mark.usefixtures("model")
def test_a_steered_conditioning_comes_back_from_disk(home: Any) -> None:
    (cond,) = control_net_apply(conditioning=TEXT, control_net=net(home), image=torch.rand(1, 8, 8, 3))
    again = EXACT.unpack(EXACT.pack((cond,)))[0]
    assert again.controls[0].net == net(home)
    assert torch.equal(again.controls[0].hint, cond.controls[0].hint)
