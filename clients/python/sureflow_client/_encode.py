"""From arrays and images to what a request carries."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

Given = npt.ArrayLike | PIL.Image.Image
"""Numbers in the units of the model's data: numpy arrays, nested lists, torch tensors; or images,
of which black is -1 and white is 1."""


def encode_array(given: Given) -> str:
    """Return base64 text of a ``.npy`` file, or of a PNG for an image.

    Raises:
        ValueError: The array holds bytes, whose units are anybody's guess.
    """
    if isinstance(given, PIL.Image.Image):
        return _png(given)
    array = _array(given)
    if array.dtype == np.uint8:
        raise ValueError("an array of bytes; give numbers in data units, or a PIL image")
    file = io.BytesIO()
    np.save(file, array.astype(np.float32), allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def encode_arrays(given: Mapping[str, Given]) -> dict[str, str]:
    """Return named arrays as a request has them; see `encode_array`. A text goes as it is."""
    return {name: one if isinstance(one, str) else encode_array(one) for name, one in given.items()}


def encode_mask(mask: Given) -> str | list[Any]:
    """Return a mask as a request has it; true is above 0, or a pixel brighter than grey.

    Args:
        mask: Of the shape of a sample; that of an image may leave out the channels.
    """
    if isinstance(mask, PIL.Image.Image):
        return _png(mask)
    lists: list[Any] = (_array(mask) > 0).astype(int).tolist()
    return lists


def _array(given: Any) -> npt.NDArray[Any]:
    if hasattr(given, "detach"):  # a torch tensor, which may want a gradient or be on a device
        given = given.detach().cpu()
    return np.asarray(given)


def _png(image: PIL.Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
