"""The codec of counts. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.codec import AnyArray, Codec

CSV = "csv"


class CountCodec(Codec):
    """Encodes counts ``[d]`` as lists of whole numbers, as a line of CSV, and as ``.npy``.

    The names of the components are on the model's card, in this order.
    """

    media_types: ClassVar[Mapping[str, str]] = {**Codec.media_types, CSV: "text/csv; charset=utf-8"}
    standalone = (CSV,)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples."""
        return ("list", CSV, "npy")

    def file(self, data: AnyArray, format: str) -> bytes:
        """Encode a sample as a file."""
        if format != CSV:
            return super().file(data, format)
        return (",".join(map(str, data.astype(np.int64).tolist())) + "\n").encode()

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON: whole numbers as such, CSV as text, files in base64."""
        if format != "npy" and not np.isfinite(data).all():
            return None
        if format == CSV:
            return self.file(data, CSV).decode()
        if format == "list" and data.ndim == 1 and (data == np.round(data)).all():
            return data.astype(np.int64).tolist()
        return super().encode(data, format)
