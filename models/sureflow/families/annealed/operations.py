"""Operations that an edit applies to a run: plain data, free of torch.

Other parameters of the target are no operation, since they are fields of the lane. ``check``
raises a ValueError that begins with the name of the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sureflow.core.field_types import check_array, check_mask, check_range
from sureflow.core.lane import Array

Mask = npt.NDArray[np.bool_]

MAX_STIFFNESS = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Temper anew.

    Parallel tempering draws the hottest replicas anew from the reference. Annealing goes back to a
    hotter temperature and comes down again in the steps that are left, with the weights that this
    takes.

    Attributes:
        strength: Share of the ladder that is gone back: 1 begins from the reference.
    """

    strength: float = 1.0

    def check(self, shape: Sequence[int]) -> None:
        """Check the strength."""
        check_range("strength", self.strength, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """Hold components to known values: from then on the sample is one of the conditional law.

    An annealing begins anew from the reference of the other components.

    Attributes:
        mask: True where the values are known, ``[*shape]``.
        known: The values, in data units, ``[*shape]``; ignored where the mask is false.
    """

    mask: Mask
    known: Array

    def check(self, shape: Sequence[int]) -> None:
        """Check mask and values."""
        check_mask("mask", self.mask, shape)
        check_array("known", self.known, shape)
        if self.mask.all():
            raise ValueError("mask: holds every component, which leaves nothing to sample")


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Restrain components: the log density loses ``strength / 2 |x - target|^2`` from then on.

    Attributes:
        target: Where to, in data units, ``[*shape]``.
        mask: True for the components that are restrained, ``[*shape]``.
        strength: Stiffness, in nats per squared data unit.
    """

    target: Array
    mask: Mask
    strength: float = 1.0

    def check(self, shape: Sequence[int]) -> None:
        """Check all of them."""
        check_array("target", self.target, shape)
        check_mask("mask", self.mask, shape)
        check_range("strength", self.strength, 0, MAX_STIFFNESS)


OPERATIONS: dict[str, type[Resample | Hold | Guide]] = {
    "resample": Resample,
    "hold": Hold,
    "guide": Guide,
}
"""By their names in recipes."""
