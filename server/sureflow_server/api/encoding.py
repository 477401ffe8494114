"""Arrays on the wire."""

from __future__ import annotations

import base64
import io
from math import isfinite
from typing import Any, Literal

import numpy as np
from PIL import Image

from sureflow.core.lane import Array

Format = Literal["png", "npy", "list"]

MEDIA_TYPES: dict[Format, str] = {
    "png": "image/png",
    "npy": "application/x-npy",
    "list": "application/json",
}
PNG_CHANNELS = (1, 3)


def png(image: Array) -> bytes:
    """Encode ``[1 or 3, height, width]`` in [-1, 1]; values beyond are clamped."""
    levels = np.clip((image + 1) * 127.5, 0, 255).round().astype(np.uint8)
    pixels = levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def npy(array: Array) -> bytes:
    """Encode as a ``.npy`` file: float32, exact."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def jsonable(array: Array, form: Format) -> Any:
    """Return what stands for the array in JSON: base64, nested lists, or ``None``.

    ``None`` stands for an array with NaN or infinity, which neither JSON nor PNG can hold.
    """
    if form == "npy":
        return base64.b64encode(npy(array)).decode()
    if not np.isfinite(array).all():
        return None
    if form == "list":
        return array.tolist()
    return base64.b64encode(png(array)).decode()


def map_form(form: Format) -> Format:
    """Return how a map travels beside samples in this form: exactly, since it is no image."""
    return "list" if form == "list" else "npy"


def profile_of(t: Array, rate: Array) -> dict[str, Any]:
    """Return the uncertainty over time as a JSON object, rates that are not finite as ``None``."""
    return {"t": t.tolist(), "rate": [r if isfinite(r) else None for r in rate.tolist()]}
