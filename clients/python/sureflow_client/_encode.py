"""From arrays and images to what a request carries."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from ._exceptions import InvalidArgument
from ._png import png

Given = npt.ArrayLike | PIL.Image.Image
"""Numbers in the units of the model's data: numpy arrays, nested lists, torch tensors; or images,
of which black is -1 and white is 1, whatever the bits of a pixel."""

LEVELS = (np.uint8, np.uint16, np.bool_)
"""Types of arrays that images are kept in."""

NUMBERS = "fiub"
"""Kinds of arrays that hold numbers: floats, integers, booleans."""


def encode_array(given: Given) -> str:
    """Return base64 text of a ``.npy`` file, or of a PNG for an image.

    Raises:
        InvalidArgument: It holds the levels of an image, whose range is anybody's guess, or no
            real numbers; or it is an image that cannot be read.
    """
    if isinstance(given, PIL.Image.Image):
        return base64.b64encode(png(given)).decode()
    array = _array(given)
    if array.dtype == np.uint8 or (array.dtype in LEVELS and array.ndim > 1):
        raise InvalidArgument(
            f"an array of {array.dtype}, as images have; give numbers in data units, or a PIL image"
        )
    file = io.BytesIO()
    with np.errstate(over="ignore"):  # the server says which field is not finite
        np.save(file, array.astype(np.float32), allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def encode_arrays(given: Mapping[str, Given]) -> dict[str, str]:
    """Return named arrays as a request has them; see `encode_array`. A text goes as it is."""
    return {name: one if isinstance(one, str) else encode_array(one) for name, one in given.items()}


def encode_mask(mask: Given) -> str | list[Any]:
    """Return a mask as a request has it; true is above 0, or a pixel brighter than grey.

    Args:
        mask: Of the shape of a sample; that of an image may leave out the channels.

    Raises:
        InvalidArgument: It holds no real numbers, or is an image that cannot be read.
    """
    if isinstance(mask, PIL.Image.Image):
        return encode_array(mask)
    lists: list[Any] = (_array(mask) > 0).astype(int).tolist()
    return lists


def _array(given: Any) -> npt.NDArray[Any]:
    """Return numbers as an array, whatever holds them and wherever."""
    try:
        array = _on_host(given)
    except Exception as error:  # what holds them may be of any package
        raise InvalidArgument(
            f"a {type(given).__name__} is no array of numbers: {error}"
        ) from error
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise InvalidArgument("a masked array: it does not say which numbers stand behind the mask")
    if array.dtype.kind not in NUMBERS:
        raise InvalidArgument(f"an array of {array.dtype}; give real numbers, all of one shape")
    return array


def _on_host(given: Any) -> npt.NDArray[Any]:
    if hasattr(given, "detach"):  # a torch tensor: of numbers that numpy may not have, anywhere
        given = given.detach().cpu()
        given = given.float() if given.is_floating_point() else given
    try:
        array = np.asarray(given)
    except (TypeError, RuntimeError):
        if not isinstance(given, list | tuple):
            raise
        array = np.asarray([_on_host(one) for one in given])  # tensors within a list
    # Numbers such as bfloat16 are numpy's by a package that adds them, as raw bytes to all else.
    added = array.dtype.kind == "V" and array.dtype.names is None
    return array.astype(np.float32) if added else array
