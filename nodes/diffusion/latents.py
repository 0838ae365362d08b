"""Latents and pictures as plain tensors: resizing, batches, pasting.

Everything is [B,C,H,W] here; pictures come with their channels moved to the front.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate


class Batch(NamedTuple):
    """Latents [B,C,H,W] with what travels beside them.

    `noise_mask` [b,1,H,W] or [b,H,W] is 1 where they may change; `batch_index` numbers each item within
    the batch it was drawn for, which is what its noise depends on.
    """

    samples: Tensor
    noise_mask: Tensor | None = None
    batch_index: tuple[int, ...] | None = None


def resize(x: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """[B,C,H,W] to [B,C,height,width].

    `method` is one of `names.UPSCALE_METHODS` or `names.LATENT_UPSCALE_METHODS`, none of which smooths
    before shrinking except "area" and "lanczos".  `crop="center"` first cuts the longer axis to the
    new proportions.
    """
    if crop == "center":
        x = center_cropped(x, width / height)
    if method == "bislerp":
        return bislerp(x, width, height)
    if method == "lanczos":
        return lanczos(x, width, height)
    return interpolate(x, size=(height, width), mode=method)


def center_cropped(x: Tensor, aspect: float) -> Tensor:
    """The middle of [B,C,H,W] that is `aspect` times as wide as high, to the nearest pixel; a view."""
    height, width = x.shape[-2:]
    across = min(max(round((width - height * aspect) / 2), 0), (width - 1) // 2)
    along = min(max(round((height - width / aspect) / 2), 0), (height - 1) // 2)
    return x[:, :, along : height - along, across : width - across]


def lanczos(x: Tensor, width: int, height: int) -> Tensor:
    """A windowed sinc over 8-bit pictures: values 0..1, truncated to 255 steps before and after."""
    size = (width, height)
    pictures = [
        [Image.fromarray(channel).resize(size, Image.Resampling.LANCZOS) for channel in channels]
        for channels in (x * 255).clamp(0, 255).byte().cpu().numpy()
    ]
    return torch.from_numpy(np.array([[np.asarray(c) for c in p] for p in pictures])).to(x) / 255


def bislerp(x: Tensor, width: int, height: int) -> Tensor:
    """Like bilinear, but channel vectors turn between neighbours: directions are slerped, lengths mixed.

    Averaging noise-like vectors would shorten them; this keeps a latent's statistics.
    """
    x32 = x.float()
    x32 = _slerp_last_axis(x32, width)
    x32 = _slerp_last_axis(x32.transpose(2, 3), height).transpose(2, 3)
    return x32.to(x.dtype).contiguous()


def latent_from_batch(batch: Batch, start: int, length: int) -> Batch:
    """`length` items from `start`, both kept within the batch; each item keeps its noise."""
    samples, mask, index = batch
    start = min(start, len(samples) - 1)
    part = slice(start, start + min(length, len(samples) - start))
    if mask is not None and len(mask) > 1:
        mask = repeated_rows(mask, len(samples))[part]
    return Batch(samples[part], mask, (index or tuple(range(len(samples))))[part])


def repeat_batch(batch: Batch, amount: int) -> Batch:
    """The whole batch `amount` times; numbers of later copies follow those of the first."""
    samples, mask, index = batch
    if mask is not None and len(mask) > 1:
        mask = _tiled(repeated_rows(mask, len(samples)), amount)
    if index is not None:
        span = max(index) - min(index) + 1
        index = tuple(number + copy * span for copy in range(amount) for number in index)
    return Batch(_tiled(samples, amount), mask, index)


def join_batches(first: Batch, second: Batch) -> Batch:
    """Two batches behind one another, the second resized (bilinear, centred) to the first's size."""
    height, width = first.samples.shape[-2:]
    other = second.samples
    if other.shape[1:] != first.samples.shape[1:]:
        other = resize(other, width, height, "bilinear", "center")
    numbers = [batch.batch_index or tuple(range(len(batch.samples))) for batch in (first, second)]
    return Batch(torch.cat([first.samples, other]), first.noise_mask, numbers[0] + numbers[1])


def rebatched(batches: Sequence[Tensor], size: int) -> list[Tensor]:
    """The items in batches of `size`, in their order; one holds items of one shape, so some are smaller."""
    found: list[Tensor] = []
    waiting: list[Tensor] = []
    for item in (batch[index : index + 1] for batch in batches for index in range(len(batch))):
        if waiting and (len(waiting) == size or waiting[0].shape != item.shape):
            found.append(torch.cat(waiting))
            waiting = []
        waiting.append(item)
    return [*found, torch.cat(waiting)] if waiting else found


