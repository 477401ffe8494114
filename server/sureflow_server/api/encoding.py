"""What is no sample, in JSON: maps, and the uncertainty over time."""

from __future__ import annotations

from math import isfinite
from typing import Any

from sureflow.core.codec import Codec
from sureflow.core.lane import Array

ARRAYS = Codec()


def map_of(array: Array, form: str) -> Any:
    """Return a map beside samples of this form: lists beside lists, else exactly, as ``.npy``.

    ``None`` stands for a map that there is not, and for lists that would hold NaN or infinity.
    """
    return ARRAYS.encode(array, "list" if form == "list" else "npy") if array.size else None


def profile_of(t: Array, rate: Array) -> dict[str, Any]:
    """Return the uncertainty over time as a JSON object, rates that are not finite as ``None``."""
    return {"t": t.tolist(), "rate": [r if isfinite(r) else None for r in rate.tolist()]}
