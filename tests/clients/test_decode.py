"""Encoded arrays become arrays and images."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sureflow_client import UnexpectedResponse
from sureflow_client._decode import NPY, PNG, Array, array_image, decode_array, decode_image

LIST = "application/json"


def npy(array: object) -> str:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return base64.b64encode(file.getvalue()).decode()


def png(image: PIL.Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@given(arrays.arrays(np.float32, st.sampled_from([(2,), (1, 3, 2), (3, 2, 2)])))
def test_npy_is_exact(array: Array) -> None:
    decoded = decode_array(npy(array), NPY, array.shape)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, array, equal_nan=True)


@given(arrays.arrays(np.float32, (2, 3), elements=st.floats(-9, 9, width=32)))
def test_nested_lists_are_exact(array: Array) -> None:
    decoded = decode_array(array.tolist(), LIST, (2, 3))
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, array)


@pytest.mark.parametrize("channels", [1, 3])
@given(data=st.data())
def test_png_is_within_half_a_level(channels: int, data: st.DataObject) -> None:
    elements = st.floats(-1, 1, width=32)
    array = data.draw(arrays.arrays(np.float32, (channels, 4, 3), elements=elements))
    image = array_image(array)
    assert image.mode == ("L" if channels == 1 else "RGB")
    assert image.size == (3, 4)
    decoded = decode_array(png(image), PNG, array.shape)
    assert decoded.dtype == np.float32
    assert np.abs(decoded - array).max() <= (1 / 255) * (1 + 1e-4)


def test_png_ends_are_exact() -> None:
    array = np.array([[[-1.0, 1.0]]], dtype=np.float32)
    assert np.array_equal(decode_array(png(array_image(array)), PNG, (1, 1, 2)), array)


def test_values_beyond_the_range_are_clipped() -> None:
    pixels = np.asarray(array_image(np.array([[[-7.0, 7.0]]], dtype=np.float32)))
    assert pixels.tolist() == [[0, 255]]


def test_colours_keep_their_places() -> None:
    red = np.full((3, 1, 2), -1.0, dtype=np.float32)
    red[0] = 1.0
    assert np.asarray(array_image(red)).tolist() == [[[255, 0, 0], [255, 0, 0]]]


@pytest.mark.parametrize(
    "array", [np.zeros(2), np.zeros((2, 4, 4)), np.zeros((4, 4)), np.full((1, 2, 2), np.nan)]
)
def test_arrays_that_are_no_image(array: Array) -> None:
    with pytest.raises(ValueError, match="not an image"):
        array_image(array.astype(np.float32))


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        ("%%%", NPY),
        ("", NPY),
        (npy([1.0, 2.0])[:-8], NPY),
        (npy([1.0, 2.0, 3.0]), NPY),
        (npy(["a", "b"]), NPY),
        (npy([1.0, 2.0]), PNG),
        (png(PIL.Image.new("L", (8, 8)))[:60], PNG),
        (png(PIL.Image.new("L", (8, 8))), PNG),
        ([1.0, [2.0]], LIST),
        ([1.0, {}], LIST),
        (["a", "b"], LIST),
        (npy([1.0, 2.0]), "image/webp"),
    ],
)
def test_damaged_data_are_named(data: str | list[object], media_type: str) -> None:
    with pytest.raises(UnexpectedResponse):
        decode_array(data, media_type, (2,))


def test_pickles_are_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([object(), None], dtype=object), allow_pickle=True)
    with pytest.raises(UnexpectedResponse, match="allow_pickle"):
        decode_array(base64.b64encode(file.getvalue()).decode(), NPY, (2,))


@pytest.mark.parametrize("cut", range(8, 90, 7))
def test_a_truncated_image_is_named(cut: int) -> None:
    whole = base64.b64decode(png(PIL.Image.effect_noise((8, 8), 50)))
    with pytest.raises(UnexpectedResponse, match=PNG):
        decode_image(base64.b64encode(whole[:cut]).decode())
