"""Arrays that clients write, good and hostile."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sureflow.core.codec import npy
from sureflow.core.json_array import gathered, read_array, read_mask, read_of_any_length
from sureflow.core.schema import InvalidFieldError
from sureflow.families.flow.codec import png

SHAPE = (1, 2, 3)
VALUES = np.array([[[0.5, -1, 2], [1, 0, -0.25]]], np.float32)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
nested = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def saved(array: np.ndarray[Any, Any], version: tuple[int, int] = (1, 0)) -> str:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return encoded(buffer.getvalue())


def refused(written: Any, shape: tuple[int, ...] = SHAPE) -> str:
    with pytest.raises(InvalidFieldError) as caught:
        read_array(written, shape, "known")
    assert caught.value.field == "known"
    return caught.value.message


@given(hnp.arrays(np.float32, SHAPE, elements=floats))
def test_lists_and_files_come_back_bit_for_bit(array: np.ndarray[Any, Any]) -> None:
    for written in (array.tolist(), array[0].tolist(), encoded(npy(array)), saved(array[0])):
        assert read_array(written, SHAPE, "x").tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, np.bool_, ">f4"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_files_of_any_numbers(dtype: Any, version: tuple[int, int]) -> None:
    array = np.asfortranarray(VALUES > 0).astype(dtype)
    np.testing.assert_array_equal(read_array(saved(array, version), SHAPE, "x"), VALUES > 0)


def test_a_picture_is_read_as_it_is_drawn() -> None:
    levels = np.linspace(-1, 1, 6, dtype=np.float32).reshape(SHAPE)
    got = read_array(encoded(png(levels)), SHAPE, "x")
    np.testing.assert_allclose(got, levels, atol=1 / 255)
    colours = np.linspace(-1, 1, 18, dtype=np.float32).reshape(3, 2, 3)
    np.testing.assert_allclose(
        read_array(encoded(png(colours)), (3, 2, 3), "x"), colours, atol=1 / 255
    )


def test_a_mask_may_leave_out_the_channels() -> None:
    plane = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    whole = np.stack([plane] * 3)
    drawn = encoded(png(plane[None] * 2 - 1))
    flags = (plane > 0).tolist()
    for written in (plane.tolist(), flags, whole.tolist(), saved(plane), saved(whole), drawn):
        np.testing.assert_array_equal(read_mask(written, (3, 2, 3), "m"), whole > 0)
    one = saved(plane[None])
    np.testing.assert_array_equal(read_mask(one, (1, 2, 3), "m"), plane[None] > 0)
    np.testing.assert_array_equal(read_mask([1, 0], (2,), "m"), [True, False])
    for wrong in ([1, 0], plane.T.tolist(), saved(whole[:2]), encoded(png(plane[None, :, :2]))):
        with pytest.raises(InvalidFieldError, match=r"m: should be (3 x )?2 x 3, is "):
            read_mask(wrong, (3, 2, 3), "m")


def read_or_refused(reading: Any, written: Any) -> Any:
    """The array; ``None`` if it was refused with a short word about the field."""
    try:
        got = reading(written, SHAPE, "known")
    except InvalidFieldError as error:
        if error.field != "known" or len(error.message) > 300:
            raise
        return None
    assert got.shape == SHAPE
    return got


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([[1, 2], [3]], "all of a level alike"),
        ([["1", "2", "3"], ["4", "5", "6"]], "nested lists of numbers"),
        ([[None, 2, 3], [4, 5, 6]], "nested lists of numbers"),
        ([[{}, 2, 3], [4, 5, 6]], "nested lists of numbers"),
        ([[10**400, 2, 3], [4, 5, 6]], "nested lists of numbers"),
        ([[float("nan"), 2, 3], [4, 5, 6]], "not finite"),
        ([[1e300, 2, 3], [4, 5, 6]], "not finite"),
        ([1, 2, 3], "should be 1 x 2 x 3, is 3"),
        ("!", "is not base64"),
        ("\xe9", "is not base64"),
        ("", "something other"),
        (encoded(b"GIF89a"), "something other"),
        (encoded(b"\x93NUMPY"), "no .npy file"),
        (encoded(b"\x89PNG\r\n\x1a\n"), "no .png file"),
        (saved(VALUES[..., :2]), "should be 1 x 2 x 3, is 1 x 2 x 2"),
        (saved(np.array([["a"]])), "no .npy file"),
        (saved(VALUES.astype(complex)), "no .npy file"),
        (saved(np.full(SHAPE, np.inf)), "not finite"),
        (encoded(png(VALUES[..., :2])), "should be 2 x 3, is 2 x 2"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_anything_else_is_refused(written: Any, said: str) -> None:
    assert said in refused(written)


def test_a_picture_is_no_vector() -> None:
    assert "vector" in refused(encoded(png(VALUES)), (6,))


def test_deep_lists_are_refused() -> None:
    deep: Any = 1.0
    for _ in range(900):
        deep = [deep]
    refused(deep)
    with pytest.raises(InvalidFieldError):
        read_mask(deep, SHAPE, "m")


def test_a_header_that_promises_too_much_is_refused_before_it_costs() -> None:
    data = base64.b64decode(saved(VALUES))
    for promised in (b"(9999999999, )", b"(-1,-1,-2,   )"):
        refused(encoded(data.replace(b"(1, 2, 3), }", promised[:10] + b"}")))
        refused(encoded(data.replace(b"(1, 2, 3)", promised[:9])))
    pickled = io.BytesIO()
    np.save(pickled, np.array([[{}]]), allow_pickle=True)
    assert "no .npy file" in refused(encoded(pickled.getvalue()))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    """Ten thousand million pixels, in the header alone."""
    header = (100_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    chunk = b"IHDR" + header
    whole = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + chunk
    refused(encoded(whole + zlib.crc32(chunk).to_bytes(4, "big")))


@settings(max_examples=100)
@given(st.data())
def test_damaged_files_are_refused_or_read(data: st.DataObject) -> None:
    image = io.BytesIO()
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(image, "PNG")
    sound = data.draw(st.sampled_from([base64.b64decode(saved(VALUES)), image.getvalue()]))
    damaged = bytearray(sound)
    for place in data.draw(st.lists(st.integers(0, len(sound) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(sound)))
    for written in (encoded(bytes(damaged)), encoded(bytes(damaged[:cut]))):
        got = read_or_refused(read_array, written)
        assert got is None or np.isfinite(got).all()


@settings(max_examples=60)
@given(st.lists(nested, min_size=1, max_size=3))
def test_lists_of_anything_are_refused_or_read(lists: list[Any]) -> None:
    for reading in (read_array, read_mask):
        read_or_refused(reading, lists)


@pytest.mark.parametrize("shape", [(20_000,), (300, 28, 28), (3, 50_000), (2, 3, 9000), (9000, 1)])
def test_long_lists_are_read_in_pieces_and_are_the_same(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    for one in (array, array / 8, array > 5):
        got = gathered(one.tolist())
        np.testing.assert_array_equal(got, one)
        assert got.dtype == one.dtype


@pytest.mark.parametrize(
    "lists",
    [
        [[0], [0] * 500_000],
        [[[0]], [[0] * 500_000]],
        [*[[0] * 28] * 9000, [0] * 27],
        [*[[0] * 28] * 9000, 0],
        [0] * 20_000 + [[0]],
        [[0] * 20_000, [0] * 19_999],
        [[0] * 20_000, 0],
        [[0] * 20_000, [[0]] * 20_000],
        ["x" * 500_000, *[""] * 5000],
        [0] * 20_000 + ["x"],
        [0] * 20_000 + [10**400],
        [{}] * 9000,
        [[[]], [[]] * 9000],
    ],
    ids=lambda lists: str(len(lists)),
)
def test_long_lists_that_are_not_alike_are_refused(lists: list[Any]) -> None:
    with pytest.raises(ValueError, match="all of a level alike"):
        gathered(lists)


@pytest.mark.parametrize("length", [1, 3, 7])
def test_an_array_of_any_length_has_its_dimensions(length: int) -> None:
    rows = np.arange(4.0 * length).reshape(length, 4)
    for written in (rows.tolist(), saved(rows)):
        np.testing.assert_array_equal(read_of_any_length(written, 2, "x"), rows)
        with pytest.raises(InvalidFieldError, match="should have 1 dimension"):
            read_of_any_length(written, 1, "x")
    for other in ([True] * 4, encoded(png(VALUES)), "MgF2"):
        with pytest.raises(InvalidFieldError):
            read_of_any_length(other, 1, "x")
