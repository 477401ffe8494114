"""From the bytes of a sample to arrays and images."""

from __future__ import annotations

import base64
import io
import json
import mimetypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from ._counts import CSV, H5AD, of_csv, of_h5ad
from ._encode import encode_array
from ._exceptions import NotAnImage, UnexpectedResponse
from ._molecule import SMILES, TEXTS

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float32]
Encoded = str | list[Any] | dict[str, Any]

PNG = "image/png"
NPY = "application/x-npy"
IMAGE_CHANNELS = (1, 3)

DAMAGE = (ValueError, TypeError, OSError, SyntaxError)
"""What numpy and Pillow raise on reading damaged files."""


def decode_array(data: Encoded, media_type: str, shape: Sequence[int] | None) -> Array:
    """Return the array ``[*shape]`` that ``data`` encodes, float32.

    Args:
        data: Nested lists, a text, or base64 text of a PNG, ``.npy`` or ``.h5ad`` file.
        media_type: What the text is; not looked at for nested lists.
        shape: Expected shape; ``None``: any.

    Raises:
        UnexpectedResponse: The data are damaged, of another shape, or of an unknown media type.
    """
    try:
        array = _decode(data, media_type)
        if media_type in TEXTS and shape is not None and array.ndim == len(shape) == 1:
            array = np.pad(array, (0, max(shape[0] - len(array), 0)))
    except DAMAGE as error:
        raise UnexpectedResponse(f"cannot read sample data as {media_type}: {error}") from error
    if shape is not None and array.shape != tuple(shape):
        raise UnexpectedResponse(f"expected an array {tuple(shape)}, got {array.shape}")
    return array


def decode_image(data: str) -> PIL.Image.Image:
    """Return the image in base64 text of a PNG file.

    Raises:
        UnexpectedResponse: The data are not a PNG.
    """
    try:
        image = PIL.Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=["PNG"])
        image.load()
    except DAMAGE as error:
        raise UnexpectedResponse(f"cannot read sample data as {PNG}: {error}") from error
    return image


def decode_file(data: Encoded, media_type: str) -> tuple[str, bytes]:
    """Return the file in a text, or one of a list: the suffix of its name, and its bytes.

    Raises:
        UnexpectedResponse: The data are damaged.
    """
    if isinstance(data, dict):
        return ".json", json.dumps(data).encode()
    if isinstance(data, str) and media_type in TEXTS:
        return (".smi" if media_type == SMILES else ".txt"), f"{data}\n".encode()
    if isinstance(data, str) and media_type == CSV and _is_text(data):
        return ".csv", data.encode()
    if not isinstance(data, str):
        data, media_type = encode_array(data), NPY
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise UnexpectedResponse(f"cannot read sample data as {media_type}: {error}") from error
    if media_type == H5AD:
        return ".h5ad", content
    kind = media_type.rpartition("/")[2].removeprefix("x-")
    return mimetypes.guess_extension(media_type) or f".{kind}", content


def array_image(array: Array) -> PIL.Image.Image:
    """Return the array ``[channels, height, width]``, values in [-1, 1], as an 8-bit image.

    Raises:
        NotAnImage: The array is no image: not three axes, not 1 or 3 channels, or not finite.
    """
    if array.ndim != 3 or array.shape[0] not in IMAGE_CHANNELS:
        raise NotAnImage(f"an array of shape {array.shape} is not an image")
    if not np.isfinite(array).all():
        raise NotAnImage("an array with NaN or infinity is not an image")
    levels = np.rint((np.clip(array, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    pixels = levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, -1)
    return PIL.Image.fromarray(np.ascontiguousarray(pixels))


def to_torch(array: Array) -> torch.Tensor:
    """Return an array as a torch tensor on the CPU, with memory of its own.

    Raises:
        ImportError: Torch is not installed.
    """
    import torch  # not needed for anything else, and slow to import

    return torch.from_numpy(array.copy())


def _decode(data: Encoded, media_type: str) -> Array:
    if isinstance(data, dict):
        raise UnexpectedResponse("the data have names: read `data`, or ask for output='npy'")
    if not isinstance(data, str):
        return np.asarray(data, dtype=np.float32)
    if media_type == PNG:
        return _image_array(decode_image(data))
    if media_type in TEXTS:
        return np.array([*map(ord, data)], dtype=np.float32)
    if media_type == CSV and _is_text(data):
        return of_csv(data)
    if media_type == H5AD:
        return of_h5ad(base64.b64decode(data, validate=True))
    if media_type == NPY:
        file = io.BytesIO(base64.b64decode(data, validate=True))
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False), dtype=np.float32)
    raise UnexpectedResponse(f"unknown media type {media_type!r}")


def _is_text(data: str) -> bool:
    """Whether a file is given as it is, and not in base64, which has neither commas nor lines."""
    return "," in data or "\n" in data


def _image_array(image: PIL.Image.Image) -> Array:
    levels = np.asarray(image, dtype=np.float32)
    channels = levels[None] if levels.ndim == 2 else np.moveaxis(levels, -1, 0)
    return np.asarray(channels / 127.5 - 1.0, dtype=np.float32)
