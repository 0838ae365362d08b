"""Where and when each conditioning has its say.

A picture's conditionings are placed once per run: areas become boxes of the latent, masks become
weights at its resolution, percentages of the schedule become sigmas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nodes.diffusion.conditioning import Area, Cond, RelativeArea
from nodes.diffusion.controls import Active, hint_for
from nodes.diffusion.model_sampling import ModelSampling

SMALLEST_BOUNDS = 8
"""Cells of the smallest box that is put around a mask."""

FEATHER = 8
"""Cells over which an area fades out, at most; a quarter of its side, if that is less."""


@dataclass(frozen=True, eq=False)
class PlacedControl:
    """What steers a region, while first >= sigma >= last."""

    active: Active
    first: float
    last: float


@dataclass(frozen=True, eq=False)
class Region:
    """A conditioning placed in one run.

    `box` are the rows and columns it is evaluated in (None: everywhere); `weight` is a number or
    [B or 1,1,h,w] within the box; it is active while first >= sigma >= last.
    """

    tokens: Tensor
    pooled: Tensor | None
    box: tuple[slice, slice] | None
    weight: float | Tensor
    first: float
    last: float
    controls: tuple[PlacedControl, ...] = ()
    concat: Tensor | None = None
    concat_mask: Tensor | None = None

    def active(self, sigma: float) -> bool:
        return self.first >= sigma >= self.last

    def steered(self, sigma: float) -> tuple[Active, ...]:
        return tuple(each.active for each in self.controls if each.first >= sigma >= each.last)

    def crop(self, x: Tensor) -> Tensor:
        """[B,C,H,W] to [B,C,h,w]: a view."""
        return x if self.box is None else x[:, :, self.box[0], self.box[1]]


def place(
    lists: Sequence[Sequence[Cond]], x: Tensor, sampling: ModelSampling, dtype: torch.dtype
) -> list[list[Region]]:
    """All lists placed in a latent like x [B,C,H,W], on its device; tokens get the network's dtype."""
    height, width = x.shape[-2:]
    located = [[_located(cond, height, width) for cond in conds] for conds in lists]
    for sources in [list(conds) for conds in located]:
        for others in located:
            _mirror(sources, others)  # in its own list each area has its counterpart: itself
    for others in located[1:]:
        _share_controls(located[0], others)
    return [
        [region for cond in conds if (region := _region(cond, x, sampling, dtype)) is not None]
        for conds in located
    ]


def _located(cond: Cond, height: int, width: int) -> Cond:
    """The same conditioning with its area in cells and its mask [n,H,W] at the latent's resolution."""
    area, mask = cond.area, cond.mask
    if isinstance(area, RelativeArea):
        area = Area(
            y=round(area.y * height),
            x=round(area.x * width),
            height=max(1, round(area.height * height)),
            width=max(1, round(area.width * width)),
        )
    if mask is not None:
        mask = interpolate(mask[:, None].float(), size=(height, width), mode="bilinear")[:, 0]
        if cond.set_area_to_bounds:
            area = _bounds(mask)
    return replace(cond, area=area, mask=mask)


def _bounds(mask: Tensor) -> Area:
    """The box around everything that is not zero in any of the masks [n,H,W]."""
    ys, xs = torch.nonzero(mask.amax(dim=0), as_tuple=True)
    if not len(ys):
        return Area(0, 0, SMALLEST_BOUNDS, SMALLEST_BOUNDS)
    y, x = int(ys.min()), int(xs.min())
    height, width = int(ys.max()) - y + 1, int(xs.max()) - x + 1
    return Area(y, x, max(height, SMALLEST_BOUNDS), max(width, SMALLEST_BOUNDS))


def _mirror(sources: Sequence[Cond], others: list[Cond]) -> None:
    """Give `others` a counterpart for every area of `sources`, so that guidance compares like with like.

    Its text is that of the smallest of `others` around the area, or of one without an area; there is
    none to give if that one has this very area.
    """
    for cond in sources:
        if not isinstance(cond.area, Area):
            continue
        around = [c for c in others if isinstance(c.area, Area) and _contains(c.area, cond.area)]
        everywhere = [c for c in others if c.area is None]
        text = min(around, key=_size) if around else next(iter(everywhere), None)
        if text is not None and text.area != cond.area:
            others.append(replace(cond, tokens=text.tokens, pooled=text.pooled))


