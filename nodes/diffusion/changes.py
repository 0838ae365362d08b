"""What changes how a model is used, and none of its weights: values that a recipe carries.

A change may alter the noise levels a model is sampled at, the network as it is called, or its guidance.
torch enters when they are applied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nodes.diffusion.denoisers import UNetDenoiser
    from nodes.diffusion.guides import Extras
    from nodes.diffusion.model_sampling import ModelSampling


@dataclass(frozen=True)
class Change:
    """One that changes nothing: kinds of changes override what they are about."""

    def sampling(self, sampling: ModelSampling) -> ModelSampling:
        return sampling

    def network(self, denoiser: UNetDenoiser) -> UNetDenoiser:
        """The denoiser with another network, or the very same."""
        return denoiser

    def guidance(self, extras: Extras, sampling: ModelSampling) -> Extras:  # noqa: ARG002
        return extras


def changed_sampling(sampling: ModelSampling, changes: Iterable[Change]) -> ModelSampling:
    for change in changes:
        sampling = change.sampling(sampling)
    return sampling


def changed_denoiser(denoiser: UNetDenoiser, changes: Iterable[Change]) -> UNetDenoiser:
    """The denoiser with all changes; one with another identity if it answers otherwise."""
    for change in changes:
        other = change.network(denoiser)
        sampling = change.sampling(other.model_sampling)
        if other is not denoiser or sampling != other.model_sampling:
            other = replace(other, model_sampling=sampling, identity=(denoiser.identity, change))
        denoiser = other
    return denoiser


def changed_guidance(extras: Extras, sampling: ModelSampling, changes: Iterable[Change]) -> Extras:
    for change in changes:
        extras = change.guidance(extras, sampling)
    return extras
