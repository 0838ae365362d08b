"""Pictures enlarged by a model that was trained for it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from engine.node import Choices, Context, Files, UserError, node
from nodes import inputs, recognition
from nodes.sockets import Image, UpscaleModel

if TYPE_CHECKING:
    from nodes.diffusion.asks import Steps
    from nodes.diffusion.upscalers import OnTile, Upscaler

#: Sides of tiles in pixels, the next being taken when memory does not hold one.
TILES: Final = (512, 256, 128)


@node("UpscaleModelLoader", category="loaders", display_name="Load Upscale Model", lane="io")
def upscale_model_loader(
    ctx: Context,
    *,
    model_name: Annotated[str, Choices(lambda files: files.models.names("upscale_models"))],
) -> UpscaleModel:
    """Open an upscaler of the ESRGAN family."""
    path = ctx.files.models.find("upscale_models", model_name)
    return UpscaleModel(path, recognition.upscaler(path))


@upscale_model_loader.fingerprint
def upscaler_weights(files: Files, model_name: str | None) -> str | None:
    return recognition.upscaler(files.models.find("upscale_models", model_name)) if model_name else None


@upscale_model_loader.check
def upscaler_problems(files: Files, model_name: str) -> Mapping[str, str]:
    return inputs.told("model_name", lambda: upscaler_weights(files, model_name))


@node(
    "ImageUpscaleWithModel",
    category="image/upscaling",
    display_name="Upscale Image (using Model)",
    numeric=True,
)
async def image_upscale_with_model(ctx: Context, *, upscale_model: UpscaleModel, image: Image) -> Image:
    """Enlarge pictures by the model's own factor, large ones in tiles."""
    async with ctx.resident(upscale_model.on) as upscaler:
        return await ctx.device.drive(upscaled(upscaler, image, ctx.progress))


def upscaled(upscaler: "Upscaler", image: Image, on_tile: "OnTile") -> "Steps[Image]":
    """Enlarged pictures, in the largest tiles that memory holds.

    Raises:
        UserError: it holds not even the smallest.
    """
    from nodes.diffusion.memory import is_full

    for tile in TILES:
        try:
            return (yield from upscaler.enlarging(image, tile, on_tile=on_tile))
        except Exception as error:
            if not is_full(error):
                raise  # otherwise the next tile comes outside: this error holds on to what did not fit
    raise UserError("not enough memory on the device, even in small tiles; make the picture smaller")
