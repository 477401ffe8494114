"""What is no sample, in JSON: maps, and the uncertainty over time."""

from __future__ import annotations

from math import isfinite
from typing import Any

from sureflow.core.codec import Codec
from sureflow.core.lane import Array

ARRAYS = Codec()

NUMBER_BYTES = {"png": 2, "npy": 6}
"""Of each number of an array, as it travels; as text in any other form."""

TEXT_BYTES = 22
"""Of a number as text, about."""


def array_bytes(numbers: int, form: str) -> int:
    """Return how many bytes an array takes in JSON, about."""
    return numbers * NUMBER_BYTES.get(form, TEXT_BYTES)


def map_of(array: Array, form: str) -> Any:
    """Return a map beside samples of this form: lists beside lists, else exactly, as ``.npy``.

    ``None`` stands for a map that there is not, and for lists that would hold NaN or infinity.
    """
    return ARRAYS.encode(array, "list" if form == "list" else "npy") if array.size else None


def profile_of(t: Array, rate: Array) -> dict[str, Any]:
    """Return the uncertainty over time as a JSON object, rates that are not finite as ``None``."""
    return {"t": t.tolist(), "rate": [r if isfinite(r) else None for r in rate.tolist()]}
