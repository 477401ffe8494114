"""PNG files of whatever mode, as numbers."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from sureflow.core.lane import Array

EIGHT_BITS = ("1", "L", "LA", "P", "RGB", "RGBA")
"""Modes of Pillow whose levels are 0 to 255; a PNG of 16 bits in colour is read as such too."""

SIXTEEN_BITS = ("I;16", "I;16B", "I")
"""Modes of grey levels from 0 to 65535."""

OPAQUE = (255, 255)


class AmbiguousError(Exception):
    """An image whose pixels do not say what is seen."""


def read_png(data: bytes, size: tuple[int, int], coloured: bool) -> Array | tuple[int, int]:
    """Return the pixels ``[height, width]``, or ``[height, width, 3]`` if coloured, in [-1, 1].

    Black is -1 and white is 1, whatever the bits of a level. An image of another size is not
    decoded; its own is returned then, height and width.

    Raises:
        AmbiguousError: Some pixels are transparent, so that their colour is anybody's guess; or the
            mode is not understood.
        Exception: It is damaged; Pillow raises errors of many types.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.size[::-1] != size:
            return image.size[::-1]
        if image.has_transparency_data and _is_transparent(image):
            raise AmbiguousError(
                "has transparent pixels: put the image on a background, without alpha"
            )
        return _levels(image, coloured)


def _levels(image: Image.Image, coloured: bool) -> Array:
    if image.mode in SIXTEEN_BITS:
        grey = np.asarray(image).astype(np.float32) / 32767.5 - 1
        return np.repeat(grey[..., None], 3, axis=-1) if coloured else grey
    if image.mode not in EIGHT_BITS:
        raise AmbiguousError(f"is an image of mode {image.mode}: convert it to L or RGB")
    pixels = np.asarray(image.convert("RGB" if coloured else "L"), np.float32)
    return pixels / 127.5 - 1


def _is_transparent(image: Image.Image) -> bool:
    """Return whether any pixel is; an alpha channel that hides nothing does not matter."""
    if image.mode in SIXTEEN_BITS:  # one level stands for it
        return bool((np.asarray(image) == image.info["transparency"]).any())
    return image.convert("RGBA").getchannel("A").getextrema() != OPAQUE
