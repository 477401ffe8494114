from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from sureflow.core.codec import npy
from sureflow.families.flow.codec import ImageCodec, png


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_png_clamps_and_rounds() -> None:
    row = [-3.0, -1.0, -0.999, 0.0, 0.004, 1.0, 9.0, 0.5]
    image = decoded(png(np.array([[row]], np.float32)))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 0, 0, 128, 128, 255, 255, 191]]


def test_png_of_three_channels_is_rgb() -> None:
    image = np.zeros((3, 2, 5), np.float32)
    image[0], image[2] = 1, -1
    picture = decoded(png(image))
    assert (picture.mode, picture.size) == ("RGB", (5, 2))
    assert np.asarray(picture)[1, 4].tolist() == [255, 128, 0]


def test_npy_is_exact() -> None:
    array = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    again = np.load(io.BytesIO(npy(array)), allow_pickle=False)
    assert again.dtype == np.float32
    assert again.tobytes() == array.tobytes()


def test_json_lists_keep_float32_exactly() -> None:
    array = np.array([0.1, 1 / 3], np.float32)
    assert np.array(ImageCodec().encode(array, "list"), np.float32).tobytes() == array.tobytes()


@pytest.mark.parametrize(("form", "kept"), [("png", False), ("list", False), ("npy", True)])
def test_what_is_not_finite_is_null_where_it_cannot_be_said(form: str, kept: bool) -> None:
    array = np.array([[[0.0, np.nan]]], np.float32)
    value = ImageCodec().encode(array, form)
    assert (value is not None) is kept
    if kept:
        again = np.load(io.BytesIO(base64.b64decode(value)), allow_pickle=False)
        assert np.isnan(again).tolist() == [[[False, True]]]
