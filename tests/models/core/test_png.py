"""PNG files of every mode mean what they show."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sureflow.core.json_array import read_array, read_mask
from sureflow.core.schema import InvalidFieldError

SIZE = (3, 4)
GREY = np.linspace(0, 1, 12).reshape(SIZE)


def encoded(image: Image.Image, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return base64.b64encode(file.getvalue()).decode()


def eight_bits(mode: str) -> Image.Image:
    return Image.fromarray(np.rint(GREY * 255).astype(np.uint8)).convert(mode)


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.rint(GREY * 65535).astype(np.uint16))


def read(written: str, channels: int = 1) -> Any:
    return read_array(written, (channels, *SIZE), "samples.0")


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bits_are_the_unit_range(mode: str, channels: int) -> None:
    found = read(encoded(eight_bits(mode)), channels)
    for plane in found:
        np.testing.assert_allclose(plane, 2 * GREY - 1, atol=2 / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_the_unit_range_too(channels: int) -> None:
    """They were all but white: cut off at 255 of 65535."""
    for plane in read(encoded(sixteen_bits()), channels):
        np.testing.assert_allclose(plane, 2 * GREY - 1, atol=2 / 65535)


def test_one_bit_is_black_or_white() -> None:
    image = Image.fromarray(GREY > 0.5)
    assert read(encoded(image))[0].tolist() == np.where(GREY > 0.5, 1.0, -1.0).tolist()


def test_a_mask_of_sixteen_bits_is_bright_where_it_is_bright() -> None:
    mask = read_mask(encoded(sixteen_bits()), (1, *SIZE), "mask")
    np.testing.assert_array_equal(mask[0], GREY > 0.5)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "I;16"])
def test_what_is_transparent_is_refused(mode: str) -> None:
    options: dict[str, Any] = {}
    if mode in ("LA", "RGBA"):
        image = eight_bits(mode)
        image.putalpha(Image.fromarray(np.where(GREY > 0.5, 255, 0).astype(np.uint8)))
    elif mode == "P":
        image, options = eight_bits("P"), {"transparency": 0}
        image.putpixel((0, 0), 0)
    else:
        image, options = sixteen_bits(), {"transparency": 65535}
    for reading in (read_array, read_mask):
        with pytest.raises(InvalidFieldError, match=r"samples\.0: has transparent pixels"):
            reading(encoded(image, **options), (1, *SIZE), "samples.0")