def regrouped(batches: Sequence[Batch], size: int) -> list[Batch]:
    """The same for latents with what travels beside them: each item keeps its mask and its noise."""
    found: list[Batch] = []
    waiting: list[Batch] = []
    for item in (latent_from_batch(batch, k, 1) for batch in batches for k in range(len(batch.samples))):
        if waiting and (len(waiting) == size or not _alike(waiting[0], item)):
            found.append(_joined(waiting))
            waiting = []
        waiting.append(item)
    return [*found, _joined(waiting)] if waiting else found


def _alike(one: Batch, other: Batch) -> bool:
    masks = [None if each.noise_mask is None else each.noise_mask.shape[-2:] for each in (one, other)]
    return one.samples.shape == other.samples.shape and masks[0] == masks[1]


def _joined(items: Sequence[Batch]) -> Batch:
    masks = [item.noise_mask for item in items if item.noise_mask is not None]
    index = tuple(number for item in items for number in item.batch_index or (0,))
    return Batch(torch.cat([item.samples for item in items]), torch.cat(masks) if masks else None, index)


def prepare_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [b,1,h,w], [b,h,w] or [h,w] as [B,1,H,W] of a latent: bilinear, neither rounded nor blurred."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    mask = interpolate(mask, size=latent.shape[-2:], mode="bilinear")
    return repeated_rows(mask, len(latent)).to(latent)


def composite(destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    """`source` pasted with its corner at (x, y), which may lie outside; cells, not pixels.

    `mask` [b,1,h,w], [b,h,w] or [h,w] is stretched over the whole source: m source + (1 - m) destination.
    """
    source = repeated_rows(source, len(destination)).to(destination)
    rows, from_rows = overlap(y, source.shape[-2], destination.shape[-2])
    columns, from_columns = overlap(x, source.shape[-1], destination.shape[-1])
    pasted = source[:, :, from_rows, from_columns]
    result = destination.clone()
    if mask is not None:
        weight = prepare_mask(mask, source)[:, :, from_rows, from_columns]
        pasted = pasted * weight + result[:, :, rows, columns] * (1 - weight)
    result[:, :, rows, columns] = pasted
    return result


def _slerp_last_axis(x: Tensor, size: int) -> Tensor:
    """[B,C,M,L] to [B,C,M,size]."""
    length = x.shape[-1]
    ramp = torch.arange(length, dtype=torch.float32, device=x.device)
    following = (ramp + 1).clamp(max=length - 1)
    at, after = (
        interpolate(r[None, None, None], size=(1, size), mode="bilinear")[0, 0, 0] for r in (ramp, following)
    )
    ratio = at - at.floor()
    return _slerp(x[..., at.long()], x[..., after.long()], ratio)


def _slerp(a: Tensor, b: Tensor, ratio: Tensor) -> Tensor:
    """From a to b along dimension 1, `ratio` [L] of the way; nearly opposite vectors are mixed linearly."""
    length_a, length_b = (v.norm(dim=1, keepdim=True) for v in (a, b))
    unit_a, unit_b = torch.nan_to_num(a / length_a), torch.nan_to_num(b / length_b)
    cosine = (unit_a * unit_b).sum(dim=1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    turned = unit_a * ((1 - ratio) * angle).sin() + unit_b * (ratio * angle).sin()
    result = turned / angle.sin() * (length_a * (1 - ratio) + length_b * ratio)
    result = torch.where(cosine < 1e-5 - 1, a * (1 - ratio) + b * ratio, result)
    return torch.where(cosine > 1 - 1e-5, a, result)


def overlap(offset: int, size: int, room: int) -> tuple[slice, slice]:
    """Where something of `size` at `offset` lies in `room`, and which part of it that is."""
    start, stop = max(offset, 0), max(min(offset + size, room), offset, 0)
    return slice(start, stop), slice(start - offset, stop - offset)


def repeated_rows(values: Tensor, count: int) -> Tensor:
    """Rows repeated and cut to `count`."""
    return values if len(values) == count else _tiled(values, -(-count // len(values)))[:count]


def _tiled(values: Tensor, amount: int) -> Tensor:
    return values.repeat(amount, *[1] * (values.dim() - 1))


def feather_weights(shape: Sequence[int], room: Sequence[int], x: int, y: int, feather: int) -> Tensor:
    """[h,w] weights for pasting at (x, y) in [H,W]: fading out over `feather` cells of the inner sides."""
    height, width = shape
    rows = _fading(height, feather, before=y != 0, after=y + height < room[0])
    columns = _fading(width, feather, before=x != 0, after=x + width < room[1])
    return rows[:, None] * columns


def _fading(size: int, feather: int, *, before: bool, after: bool) -> Tensor:
    weights = torch.ones(size)
    rise = (torch.arange(1, size + 1) / max(feather, 1)).clamp(max=1)
    if before:
        weights *= rise
    if after:
        weights *= rise.flip(0)
    return weights
