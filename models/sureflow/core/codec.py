"""Codecs: the formats that a family offers for its samples, and how each encodes an array."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from sureflow.core.card import ModelCard

AnyArray = npt.NDArray[Any]


def npy(array: AnyArray) -> bytes:
    """Encode as a ``.npy`` file, exactly."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


class Codec:
    """Encodes arrays as nested lists and as ``.npy`` files. A family adds formats in a subclass.

    Attributes:
        media_types: Media type of each format, by the name that requests use. ``list`` and ``npy``
            must be among them, since arrays that are not samples, such as maps, use only these.
        standalone: Formats in which one sample can be the whole body of an answer.
    """

    media_types: ClassVar[Mapping[str, str]] = {
        "npy": "application/x-npy",
        "list": "application/json",
    }
    standalone: ClassVar[tuple[str, ...]] = ()

    def of(self, card: ModelCard) -> Self:
        """The codec of a model's samples, where it needs to know more than the arrays."""
        return self

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples, the default one first."""
        return ("list", "npy")

    def file(self, data: AnyArray, format: str) -> bytes:
        """Encode a sample ``[*shape]`` as a file of the format's media type."""
        return npy(data)

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON: nested lists, or a file in base64.

        An array with NaN or infinity becomes ``None`` in all formats but ``npy``.
        """
        if format != "npy" and not np.isfinite(data).all():
            return None
        if format == "list":
            return data.tolist()
        return base64.b64encode(self.file(data, format)).decode()
