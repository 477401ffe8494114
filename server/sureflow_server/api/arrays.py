"""Arrays that come from clients."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from sureflow.lane import Array
from sureflow_server.api.problems import Problem

PNG, NPY = b"\x89PNG\r\n", b"\x93NUMPY"
MAX_COMPONENTS = 1 << 22
"""Of one array, before it is known what it is for."""


def _written(value: object) -> list[Any] | str:
    if isinstance(value, str) or (isinstance(value, list) and value):
        return value
    message = "Input should be nested lists, or a .npy or .png file in base64"
    raise PydanticCustomError("array", "{message}", {"message": message})


Written = Annotated[
    list[Any] | str, PlainValidator(_written, json_schema_input_type=list[Any] | str)
]
"""An array as it is written in JSON: nested lists, or a ``.npy`` or ``.png`` file in base64."""


def read(written: list[Any] | str, shape: Sequence[int], field: str) -> Array:
    """Return the array ``[*shape]`` in data units; a PNG's black is -1 and its white 1.

    Args:
        written: As the client wrote it.
        shape: What it must have; a leading 1 may be left out.
        field: Path of the field, for the problem.

    Raises:
        Problem: It is malformed, has another shape, or a number that is not finite.
    """
    array = _decoded(written, shape, field) if isinstance(written, str) else _listed(written, field)
    if array.shape != tuple(shape) and (1, *array.shape) != tuple(shape):
        wanted, got = _by(shape), _by(array.shape)
        raise Problem.field(field, f"should be {wanted}, is {got}")
    if not np.isfinite(array).all():
        raise Problem.field(field, "has a number that is not finite")
    return np.ascontiguousarray(array.reshape(tuple(shape)), np.float32)


def read_mask(written: list[Any] | str, shape: Sequence[int], field: str) -> npt.NDArray[np.bool_]:
    """Return the mask ``[*shape]``, true where a number is above 0 or a pixel brighter than grey.

    That of an image may leave out the channels; it is for all of them then.

    Raises:
        Problem: It is malformed or has another shape.
    """
    plane = tuple(shape[1:]) if len(shape) == 3 else tuple(shape)
    by_channel = isinstance(written, list) and _depth(written) == len(shape)
    chosen = tuple(shape) if by_channel else plane
    mask = read(written, chosen, field) > 0
    return np.ascontiguousarray(np.broadcast_to(mask, tuple(shape)))


def _depth(lists: object) -> int:
    return 1 + _depth(lists[0]) if isinstance(lists, list) and lists else 0


def _listed(lists: list[Any], field: str) -> npt.NDArray[np.generic]:
    try:
        array = np.array(lists, np.float64)
    except (ValueError, TypeError) as error:
        raise Problem.field(field, "should be nested lists of numbers, all of a level alike") from (
            error
        )
    return array


def _decoded(text: str, shape: Sequence[int], field: str) -> npt.NDArray[np.generic]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem.field(field, "is not base64") from error
    if data.startswith(NPY):
        return _npy(data, field)
    if data.startswith(PNG):
        return _png(data, shape, field)
    raise Problem.field(field, "is base64 of something other than a .npy or .png file")


def _npy(data: bytes, field: str) -> npt.NDArray[np.generic]:
    """Look at the header before anything of its size is made."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        if dtype.kind not in "fiub" or math.prod(shape) * dtype.itemsize > len(data):
            raise ValueError("not plain numbers, or not all of them")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise Problem.field(field, f"is no .npy file of numbers: {error}") from error


def _png(data: bytes, shape: Sequence[int], field: str) -> npt.NDArray[np.generic]:
    """Decode, in as many channels as the shape has, to -1 .. 1; the size is checked before."""
    height, width = shape[-2:] if len(shape) > 1 else (0, 0)
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        if image.size != (width, height):
            raise Problem.field(
                field, f"should be {_by((height, width))}, is {_by(image.size[::-1])}"
            )
        coloured = len(shape) == 3 and shape[0] == 3
        pixels = np.asarray(image.convert("RGB" if coloured else "L"), np.float32) / 127.5 - 1
    except (OSError, SyntaxError, ValueError) as error:
        raise Problem.field(field, f"is no .png file: {error}") from error
    return pixels.transpose(2, 0, 1) if coloured else pixels


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
