"""Operations that an edit applies to a sequence: plain data, free of torch."""

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

MAX_BIAS = 100.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The share of the known tokens that were least sure when they were drawn."""

    share: float


Region = Literal["all"] | Mask | Uncertain


def _region(note: Any, tensors: Tensors) -> Region:
    if note == "all":
        return "all"
    return Uncertain(**note) if set(note) == {"share"} else tensors.pop(note["tensor"])


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """Draw tokens anew: all that are masked at this step, and those of a region besides.

    Attributes:
        strength: Chance with which each token of the region is masked again.
        region: Which of the known tokens are masked again: a mask ``[length]``, the least sure, or
            with ``all`` none, so that all is drawn anew that came after.
    """

    strength: float = 1.0
    region: Region = field(default="all", metadata={READ: _region})

    def check(self, shape: Sequence[int]) -> None:
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
class Hold:
    """Hold some tokens to known values from this step on; the others are drawn given these.

    At ``t = 0`` it completes a prefix, a suffix or what lies between, by the exact conditional law
    of the model.

    Attributes:
        mask: True for the tokens that are held, ``[length]``.
        known: Their code points, 0 beyond the end, ``[length]``; ignored where the mask is false.
    """

    mask: Mask
    known: Array

    def check(self, shape: Sequence[int]) -> None:
        """Check the shapes of mask and values."""
        check_mask("mask", self.mask, shape)
        check_array("known", self.known, shape)


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Make some symbols more or less probable from this step on.

    Attributes:
        codes: Code points of the symbols, 0 for the end, ``[n]``.
        bias: What is added to their logits, ``[n]``; it is in nats.
    """

    codes: Array
    bias: Array

    def check(self, shape: Sequence[int]) -> None:
        """Check that there is a number for each symbol."""
        check_array("codes", self.codes, (len(self.codes),))
        check_array("bias", self.bias, (len(self.codes),))
        check_range("bias", float(np.abs(self.bias).max(initial=0.0)), 0, MAX_BIAS)


OPERATIONS: dict[str, type[Any]] = {"resample": Resample, "hold": Hold, "guide": Guide}
"""The operations, by the name that recipes use."""
