"""Loaders of what steers a denoiser from beside it: ControlNets, style models, GLIGEN."""

from collections.abc import Mapping
from typing import Annotated

from engine.node import Choices, Context, Files, node
from nodes import inputs, recognition
from nodes.sockets import ControlNet, Gligen, StyleModel


@node("ControlNetLoader", category="loaders", display_name="Load ControlNet Model", lane="io")
def control_net_loader(
    ctx: Context,
    *,
    control_net_name: Annotated[str, Choices(lambda files: files.models.names("controlnet"))],
) -> ControlNet:
    """Open a ControlNet or a T2I adapter of Stable Diffusion 1.x or 2.x."""
    path = ctx.files.models.find("controlnet", control_net_name)
    return ControlNet(path, *recognition.adapter("control net", path))


@control_net_loader.fingerprint
def control_net_weights(files: Files, control_net_name: str | None) -> str | None:
    if not control_net_name:
        return None
    return recognition.adapter("control net", files.models.find("controlnet", control_net_name))[0]


@control_net_loader.check
def control_net_problems(files: Files, control_net_name: str) -> Mapping[str, str]:
    return inputs.told("control_net_name", lambda: control_net_weights(files, control_net_name))


@node("StyleModelLoader", category="loaders", display_name="Load Style Model", lane="io")
def style_model_loader(
    ctx: Context,
    *,
    style_model_name: Annotated[str, Choices(lambda files: files.models.names("style_models"))],
) -> StyleModel:
    """Open a style adapter of Stable Diffusion 1.x."""
    path = ctx.files.models.find("style_models", style_model_name)
    return StyleModel(path, *recognition.adapter("style model", path))


@style_model_loader.fingerprint
def style_model_weights(files: Files, style_model_name: str | None) -> str | None:
    if not style_model_name:
        return None
    return recognition.adapter("style model", files.models.find("style_models", style_model_name))[0]


@style_model_loader.check
def style_model_problems(files: Files, style_model_name: str) -> Mapping[str, str]:
    return inputs.told("style_model_name", lambda: style_model_weights(files, style_model_name))


@node("GLIGENLoader", category="loaders", display_name="Load GLIGEN Model", lane="io")
def gligen_loader(
    ctx: Context,
    *,
    gligen_name: Annotated[str, Choices(lambda files: files.models.names("gligen"))],
) -> Gligen:
    """Open a model that puts phrases into boxes."""
    path = ctx.files.models.find("gligen", gligen_name)
    return Gligen(path, *recognition.adapter("gligen", path))


@gligen_loader.fingerprint
def gligen_weights(files: Files, gligen_name: str | None) -> str | None:
    if not gligen_name:
        return None
    return recognition.adapter("gligen", files.models.find("gligen", gligen_name))[0]


@gligen_loader.check
def gligen_problems(files: Files, gligen_name: str) -> Mapping[str, str]:
    return inputs.told("gligen_name", lambda: gligen_weights(files, gligen_name))
