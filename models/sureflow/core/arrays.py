"""Types of the arrays that the whole library uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

Slots: TypeAlias = npt.NDArray[np.int64]
"""Indices of lanes, ascending, ``[n]``."""

Index: TypeAlias = "slice | Tensor"
"""The same slots, as an index into arrays on the device."""
