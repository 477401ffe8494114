"""One scale from dark and low to bright and high, told apart by colour-blind eyes too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

VIRIDIS = (
    "#440154",
    "#482878",
    "#3e4989",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
)
"""Of van der Walt and Smith, at equal distances."""

UNKNOWN = "#8a93a3"

_STOPS = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in VIRIDIS])


def shades(share: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return red, green and blue ``[..., 3]`` of shares in [0, 1]; what lies outside is clipped."""
    place = np.clip(np.asarray(share, dtype=float), 0, 1) * (len(VIRIDIS) - 1)
    low = np.minimum(place.astype(int), len(VIRIDIS) - 2)
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
