"""Images of every mode, as the client sends them and as a server reads them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sureflow.core.json_array import read_array, read_mask
from sureflow_client import InvalidArgument, SureflowError
from sureflow_client._encode import encode_array, encode_mask

SIZE = (3, 4)
GREY = np.linspace(0, 1, 12).reshape(SIZE)
EIGHT = PIL.Image.fromarray(np.rint(GREY * 255).astype(np.uint8))
SIXTEEN = np.rint(GREY * 65535).astype(np.uint16)


def stored(image: PIL.Image.Image, suffix: str, folder: Path) -> PIL.Image.Image:
    """The image, as it is opened of a file."""
    image.save(folder / f"image{suffix}")
    with PIL.Image.open(folder / f"image{suffix}") as opened:
        opened.load()
    return opened


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "HSV"])
def test_colours_are_what_is_seen(mode: str) -> None:
    image = (
        EIGHT.convert(mode)
        if mode == "P"
        else EIGHT.convert("RGB").convert(mode if mode != "PA" else "RGB")
    )
    sent = encode_array(pa() if mode == "PA" else image)
    found = read_array(sent, (1, *SIZE), "samples.0")
    np.testing.assert_allclose(found[0], 2 * GREY - 1, atol=4 / 255)


def pa() -> PIL.Image.Image:
    image = EIGHT.convert("P").convert("PA")
    image.putalpha(255)
    return image


def test_ink_is_dark() -> None:
    found = read_array(encode_array(EIGHT.convert("CMYK")), (3, *SIZE), "samples.0")
    np.testing.assert_allclose(found[1], 2 * GREY - 1, atol=4 / 255)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_are_the_unit_range(suffix: str, order: str, tmp_path: Path) -> None:
    mode = "I;16" if order == "<u2" else "I;16B"
    image = PIL.Image.frombytes(mode, SIZE[::-1], SIXTEEN.astype(order).tobytes())
    for one in (image, stored(PIL.Image.fromarray(SIXTEEN), suffix, tmp_path)):
        found = read_array(encode_array(one), (1, *SIZE), "samples.0")
        np.testing.assert_allclose(found[0], 2 * GREY - 1, atol=2 / 65535)
        mask = read_mask(str(encode_mask(one)), (1, *SIZE), "mask")
        np.testing.assert_array_equal(mask[0], GREY > 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_of_no_range_are_refused_by_the_name_of_their_mode(
    dtype: Any, tmp_path: Path
) -> None:
    image = stored(PIL.Image.fromarray(GREY.astype(dtype)), ".tiff", tmp_path)
    for encode in (encode_array, encode_mask):
        with pytest.raises(InvalidArgument, match=f"mode {image.mode} .*convert it to L"):
            encode(image)


def test_a_damaged_image_is_an_error_of_this_package() -> None:
    file = io.BytesIO()
    PIL.Image.effect_noise((64, 64), 50).save(file, "PNG")
    damaged = PIL.Image.open(io.BytesIO(file.getvalue()[:-200]))
    with pytest.raises(SureflowError, match="cannot be read"):
        encode_array(damaged)


def test_what_is_understood_goes_as_it_is() -> None:
    data = base64.b64decode(encode_array(EIGHT))
    assert PIL.Image.open(io.BytesIO(data)).tobytes() == EIGHT.tobytes()
