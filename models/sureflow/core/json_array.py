"""Arrays in the JSON of requests."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from sureflow.core.lane import Array
from sureflow.core.png import AmbiguousError, read_png
from sureflow.core.schema import InvalidFieldError

PNG, NPY = b"\x89PNG\r\n", b"\x93NUMPY"
NUMBERS = "fiub"
"""Kinds of arrays that hold numbers: floats, integers, booleans."""

LEVELS = "ub"
"""Those of arrays that images are kept in: unsigned integers, booleans."""

PIECE = 8192
"""Numbers that are read at a time."""

MAX_DEPTH = 16
"""Most dimensions of an array."""

MAX_TEXT = 1 << 27
"""Characters of a file in base64."""

UNLIKE = "should be nested lists of numbers, all of a level alike"


Numbers = npt.NDArray[np.generic]
Written = Numbers | list[Any] | str
"""What an array is read from; see :data:`JsonArray`."""


def _written(value: object) -> Numbers | str:
    if isinstance(value, str) and len(value) <= MAX_TEXT:
        return value
    if not isinstance(value, list) or not value:
        message = "Input should be nested lists, or a .npy or .png file in base64"
        raise PydanticCustomError("array", "{message}", {"message": message})
    try:
        return gathered(value)
    except ValueError as error:
        raise PydanticCustomError("array", "{why}", {"why": f"Input {error}"}) from None


FileText = Annotated[str, Field(max_length=MAX_TEXT)]

JsonArray = Annotated[
    Numbers | str, PlainValidator(_written, json_schema_input_type=list[Any] | FileText)
]
"""An array in JSON: nested lists, or a ``.npy`` or ``.png`` file in base64.

