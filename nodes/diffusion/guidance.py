"""Guidance: from the one question of a sampler to the rows a network is asked, and back.

A sampler asks for D(x, sigma).  Every active conditioning of both lists becomes a row; the answers of
a list are averaged by weight, and the two lists combined by classifier-free guidance (arXiv 2207.12598).
"""

from collections.abc import Hashable, Sequence
from contextlib import closing
from dataclasses import replace

import torch
from torch import Tensor

from nodes.diffusion.asks import Ask, Key, Steps
from nodes.diffusion.conditioning import Cond
from nodes.diffusion.denoisers import Denoiser, Row
from nodes.diffusion.guides import Guide
from nodes.diffusion.memory import is_full
from nodes.diffusion.regions import Region, place
from nodes.diffusion.samplers.base import Sampling

UNCOVERED = 1e-37
"""Where no conditioning has any weight, the sum of weights is this, and the prediction 0."""


def guided(
    sampling: Sampling,
    denoiser: Denoiser,
    positive: Sequence[Cond],
    negative: Sequence[Cond],
    cfg: float,
) -> Steps[Tensor]:
    """Answer a sampler through asks to a denoiser: u + cfg (c - u) on x0 predictions.

    Rows stand in the order of the lists, positive first.  At cfg 1 the negative list is not evaluated.
    Returns what the sampler returns.
    """
    return (yield from guided_by(sampling, denoiser, Guide(positive, negative, cfg)))


def guided_by(sampling: Sampling, denoiser: Denoiser, guide: Guide) -> Steps[Tensor]:
    """The same for any guide: its lists in their order, then the first of them by perturbed networks."""
    with closing(sampling):
        try:
            x, sigma = next(sampling)
            placed = place(guide.lists, x, denoiser.model_sampling, denoiser.dtype)
            leads = [_Lead(_Average(regions), denoiser) for regions in placed]
            perturbed = [
                _Lead(leads[0].average, each.network(denoiser)) for each in guide.extras.perturbations
            ]
            portions = Portions()
            while True:
                wanted = [*guide.asked(sigma), *(each.active(sigma) for each in guide.extras.perturbations)]
                active = [
                    lead.average.active(sigma) if is_wanted else []
                    for lead, is_wanted in zip([*leads, *perturbed], wanted, strict=True)
                ]
                asks = [
                    _ask(lead.denoiser, lead.network, region, x, sigma)
                    for lead, regions in zip([*leads, *perturbed], active, strict=True)
                    for region in regions
                ]
                answers = iter((yield from portions(asks)))
                found = [
                    lead.average(regions, [next(answers) for _ in regions], x) if is_wanted else None
                    for lead, regions, is_wanted in zip([*leads, *perturbed], active, wanted, strict=True)
                ]
                moment = guide.folded(x, sigma, found[: len(leads)])
                denoised = guide.combined(moment)
                for each, worse in zip(guide.extras.perturbations, found[len(leads) :], strict=True):
                    if worse is not None:
                        denoised = denoised.add(moment.cond - worse, alpha=each.scale)
                for change in guide.extras.after:
                    denoised = change(moment, denoised)
                x, sigma = sampling.send(denoised)
        except StopIteration as end:
            result: Tensor = end.value
            return result


class _Lead:
    """One list, and the network that it is asked of."""

    def __init__(self, average: "_Average", denoiser: Denoiser) -> None:
        self.average, self.denoiser = average, denoiser
        self.network = (denoiser.identity, denoiser.device, denoiser.dtype)


def _ask(denoiser: Denoiser, network: Hashable, region: Region, x: Tensor, sigma: float) -> Ask:
    crop = region.crop(x)
    controls = region.steered(sigma)
    steered = (region.tokens.shape[-1], *(each.network.identity for each in controls))
    key = Key(network, crop.shape[1:], steered)
    row = Row(crop, sigma, region.tokens, region.pooled, controls, region.concat, region.concat_mask)
    return Ask(key, denoiser, row, crop.shape[0])


class Portions:
    """Asks, in as many portions as the device's memory makes necessary: all at once until it is full."""

    def __init__(self) -> None:
        self._most: int | None = None

    def __call__(self, asks: Sequence[Ask]) -> Steps[Sequence[Tensor]]:
        """The answers to asks about rows of a denoiser."""
        while True:
            try:
                return (yield from self._answers(asks))
            except Exception as error:
                total = sum(ask.size for ask in asks)
                attempted = total if self._most is None else min(self._most, total)
                if not is_full(error) or attempted <= 1:
                    raise
            self._most = attempted // 2  # outside of the handler, whose error holds on to what did not fit

    def _answers(self, asks: Sequence[Ask]) -> Steps[Sequence[Tensor]]:
        if self._most is None or sum(ask.size for ask in asks) <= self._most:
            return (yield list(asks))
        answers = []
        for ask in asks:
            parts: list[Tensor] = []
            for row in _split(ask.row, self._most):
                parts += yield [replace(ask, row=row, size=row.x.shape[0])]
            answers.append(torch.cat(parts))
        return answers


def _split(row: Row, most: int) -> list[Row]:
    """A row as rows of at most so many items."""
    starts = range(0, row.x.shape[0], most)

    def part(values: Tensor, start: int) -> Tensor:
        return values if values.shape[0] == 1 else values[start : start + most]

    return [
        Row(
            row.x[start : start + most],
            row.sigma,
            part(row.tokens, start),
            None if row.pooled is None else part(row.pooled, start),
            tuple(replace(each, hint=part(each.hint, start)) for each in row.controls),
            None if row.concat is None else part(row.concat, start),
            None if row.concat_mask is None else part(row.concat_mask, start),
        )
        for start in starts
    ]


class _Average:
    """The weighted mean of the predictions of one list: sum_k m_k D_k / sum_k m_k, for each element."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = regions
        self._shares: dict[Hashable, list[float | Tensor]] = {}

    def active(self, sigma: float) -> list[Region]:
        return [region for region in self._regions if region.active(sigma)]

    def __call__(self, active: Sequence[Region], answers: Sequence[Tensor], x: Tensor) -> Tensor:
        """[B,C,H,W], from an answer for each active region; 0 where none reaches."""
        key = tuple(map(id, active))
        if key not in self._shares:
            self._shares[key] = _shares(active, x)
        shares = self._shares[key]
        if len(shares) == 1 and isinstance(shares[0], float) and shares[0] == 1.0:
            return answers[0]
        mean = torch.zeros_like(x)
        for region, answer, share in zip(active, answers, shares, strict=True):
            region.crop(mean).add_(answer * share)
        return mean


def _shares(active: Sequence[Region], x: Tensor) -> list[float | Tensor]:
    """What each region contributes to the mean: numbers if nothing varies over the picture."""
    weights = [region.weight for region in active if isinstance(region.weight, float)]
    if len(weights) == len(active):
        return [weight / (UNCOVERED + sum(weights)) for weight in weights]
    total = x.new_full((x.shape[0], 1, *x.shape[2:]), UNCOVERED)
    for region in active:
        region.crop(total).add_(region.weight)
    return [region.weight / region.crop(total) for region in active]
