"""What can be done to a trajectory where it is taken up again: plain data, free of torch.

Another class or guidance from there on is no operation: they are fields of the lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.lane import Array

Mask = npt.NDArray[np.bool_]

MAX_INNER = 64
"""Most repetitions of a step of :class:`Inpaint`."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The least sure components: this share of them, by their variance where the lane stands."""

    share: float


Region = Literal["all"] | Mask | Uncertain
"""Components that an operation concerns; a mask ``[*shape]`` is true there."""


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Draw the noise in the state anew.

    The state at ``t`` is ``t mu1 + (1 - t) mu0``, with the expected end ``mu1 = x + (1 - t) v``
    and the expected noise ``mu0 = x - t v``. In the region ``mu0`` becomes
    ``sqrt(1 - strength^2) mu0 + strength xi`` with fresh standard normal ``xi``; ``mu1`` stays. At
    ``t = 0`` with strength 1 that is fresh noise: a new sample. Costs one evaluation.

    Attributes:
        strength: 0 changes nothing, 1 draws all of the noise anew.
        region: Where.
    """

    strength: float = 1.0
    region: Region = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Inpaint:
    """Hold a part of the sample to known values, and let the flow make the rest.

    At every step the known part is put where the straight path to it stands, from the noise of
    the lane. Each step is repeated ``inner`` times, going back by fresh noise in between, so that
    the rest can come to terms with it (Lugmayr et al., RePaint, 2022); more is closer to the
    conditional law. In the end the known components have exactly the known values.

    Attributes:
        mask: True where the values are known, ``[*shape]``.
        known: The values, in data units, ``[*shape]``; without meaning elsewhere.
        inner: Times that each step is made, from 1.
    """

    mask: Mask
    known: Array
    inner: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Pull the sample toward a linear measurement ``A x = y``, or up a registered score.

    The expected end of every evaluation is moved by ``strength`` times the least change that
    explains the measurement, ``A^+ (y - A mu1)``, or times the gradient of the score there.

    Attributes:
        operator: ``mask``, ``blur``, ``downsample``, or the name of a registered score.
        strength: 1 explains all of a measurement at once; for a score, data units squared per unit
            of the score.
        target: The measurement ``y``: ``[*shape]`` for ``mask`` and ``blur``, coarser for
            ``downsample``; ``None`` for a score.
        mask: Of ``mask``: true where measured, ``[*shape]``.
        factor: Of ``downsample``: how many pixels make one, in either direction.
        sigma: Of ``blur``: width of the Gaussian, in pixels.
    """

    operator: str
    strength: float = 1.0
    target: Array | None = None
    mask: Mask | None = None
    factor: int = 2
    sigma: float = 1.0

    def measured(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the measurement of a sample of this shape.

        Raises:
            ValueError: It cannot be divided into such blocks; the message begins with ``factor``.
        """
        if self.operator != "downsample":
            return tuple(shape)
        space = axes(shape)
        if self.factor < 1 or any(size % self.factor for size in shape[-space:]):
            raise ValueError(f"factor: {self.factor} does not divide {list(shape)}")
        return (*shape[:-space], *(size // self.factor for size in shape[-space:]))


def axes(shape: Sequence[int]) -> int:
    """How many of the last axes are space: two, or one of a vector."""
    return min(len(shape), 2)


Operation = Resample | Inpaint | Guide

OPERATIONS: dict[str, type[Any]] = {"resample": Resample, "inpaint": Inpaint, "guide": Guide}
"""By the name that recipes have for them."""
