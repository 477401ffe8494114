"""From images of whatever mode to PNG files."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from ._exceptions import InvalidArgument

SENT = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Modes that a PNG has."""

CONVERTED = {
    "CMYK": "RGB",
    "HSV": "RGB",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
}
"""Modes whose colours another mode has too."""


def png(image: PIL.Image.Image) -> bytes:
    """Return an image as a PNG file.

    Raises:
        InvalidArgument: Its mode does not say which numbers are black and white, or it is damaged.
    """
    file = io.BytesIO()
    try:
        _sent(image).save(file, "PNG")
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidArgument(f"the image cannot be read: {error}") from error
    return file.getvalue()


def _sent(image: PIL.Image.Image) -> PIL.Image.Image:
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format == "PNG"):
        return PIL.Image.fromarray(np.asarray(image).astype(np.uint16))
    if mode in CONVERTED:
        return image.convert(CONVERTED[mode])
    if mode not in SENT:
        raise InvalidArgument(
            f"an image of mode {mode} does not say which numbers are black and white: convert it "
            "to L, I;16 or RGB, or give an array in the units of the model's data"
        )
    return image