Lists are read as an array; the text of a file is left as it is until the shape is known.
"""


def gathered(lists: list[Any]) -> Numbers:
    """Return nested lists of numbers as an array.

    They are read in pieces of some thousand numbers, since nothing else in the process runs while
    NumPy reads one.

    Raises:
        ValueError: They are something else, or not all of a level alike.
    """
    each = _numbers_in(lists[0]) if lists else 1
    step = max(1, PIECE // max(each, 1))
    if len(lists) <= step and each <= PIECE:
        return _piece(lists)
    if each > PIECE:
        pieces = [gathered(one)[None] for one in lists if isinstance(one, list) and one]
    else:
        pieces = [_piece(lists[at : at + step]) for at in range(0, len(lists), step)]
    if sum(map(len, pieces)) != len(lists) or len({piece.shape[1:] for piece in pieces}) > 1:
        raise ValueError(UNLIKE)
    return np.concatenate(pieces)


def listed(written: Written, field: str) -> Numbers | str:
    """Return nested lists as an array, and anything else as it is.

    Raises:
        InvalidFieldError: They are not regular, or hold something other than numbers.
    """
    try:
        return gathered(written) if isinstance(written, list) else written
    except ValueError as error:
        raise InvalidFieldError(field, str(error)) from None


def _numbers_in(first: object) -> int:
    """About how many numbers there are below an element, judged by the first of every level."""
    count, depth = 1, 0
    while isinstance(first, list) and first and depth < MAX_DEPTH:
        count, first, depth = count * len(first), first[0], depth + 1
    return count


def _piece(lists: list[Any]) -> Numbers:
    shape, level = [len(lists)], lists
    while level and isinstance(level[0], list):
        # By their types first: a text of a million letters would be one per element.
        if {*map(type, level)} != {list} or len({*map(len, level)}) > 1 or len(shape) > MAX_DEPTH:
            raise ValueError(UNLIKE)
        shape.append(len(level[0]))
        level = [*chain.from_iterable(level)]
    if not {*map(type, level)} <= {int, float, bool}:
        raise ValueError(UNLIKE)
    array = np.array(level)
    if array.dtype.kind not in NUMBERS:
        raise ValueError(UNLIKE)
    return array.reshape(shape)


def is_file(text: str) -> bool:
    """Whether a text begins as a ``.npy`` or ``.png`` file in base64, and so is no prose."""
    return text.startswith(tuple(base64.b64encode(magic[:6]).decode() for magic in (PNG, NPY)))


def read_array(written: Written, shape: Sequence[int], field: str, *, levels: bool = True) -> Array:
    """Return the array ``[*shape]`` in data units; black in a PNG is -1, and white is 1.

    The client may leave out a leading dimension of size 1. Without ``levels`` booleans and unsigned
    integers are refused: where samples are images, these are levels of another range.

    Raises:
        InvalidFieldError: It is malformed, has another shape, or a number that is not finite.
    """
    array = _numbers(written, shape, field, levels)
    if tuple(shape) not in (array.shape, (1, *array.shape)):
        raise _other_shape(field, shape, array.shape)
    return np.ascontiguousarray(array.reshape(tuple(shape)))


def read_of_any_length(written: Written, dimensions: int, field: str) -> Array:
    """Return an array of so many dimensions in float32, in its own shape; no image, no levels.

    Raises:
        InvalidFieldError: It is malformed, has other dimensions, or a number that is not finite.
    """
    array = _numbers(written, (1,), field, levels=False)
    if array.ndim != dimensions:
        message = f"should have {dimensions} dimension(s), has {array.ndim}"
        raise InvalidFieldError(field, message)
    return array


def read_mask(written: Written, shape: Sequence[int], field: str) -> npt.NDArray[np.bool_]:
    """Return the mask ``[*shape]``, true where a number is above 0 or a pixel brighter than grey.

    The mask of an image may leave out the channels; it then applies to all of them.

    Raises:
        InvalidFieldError: It is malformed or has another shape.
    """
    plane = tuple(shape[1:]) if len(shape) == 3 else tuple(shape)
    array = _numbers(written, plane, field)
    if array.shape not in (plane, tuple(shape)):
        raise _other_shape(field, shape, array.shape)
    return np.ascontiguousarray(np.broadcast_to(array > 0, tuple(shape)))


def _numbers(written: Written, shape: Sequence[int], field: str, levels: bool = True) -> Array:
    """The array as float32, in its own shape; a PNG in as many channels as the shape has."""
    read = listed(written, field)
    array = _decoded(read, shape, field) if isinstance(read, str) else read
    if array.dtype.kind in LEVELS and not levels:
        message = f"holds {array.dtype}; give numbers in the units of the data, or a .png file"
        raise InvalidFieldError(field, message)
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise InvalidFieldError(field, "has a number that is not finite, or not in float32")
    return numbers


def _decoded(text: str, shape: Sequence[int], field: str) -> Numbers:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFieldError(field, "is not base64") from error
    if data.startswith(NPY):
        return _npy(data, field)
    if data.startswith(PNG):
        return _png(data, shape, field)
    raise InvalidFieldError(field, "is base64 of something other than a .npy or .png file")


def _npy(data: bytes, field: str) -> Numbers:
    """Read a ``.npy`` file, checking its header before memory is allocated."""
    file, form = io.BytesIO(data), np.lib.format
    try:
        first = form.read_magic(file) == (1, 0)
        read = form.read_array_header_1_0 if first else form.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.kind not in NUMBERS or math.prod(shape) * dtype.itemsize > len(data):
            raise ValueError("not plain numbers, or not all of them")
        file.seek(0)
        return form.read_array(file, allow_pickle=False)
    except Exception as error:  # the header is parsed as Python, which can fail in many ways
        raise InvalidFieldError(field, f"is no .npy file of numbers: {_line(error)}") from error


def _png(data: bytes, shape: Sequence[int], field: str) -> Numbers:
    """Decode a PNG to -1 .. 1 in as many channels as the shape has; checks its size first."""
    if len(shape) < 2:
        raise InvalidFieldError(field, "should be a vector, is an image")
    coloured = len(shape) == 3 and shape[0] == 3
    try:
        levels = read_png(data, (shape[-2], shape[-1]), coloured)
    except AmbiguousError as error:
        raise InvalidFieldError(field, str(error)) from error
    except Exception as error:  # Pillow raises errors of many types
        raise InvalidFieldError(field, f"is no .png file: {_line(error)}") from error
    if isinstance(levels, tuple):
        raise _other_shape(field, shape[-2:], levels)
    return levels.transpose(2, 0, 1) if coloured else levels


def _line(error: Exception) -> str:
    """The first line of an error's message, shortened: the rest may quote the whole input."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def _other_shape(field: str, *shapes: Sequence[int]) -> InvalidFieldError:
    wanted, got = (" x ".join(map(str, shape)) or "a single number" for shape in shapes)
    return InvalidFieldError(field, f"should be {wanted}, is {got}")
