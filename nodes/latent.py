"""Latent nodes: empty ones, batches, sizes, files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from engine.node import Choices, Context, Files, Step, node
from nodes import inputs
from nodes.diffusion import names
from nodes.diffusion.errors import ModelError
from nodes.diffusion.headers import read_header
from nodes.recognition import told_to_users
from nodes.sockets import Latent, Mask

if TYPE_CHECKING:
    from nodes.diffusion.latents import Batch

LATENT_SUFFIXES = frozenset({".latent"})
PIXELS_PER_CELL = 8
OLD_SCALE = 1 / 0.18215
MARK = "latent_format_version_0"

Side = Annotated[int, Field(ge=16, le=16_384), Step(8)]
WideSide = Annotated[int, Field(ge=16, le=16_384), Step(16)]
BatchSize = Annotated[int, Field(ge=1, le=4096, description="How many pictures at once.")]
NewSide = Annotated[int, Field(ge=0, le=16_384, description="In pixels; 0 keeps the proportions."), Step(8)]
Method = Annotated[str, Choices(names.LATENT_UPSCALE_METHODS)]


@node("EmptyLatentImage", category="latent", display_name="Empty Latent Image", lane="cpu")
def empty_latent_image(
    *,
    width: Side = 512,
    height: Side = 512,
    batch_size: Annotated[int, Field(ge=1, le=4096, description="How many pictures at once.")] = 1,
) -> Latent:
    """Empty latents to be filled by a sampler."""
    import torch

    return Latent(torch.zeros(batch_size, 4, height // PIXELS_PER_CELL, width // PIXELS_PER_CELL))


@node("EmptySD3LatentImage", category="latent/sd3", display_name="Empty SD3 Latent Image", lane="cpu")
def empty_sd3_latent_image(
    *,
    width: WideSide = 1024,
    height: WideSide = 1024,
    batch_size: Annotated[int, Field(ge=1, le=4096, description="How many pictures at once.")] = 1,
) -> Latent:
    """Empty latents of sixteen channels, for the models that have these."""
    import torch

    return Latent(torch.zeros(batch_size, 16, height // PIXELS_PER_CELL, width // PIXELS_PER_CELL))


# Empty latents of families with other shapes: channels, and pixels to a cell.


@node("EmptyFlux2LatentImage", category="latent", display_name="Empty Flux 2 Latent", lane="cpu")
def empty_flux2_latent_image(
    *, width: WideSide = 1024, height: WideSide = 1024, batch_size: BatchSize = 1
) -> Latent:
    """Empty latents of 128 channels and sixteen pixels a cell."""
    return empty(batch_size, 128, height // 16, width // 16)


@node("EmptyHunyuanImageLatent", category="latent", lane="cpu")
def empty_hunyuan_image_latent(
    *,
    width: Annotated[int, Field(ge=64, le=16_384), Step(32)] = 2048,
    height: Annotated[int, Field(ge=64, le=16_384), Step(32)] = 2048,
    batch_size: BatchSize = 1,
) -> Latent:
    """Empty latents of 64 channels and 32 pixels a cell."""
    return empty(batch_size, 64, height // 32, width // 32)


@node("EmptyChromaRadianceLatentImage", category="latent/chroma_radiance", lane="cpu")
def empty_chroma_radiance_latent_image(
    *, width: WideSide = 1024, height: WideSide = 1024, batch_size: BatchSize = 1
) -> Latent:
    """Empty latents that are pictures: three channels, a cell for each pixel."""
    return empty(batch_size, 3, height, width)


@node("EmptyHiDreamO1LatentImage", category="latent", lane="cpu")
def empty_hidream_o1_latent_image(
    *, width: WideSide = 2048, height: WideSide = 2048, batch_size: BatchSize = 1
) -> Latent:
    """Empty latents that are pictures: three channels, a cell for each pixel."""
    return empty(batch_size, 3, height, width)


@node("EmptyQwenImageLayeredLatentImage", category="latent/qwen", lane="cpu")
def empty_qwen_image_layered_latent_image(
    *,
    width: WideSide = 640,
    height: WideSide = 640,
    layers: Annotated[int, Field(ge=0, le=64, description="Beside the whole picture.")] = 3,
    batch_size: BatchSize = 1,
) -> Latent:
    """Empty latents of a picture and its layers, along an axis of their own."""
    return empty(batch_size, 16, layers + 1, height // PIXELS_PER_CELL, width // PIXELS_PER_CELL)


@node("EmptyHunyuanVideo15Latent", category="latent/video", lane="cpu")
def empty_hunyuan_video15_latent(
    *,
    width: WideSide = 848,
    height: WideSide = 480,
    length: Annotated[int, Field(ge=1, le=16_384, description="Frames."), Step(4)] = 25,
    batch_size: BatchSize = 1,
) -> Latent:
    """Empty latents of a video: 32 channels, sixteen pixels and four frames a cell."""
    return empty(batch_size, 32, (length - 1) // 4 + 1, height // 16, width // 16)


class Stages(NamedTuple):
    stage_c: Latent
    stage_b: Latent


@node("StableCascade_EmptyLatentImage", category="latent/stable_cascade", lane="cpu")
def stable_cascade_empty_latent_image(
    *,
    width: Annotated[int, Field(ge=256, le=16_384), Step(8)] = 1024,
    height: Annotated[int, Field(ge=256, le=16_384), Step(8)] = 1024,
    compression: Annotated[int, Field(ge=4, le=128, description="Pixels to a cell of the first stage.")] = 42,
    batch_size: BatchSize = 1,
) -> Stages:
    """Empty latents of both stages of Stable Cascade."""
    return Stages(
        empty(batch_size, 16, height // compression, width // compression),
        empty(batch_size, 4, height // 4, width // 4),
    )


def empty(*shape: int) -> Latent:
    import torch

    return Latent(torch.zeros(shape))


@node("SetLatentNoiseMask", category="latent/inpaint", display_name="Set Latent Noise Mask")
def set_latent_noise_mask(*, samples: Latent, mask: Mask) -> Latent:
    """Let a sampler change the masked part only."""
    return replace(samples, noise_mask=mask.reshape(-1, 1, *mask.shape[-2:]))


@node("LatentUpscale", category="latent", display_name="Upscale Latent", lane="cpu")
def latent_upscale(
    *,
    samples: Latent,
    upscale_method: Method,
    width: NewSide = 512,
    height: NewSide = 512,
    crop: Annotated[str, Choices(names.CROPS)],
) -> Latent:
    """Resize latents to a size in pixels."""
    from nodes.diffusion.latents import resize

    rows, columns = samples.samples.shape[-2:]
    if width == height == 0:
        return samples
    if width == 0:
        width = max(64, round(columns * PIXELS_PER_CELL * height / (rows * PIXELS_PER_CELL)))
    if height == 0:
        height = max(64, round(rows * PIXELS_PER_CELL * width / (columns * PIXELS_PER_CELL)))
    cells = max(1, width // PIXELS_PER_CELL), max(1, height // PIXELS_PER_CELL)
    return replace(samples, samples=resize(samples.samples, *cells, upscale_method, crop))


@node("LatentUpscaleBy", category="latent", display_name="Upscale Latent By", lane="cpu")
def latent_upscale_by(
    *,
    samples: Latent,
    upscale_method: Method,
    scale_by: Annotated[float, Field(ge=0.01, le=8), Step(0.01)] = 1.5,
) -> Latent:
    """Resize latents by a factor."""
    from nodes.diffusion.latents import resize

    rows, columns = samples.samples.shape[-2:]
    cells = max(1, round(columns * scale_by)), max(1, round(rows * scale_by))
    return replace(samples, samples=resize(samples.samples, *cells, upscale_method, "disabled"))


@node("LatentFromBatch", category="latent/batch", display_name="Latent From Batch", lane="cpu")
def latent_from_batch(
    *,
    samples: Latent,
    batch_index: Annotated[int, Field(ge=0, le=4095)] = 0,
    length: Annotated[int, Field(ge=1, le=4096)] = 1,
) -> Latent:
    """Take some latents out of a batch; each keeps its noise."""
    from nodes.diffusion import latents

    return Latent(*latents.latent_from_batch(batch(samples), batch_index, length))


@node("RepeatLatentBatch", category="latent/batch", display_name="Repeat Latent Batch", lane="cpu")
def repeat_latent_batch(*, samples: Latent, amount: Annotated[int, Field(ge=1, le=4096)] = 1) -> Latent:
    """Repeat a whole batch."""
    from nodes.diffusion import latents

    return Latent(*latents.repeat_batch(batch(samples), amount))


def batch(latent: Latent) -> "Batch":
    from nodes.diffusion.latents import Batch

    return Batch(latent.samples, latent.noise_mask, latent.batch_index)


@node("SaveLatent", category="_for_testing", display_name="Save Latent", lane="io", output_node=True)
def save_latent(ctx: Context, *, samples: Latent, filename_prefix: str = "latents/ComfyUI") -> None:
    """Write latents to the output folder, with the workflow inside."""
    import torch
    from safetensors.torch import save_file

    tensors = {"latent_tensor": samples.samples.contiguous(), MARK: torch.zeros(0)}
    claim = ctx.claim(filename_prefix, ".latent")
    with claim as part:
        save_file(tensors, part, dict(ctx.metadata))
    ctx.show("latents", [{"filename": claim.filename, "subfolder": claim.subfolder, "type": "output"}])


@node("LoadLatent", category="_for_testing", display_name="Load Latent", lane="io")
def load_latent(
    ctx: Context,
    *,
    latent: Annotated[str, Choices(lambda files: files.names("input", LATENT_SUFFIXES))],
) -> Latent:
    """Read latents from the input folder."""
    from safetensors import safe_open

    path = ctx.files.resolve(latent)
    with told_to_users():
        header = read_header(path)
        if "latent_tensor" not in header:
            raise ModelError(path, "holds no latents (looked for latent_tensor)")
    with safe_open(path, framework="pt") as file:
        samples = file.get_tensor("latent_tensor").float()
    return Latent(samples if MARK in header else samples * OLD_SCALE)


@load_latent.fingerprint
def latent_content(files: Files, latent: str | None) -> str | None:
    return inputs.content(files, latent)


@load_latent.check
def latent_problems(files: Files, latent: str) -> Mapping[str, str]:
    return inputs.problems(files, latent=latent)
