"""Latent nodes: arithmetic, cutting, turning, joining, operations."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.node import Step, UserError, node
from nodes.diffusion import names
from nodes.latent import PIXELS_PER_CELL, batch
from nodes.sockets import Latent, LatentOperation, Mask

if TYPE_CHECKING:
    from torch import Tensor

Pixels = Annotated[int, Field(ge=0, le=16_384, description="In pixels."), Step(8)]
Part = Annotated[float, Field(ge=0, le=1), Step(0.01)]
AXES = {"x": -1, "y": -2, "t": -3}


@node("LatentAdd", category="latent/advanced", lane="cpu")
def latent_add(*, samples1: Latent, samples2: Latent) -> Latent:
    """The sum of latents."""
    return together(samples1, samples2, lambda a, b: a + b)


@node("LatentSubtract", category="latent/advanced", lane="cpu")
def latent_subtract(*, samples1: Latent, samples2: Latent) -> Latent:
    """The difference of latents."""
    return together(samples1, samples2, lambda a, b: a - b)


@node("LatentMultiply", category="latent/advanced", lane="cpu")
def latent_multiply(
    *, samples: Latent, multiplier: Annotated[float, Field(ge=-10, le=10), Step(0.01)] = 1.0
) -> Latent:
    """Latents times a number."""
    return replace(samples, samples=samples.samples * multiplier)


@node("LatentInterpolate", category="latent/advanced", lane="cpu")
def latent_interpolate(*, samples1: Latent, samples2: Latent, ratio: Part = 1.0) -> Latent:
    """Turn latents towards others: directions and lengths are mixed by themselves; 1 is the first alone."""
    from nodes.diffusion.latent_mixing import turned

    return together(samples1, samples2, lambda a, b: turned(a, b, ratio))


@node("LatentBlend", category="_for_testing", lane="cpu")
def latent_blend(*, samples1: Latent, samples2: Latent, blend_factor: Part = 0.5) -> Latent:
    """Mix latents; 1 is the first alone."""
    return together(samples1, samples2, lambda a, b: a * blend_factor + b * (1 - blend_factor), "bicubic")


@node("LatentBatch", category="latent/batch", lane="cpu")
def latent_batch(*, samples1: Latent, samples2: Latent) -> Latent:
    """Put latents behind one another; the second are made to fit the first."""
    from nodes.diffusion.latents import join_batches

    same_channels(samples1, samples2)
    return Latent(*join_batches(batch(samples1), batch(samples2)))


@node("RebatchLatents", category="latent/batch", display_name="Rebatch Latents", lane="cpu")
def rebatch_latents(
    *, latents: list[Latent], batch_size: Annotated[int, Field(ge=1, le=4096)] = 1
) -> list[Latent]:
    """Put latents into batches of a size; those of different sizes stay apart, and each keeps its noise."""
    from nodes.diffusion.latents import regrouped

    return [Latent(*each) for each in regrouped([batch(latent) for latent in latents], batch_size)]


@node("LatentBatchSeedBehavior", category="latent/advanced")
def latent_batch_seed_behavior(
    *, samples: Latent, seed_behavior: Literal["random", "fixed"] = "fixed"
) -> Latent:
    """Whether all items of a batch get the same noise, or each its own."""
    index = samples.batch_index or (0,)
    numbers = None if seed_behavior == "random" else (index[0],) * len(samples.samples)
    return replace(samples, batch_index=numbers)


@node("LatentComposite", category="latent", display_name="Latent Composite", lane="cpu")
def latent_composite(
    *, samples_to: Latent, samples_from: Latent, x: Pixels = 0, y: Pixels = 0, feather: Pixels = 0
) -> Latent:
    """Paste latents onto others, fading at the sides that lie inside."""
    from nodes.diffusion.latents import composite, feather_weights, overlap

    same_channels(samples_to, samples_from)
    x, y, feather = (each // PIXELS_PER_CELL for each in (x, y, feather))
    under, above = samples_to.samples, samples_from.samples
    rows = overlap(y, above.shape[-2], under.shape[-2])[1]
    columns = overlap(x, above.shape[-1], under.shape[-1])[1]
    above = above[..., rows, columns]
    if not above.numel():
        return samples_to
    mask = feather_weights(above.shape[-2:], under.shape[-2:], x, y, feather) if feather else None
    return replace(samples_to, samples=composite(under, above, x, y, mask))


@node("LatentCompositeMasked", category="latent", lane="cpu")
def latent_composite_masked(
    *,
    destination: Latent,
    source: Latent,
    x: Pixels = 0,
    y: Pixels = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Latent:
    """Paste latents onto others where a mask is 1."""
    from nodes.diffusion.latents import composite, resize

    same_channels(destination, source)
    above = source.samples
    if resize_source:
        height, width = destination.samples.shape[-2:]
        above = resize(above, width, height, "bilinear")
    corner = x // PIXELS_PER_CELL, y // PIXELS_PER_CELL
    return replace(destination, samples=composite(destination.samples, above, *corner, mask))


@node("LatentCrop", category="latent/transform", display_name="Crop Latent", lane="cpu")
def latent_crop(
    *,
    samples: Latent,
    width: Annotated[int, Field(ge=64, le=16_384, description="In pixels."), Step(8)] = 512,
    height: Annotated[int, Field(ge=64, le=16_384, description="In pixels."), Step(8)] = 512,
    x: Pixels = 0,
    y: Pixels = 0,
) -> Latent:
    """Cut a box out of latents."""
    rows, columns = samples.samples.shape[-2:]
    left = max(min(x // PIXELS_PER_CELL, columns - 8), 0)
    top = max(min(y // PIXELS_PER_CELL, rows - 8), 0)
    box = (
        slice(top, min(top + height // PIXELS_PER_CELL, rows)),
        slice(left, min(left + width // PIXELS_PER_CELL, columns)),
    )
    return replace(samples, samples=samples.samples[..., box[0], box[1]].contiguous())


@node("LatentFlip", category="latent/transform", display_name="Flip Latent", lane="cpu")
def latent_flip(
    *, samples: Latent, flip_method: Literal["x-axis: vertically", "y-axis: horizontally"]
) -> Latent:
    """Mirror latents."""
    return replace(samples, samples=samples.samples.flip(-2 if flip_method.startswith("x") else -1))


@node("LatentRotate", category="latent/transform", display_name="Rotate Latent", lane="cpu")
def latent_rotate(
    *, samples: Latent, rotation: Literal["none", "90 degrees", "180 degrees", "270 degrees"]
) -> Latent:
    """Turn latents clockwise."""
    import torch

    turned = torch.rot90(samples.samples, names.ROTATIONS[rotation], (-1, -2))
    return replace(samples, samples=turned.contiguous())


@node("LatentConcat", category="latent/advanced", lane="cpu")
def latent_concat(
    *, samples1: Latent, samples2: Latent, dim: Literal["x", "-x", "y", "-y", "t", "-t"]
) -> Latent:
    """Join latents along an axis; with a minus, the second come first."""
    import torch

    from nodes.diffusion.layout import repeated

    same_channels(samples1, samples2)
    axis = axis_of(samples1, dim.removeprefix("-"))
    count = max(len(samples1.samples), len(samples2.samples))
    parts = [repeated(each.samples, count) for each in (samples1, samples2)]
    shapes = [[n for d, n in enumerate(each.shape) if d != axis % each.ndim] for each in parts]
    if shapes[0] != shapes[1]:
        one, other = (list(each.shape) for each in parts)
        raise UserError(f"samples2: is {other}, which cannot be joined along {dim} to {one}")
    return replace(samples1, samples=torch.cat(parts[::-1] if dim.startswith("-") else parts, dim=axis))


@node("LatentCut", category="latent/advanced", lane="cpu")
def latent_cut(
    *,
    samples: Latent,
    dim: Literal["x", "y", "t"],
    index: Annotated[int, Field(ge=-16_384, le=16_384, description="Below 0 from the end.")] = 0,
    amount: Annotated[int, Field(ge=1, le=16_384)] = 1,
) -> Latent:
    """A part of latents along an axis."""
    axis = axis_of(samples, dim)
    size = samples.samples.shape[axis]
    start = max(min(index, size - 1), 0) if index >= 0 else max(size + index, 0)
    return replace(samples, samples=samples.samples.narrow(axis, start, min(amount, size - start)).clone())


@node("LatentCutToBatch", category="latent/advanced", lane="cpu")
def latent_cut_to_batch(
    *,
    samples: Latent,
    dim: Literal["t", "x", "y"],
    slice_size: Annotated[int, Field(ge=1, le=16_384)] = 1,
) -> Latent:
    """Cut latents into slices along an axis, as items of a batch; what is left over is left out."""
    import torch

    axis = axis_of(samples, dim)
    count = samples.samples.shape[axis] // slice_size
    if not count:
        raise UserError(
            f"slice_size: {slice_size} is more than the {samples.samples.shape[axis]} that there are"
        )
    slices = torch.split(samples.samples.narrow(axis, 0, count * slice_size), slice_size, dim=axis)
    return Latent(torch.stack(list(slices), dim=1).flatten(0, 1))


@node("LatentOperationSharpen", category="latent/advanced/operations", experimental=True)
def latent_operation_sharpen(
    *,
    sharpen_radius: Annotated[int, Field(ge=1, le=31)] = 9,
    sigma: Annotated[float, Field(ge=0.1, le=10), Step(0.1)] = 1.0,
    alpha: Annotated[float, Field(ge=0, le=5), Step(0.01)] = 0.1,
) -> LatentOperation:
    """An operation: sharpen the directions of latents, and leave their lengths."""
    return LatentOperation("sharpen", (float(sharpen_radius), sigma, alpha))


@node("LatentOperationTonemapReinhard", category="latent/advanced/operations", experimental=True)
def latent_operation_tonemap_reinhard(
    *, multiplier: Annotated[float, Field(ge=0, le=100), Step(0.01)] = 1.0
) -> LatentOperation:
    """An operation: press the lengths of latents together, large ones most."""
    return LatentOperation("tonemap", (multiplier,))


@node("LatentApplyOperation", category="latent/advanced/operations", lane="cpu", experimental=True)
def latent_apply_operation(*, samples: Latent, operation: LatentOperation) -> Latent:
    """Apply an operation to latents."""
    from nodes.diffusion.latent_mixing import OPERATIONS

    return replace(samples, samples=OPERATIONS[operation.name](samples.samples, *operation.values))


def together(
    one: Latent, other: Latent, work: "Callable[[Tensor, Tensor], Tensor]", method: str = "bilinear"
) -> Latent:
    """What becomes of two latents, the second made to fit the first."""
    from nodes.diffusion.latents import repeated_rows, resize

    same_channels(one, other)
    second = other.samples
    height, width = one.samples.shape[-2:]
    if second.shape[-2:] != one.samples.shape[-2:]:
        second = resize(second, width, height, method, "center")
    return replace(one, samples=work(one.samples, repeated_rows(second, len(one.samples))))


def same_channels(one: Latent, other: Latent) -> None:
    """Make sure that two latents are of one kind.

    Raises:
        UserError: they are not.
    """
    first, second = one.samples.shape[1:-2], other.samples.shape[1:-2]
    if first != second:
        raise UserError(
            f"samples of {second[0]} channels do not go with samples of {first[0]}; use one family"
        )


def axis_of(latent: Latent, name: str) -> int:
    if name == "t" and latent.samples.ndim < 5:
        raise UserError("dim: t is the time of videos, and these are latents of pictures; choose x or y")
    return AXES[name]