def _share_controls(leading: Sequence[Cond], others: list[Cond]) -> None:
    """Let what steers all steer `others` too, if nothing steers them yet."""
    shared = [cond.controls for cond in leading if any(each.for_all for each in cond.controls)]
    free = [k for k, cond in enumerate(others) if cond.area is None]
    if not free or any(cond.controls for cond in others):
        return
    for number, controls in enumerate(shared):
        k = free[number % len(free)]
        others[k] = replace(others[k], controls=(*others[k].controls, *controls))


def _contains(outer: Area, inner: Area) -> bool:
    return (
        outer.y <= inner.y
        and outer.x <= inner.x
        and outer.y + outer.height >= inner.y + inner.height
        and outer.x + outer.width >= inner.x + inner.width
    )


def _size(cond: Cond) -> int:
    return cond.area.height * cond.area.width if isinstance(cond.area, Area) else 0


def _region(cond: Cond, x: Tensor, sampling: ModelSampling, dtype: torch.dtype) -> Region | None:
    """The conditioning in a latent like x; None if nothing of its area lies inside."""
    box = None
    if isinstance(cond.area, Area):
        height, width = (int(side) for side in x.shape[-2:])
        box = (
            slice(cond.area.y, min(cond.area.y + cond.area.height, height)),
            slice(cond.area.x, min(cond.area.x + cond.area.width, width)),
        )
        if any(side.start >= side.stop for side in box):
            return None
    return Region(
        tokens=_per_item(cond.tokens, x.shape[0]).to(x.device, dtype),
        pooled=None if cond.pooled is None else _per_item(cond.pooled, x.shape[0]).to(x.device, dtype),
        box=box,
        weight=_weight(cond, box, x),
        first=sampling.percent_to_sigma(cond.start_percent),
        last=sampling.percent_to_sigma(cond.end_percent),
        controls=tuple(
            PlacedControl(
                Active(
                    each.net,
                    hint_for(each.hint, x if box is None else x[:, :, box[0], box[1]], each.net.channels).to(
                        x.device, dtype
                    ),
                    each.strength,
                ),
                sampling.percent_to_sigma(each.start_percent),
                sampling.percent_to_sigma(each.end_percent),
            )
            for each in cond.controls
        ),
        concat=None if cond.concat is None else _beside(cond.concat, x, box),
        concat_mask=None if cond.concat_mask is None else _beside(cond.concat_mask, x, box).round(),
    )


def _beside(values: Tensor, x: Tensor, box: tuple[slice, slice] | None) -> Tensor:
    """Channels [n,c,h,w] that go beside x, or beside a box of it."""
    if values.shape[-2:] != x.shape[-2:]:
        values = interpolate(values.float(), size=x.shape[-2:], mode="bilinear")
    values = _per_item(values, x.shape[0]).to(x).expand(x.shape[0], -1, -1, -1)
    return values if box is None else values[:, :, box[0], box[1]]


def _weight(cond: Cond, box: tuple[slice, slice] | None, x: Tensor) -> float | Tensor:
    """How much the conditioning counts: strength, times a mask or a ramp at the area's inner sides."""
    if cond.mask is not None:
        mask = _per_item(cond.mask, x.shape[0])[:, None].to(x)
        inside = mask if box is None else mask[:, :, box[0], box[1]]
        return inside * (cond.strength * cond.mask_strength)
    if box is None:
        return float(cond.strength)
    rows, columns = (_ramp(side, int(length)) for side, length in zip(box, x.shape[-2:], strict=True))
    return (rows[:, None] * columns * cond.strength).to(x)[None, None]


def _ramp(side: slice, length: int) -> Tensor:
    """Weights along one side of an area: full, but rising from an edge that is not the latent's own."""
    size = side.stop - side.start
    fade = min(FEATHER, size // 4)
    weights = torch.ones(size)
    rise = torch.arange(1, fade + 1) / max(fade, 1)
    if side.start > 0:
        weights[:fade] *= rise
    if side.stop < length:
        weights[size - fade :] *= rise.flip(0)
    return weights


def _per_item(values: Tensor, batch: int) -> Tensor:
    """One row for all items stays one; other counts are repeated and cut to the batch."""
    if values.shape[0] in (1, batch):
        return values
    repeats = -(-batch // values.shape[0])
    return values.repeat(repeats, *[1] * (values.dim() - 1))[:batch]
