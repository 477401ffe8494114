"""Operations that an edit applies to a trajectory: plain data, free of torch.

A new class or guidance is not an operation, since both are fields of the lane. ``check`` raises a
ValueError if an operation does not suit states of a shape; it begins with the name of the field.
Where an encoder makes latents of samples, values may be those of a sample, of the shape
``encoded``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.field_types import (
    READ,
    Tensors,
    check_array,
    check_mask,
    check_range,
    check_types,
)
from sureflow.core.lane import Array
from sureflow.families.flow.objectives import OBJECTIVES

Mask = npt.NDArray[np.bool_]

MEASUREMENTS = ("mask", "blur", "downsample")
"""Operators of :class:`Guide` that are linear measurements; others are objectives."""

MAX_INNER = 64
"""Most repetitions of a step of :class:`Inpaint`."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The share of components with the largest variance at the lane's state."""

    share: float


Region = Literal["all"] | Mask | Uncertain
"""Components that an operation changes; a mask ``[*shape]`` is true for them."""


def _region(note: Any, tensors: Tensors) -> Region:
    if note == "all":
        return "all"
    return Uncertain(**note) if set(note) == {"share"} else tensors.pop(note["tensor"])


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Draw the noise in the state anew.

    The state at ``t`` is ``t mu1 + (1 - t) mu0``, with the expected end ``mu1 = x + (1 - t) v``
    and the expected noise ``mu0 = x - t v``. In the region ``mu0`` becomes
    ``sqrt(1 - strength^2) mu0 + strength xi`` with fresh standard normal ``xi``; ``mu1`` stays. At
    ``t = 0`` with strength 1 that is fresh noise: a new sample. Costs one evaluation.

    Attributes:
        strength: 0 changes nothing, 1 draws all of the noise anew.
        region: Components whose noise is drawn anew.
    """

    strength: float = 1.0
    region: Region = field(default="all", metadata={READ: _region})

    def check(self, shape: Sequence[int], encoded: Sequence[int] | None = None) -> None:
        """Check strength and region."""
        check_range("strength", self.strength, 0, 1)
        if isinstance(self.region, np.ndarray):
            check_mask("region", self.region, shape)
        elif isinstance(self.region, Uncertain):
            check_types(self.region)
            if not 0 < self.region.share <= 1:
                raise ValueError(f"region: a share of {self.region.share} is not in 0 .. 1")
        elif self.region != "all":
            raise ValueError(f"region: {self.region!r} is not all, a mask, or a share")


@dataclass(frozen=True, slots=True, eq=False)
class Inpaint:
    """Fix a part of the sample to known values, and let the flow make the rest.

    At every step the known part is set to its point on the straight path from the lane's noise to
    the known values. Each step is made ``inner`` times, with fresh noise in between, so that the
    rest adapts to the known part (Lugmayr et al., RePaint, 2022). More repetitions come closer to
    the conditional law. In the end the known components have exactly the known values.

    Attributes:
        mask: True where the values are known, ``[*shape]``.
        known: The values, in data units, ``[*shape]``; ignored where the mask is false. A sample
            that is encoded is encoded as a whole.
        inner: How often each step is made, at least 1.
    """

    mask: Mask
    known: Array
    inner: int = 1

    def check(self, shape: Sequence[int], encoded: Sequence[int] | None = None) -> None:
        """Check mask, values and repetitions."""
        check_mask("mask", self.mask, shape)
        check_values("known", self.known, shape, encoded)
        check_range("inner", self.inner, 1, MAX_INNER)


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Guide the sample toward a linear measurement ``A x = y``, or up an objective.

    At every evaluation the expected end ``mu1`` is moved by ``strength`` times the least change
    that matches the measurement, ``A^+ (y - A mu1)``, or times the gradient of the objective.

    Attributes:
        operator: ``mask``, ``blur``, ``downsample``, or the name of an objective.
        strength: 1 matches the measurement completely at every evaluation. For an objective, data
            units squared per unit of the objective.
        target: The measurement ``y``: ``[*shape]`` for ``mask`` and ``blur``, coarser for
            ``downsample``; ``None`` for an objective. For ``mask`` it may be a sample that is
            encoded.
        mask: For ``mask``: true for the measured components, ``[*shape]``.
        factor: For ``downsample``: edge of the blocks that are averaged, in pixels.
        sigma: For ``blur``: standard deviation of the Gaussian, in pixels.
    """

    operator: str
    strength: float = 1.0
    target: Array | None = None
    mask: Mask | None = None
    factor: int = 2
    sigma: float = 1.0

    def check(self, shape: Sequence[int], encoded: Sequence[int] | None = None) -> None:
        """Check that there is such an operator, and that it has what it needs."""
        if self.operator not in MEASUREMENTS:
            OBJECTIVES.check("operator", self.operator, *MEASUREMENTS)
            return
        if self.operator == "blur" and not 0 < self.sigma <= max(shape):
            raise ValueError(f"sigma: {self.sigma} is not in 0 .. {max(shape)}")
        if self.target is None:
            raise ValueError(f"target: {self.operator} needs one")
        masked = self.operator == "mask"
        check_values("target", self.target, self.measured(shape), encoded if masked else None)
        if masked:
            if self.mask is None:
                raise ValueError("mask: what is measured?")
            check_mask("mask", self.mask, shape)

    def measured(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the measurement of a sample of this shape.

        Raises:
            ValueError: The blocks do not divide the sample; the message begins with ``factor``.
        """
        if self.operator != "downsample":
            return tuple(shape)
        space = axes(shape)
        if self.factor < 1 or any(size % self.factor for size in shape[-space:]):
            raise ValueError(f"factor: {self.factor} does not divide {list(shape)}")
        return (*shape[:-space], *(size // self.factor for size in shape[-space:]))


def check_values(
    name: str, values: object, shape: Sequence[int], encoded: Sequence[int] | None
) -> None:
    """Check values of a state, ``[*shape]``, or of a sample that is encoded, ``[*encoded]``.

    Raises:
        ValueError: They are neither; the message begins with ``name``.
    """
    if encoded is not None and isinstance(values, np.ndarray) and values.shape == tuple(encoded):
        shape = encoded
    check_array(name, values, shape)


def axes(shape: Sequence[int]) -> int:
    """Number of spatial axes, which come last: two, or one for a vector."""
    return min(len(shape), 2)


Operation = Resample | Inpaint | Guide

OPERATIONS: dict[str, type[Any]] = {"resample": Resample, "inpaint": Inpaint, "guide": Guide}
"""The operations, by the name that recipes use."""
