"""Arrays as pictures that a page can show by themselves."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
import PIL.Image

from .colours import shades

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

OPAQUE = 215
"""Of 255, where a map is largest."""


def overlay(doubt: Floats) -> str:
    """Return a map ``[height, width]`` as a picture to lay over another one.

    In the colour of what is unsure, opaque where the doubt is largest, clear where there is none.
    """
    share = np.clip(np.nan_to_num(doubt) / (float(np.nanmax(doubt)) or 1.0), 0, 1)
    alpha = np.rint(OPAQUE * np.sqrt(share)).astype(np.uint8)
    return address(PIL.Image.fromarray(np.dstack([shades(0 * share), alpha])))


def per_part(map: Floats) -> Floats:
    """Return a map of a sample, that of an image summed over its channels."""
    summed: Floats = map.sum(axis=0) if map.ndim == 3 else map
    return summed


def unsure(doubt: Floats, share: float) -> Mask:
    """Return the least sure share of a map as a mask of its shape."""
    count = max(1, round(share * doubt.size))
    chosen = np.zeros(doubt.size, dtype=bool)
    chosen[np.argsort(-doubt.ravel(), kind="stable")[:count]] = True
    return chosen.reshape(doubt.shape)


def rectangles(mask: Mask) -> str:
    """Return a mask ``[height, width]`` as rectangles of SVG, one for each run in a row."""
    found = []
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        found += [
            f'<rect x="{first}" y="{y}" width="{last - first}" height="1"/>'
            for first, last in edges.reshape(-1, 2).tolist()
        ]
    return "".join(found)


def address(image: PIL.Image.Image) -> str:
    """Return an image as a ``data:`` address."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
