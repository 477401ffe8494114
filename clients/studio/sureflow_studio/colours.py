"""One scale from unsure to sure, the same for cards, maps, points and curves.

Amber is unsure and teal is sure, everywhere; they differ in lightness and in the blue that
colour-blind eyes see.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNSURE = "#e08a00"
SURE = "#0e857c"

SCALE = (UNSURE, "#b39a3c", "#86a063", "#4f9470", SURE)
"""At equal distances of confidence, from 0 to 1."""

UNKNOWN = "#8a93a3"

_STOPS = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in SCALE])


def shades(share: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return red, green and blue ``[..., 3]`` of shares in [0, 1]; what lies outside is clipped."""
    place = np.clip(np.asarray(share, dtype=float), 0, 1) * (len(SCALE) - 1)
    low = np.minimum(place.astype(int), len(SCALE) - 2)
    rest = (place - low)[..., None]
    mixed: npt.NDArray[np.uint8] = np.rint(
        _STOPS[low] * (1 - rest) + _STOPS[low + 1] * rest
    ).astype(np.uint8)
    return mixed


def shade(share: float | None) -> str:
    """Return the colour of a share as ``#rrggbb``; grey where there is none."""
    if share is None:
        return UNKNOWN
    red, green, blue = shades(share).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
