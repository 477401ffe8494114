"""Operations that an edit applies to counts: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.field_types import READ, Tensors, check_array, check_mask, check_range
from sureflow.core.lane import Array

Mask = npt.NDArray[np.bool_]
Region = Literal["all"] | Mask


def _region(note: Any, tensors: Tensors) -> Region:
    return "all" if note == "all" else tensors.pop(note["tensor"])


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Thin the counts and add as much of fresh source: ``Bin(x, 1 - s) + Bin(x0, s)``.

    Whatever the strength, all moves after this step are drawn anew.

    Attributes:
        strength: ``s``: 0 keeps the counts, 1 puts counts of the source in their place.
        region: Which components: a mask ``[d]``, or all.
    """

    strength: float = 1.0
    region: Region = field(default="all", metadata={READ: _region})

    def check(self, shape: Sequence[int]) -> None:
        """Check strength and region."""
        check_range("strength", self.strength, 0, 1)
        if isinstance(self.region, np.ndarray):
            check_mask("region", self.region, shape)
        elif self.region != "all":
            raise ValueError(f"region: {self.region!r} is not all, or a mask")


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """Let some components end at known counts; the others are made given these.

    From the step on they move on bridges to these counts, as they would have come there.

    Attributes:
        mask: True for the components that are held, ``[d]``.
        known: Their counts, ``[d]``; ignored where the mask is false.
    """

    mask: Mask
    known: Array

    def check(self, shape: Sequence[int]) -> None:
        """Check the shapes of mask and counts, and that these are counts."""
        check_mask("mask", self.mask, shape)
        check_array("known", self.known, shape)
        held = self.known[self.mask]
        if (held < 0).any() or (held != np.round(held)).any():
            raise ValueError("known: has what is no count")


OPERATIONS: dict[str, type[Any]] = {"resample": Resample, "hold": Hold}
"""The operations, by the name that recipes use."""
