"""The codec of counts. Free of torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.codec import AnyArray, Codec
from sureflow.families.counts import annotated

CSV, H5AD = "csv", "h5ad"


class CountCodec(Codec):
    """Encodes counts ``[d]`` as whole numbers in lists, CSV, ``.npy`` and annotated data.

    Args:
        names: Names of the components; by default their numbers.
    """

    media_types: ClassVar[Mapping[str, str]] = {
        **Codec.media_types,
        CSV: "text/csv",
        H5AD: "application/x-hdf5",
    }
    standalone = (CSV, H5AD)

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names

    def of(self, card: ModelCard) -> Self:
        """The codec that knows the names of a model's components."""
        return type(self)(card.components)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples: ``.h5ad`` only where AnnData is installed."""
        return ("list", CSV, *((H5AD,) if annotated.available() else ()), "npy")

    def file(self, data: AnyArray, format: str) -> bytes:
        """Encode a sample as a file; of CSV the first line has the names."""
        if format == H5AD:
            return annotated.h5ad(data, self._named(data))
        if format != CSV:
            return super().file(data, format)
        lines = io.StringIO()
        counts = data.astype(np.int64).tolist()
        csv.writer(lines, lineterminator="\n").writerows([self._named(data), counts])
        return lines.getvalue().encode()

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON: whole numbers as such, CSV as text, files in base64."""
        if format != "npy" and not np.isfinite(data).all():
            return None
        if format == CSV:
            return self.file(data, CSV).decode()
        if format == "list" and data.ndim == 1 and (data == np.round(data)).all():
            return data.astype(np.int64).tolist()
        return super().encode(data, format)

    def _named(self, data: AnyArray) -> list[str]:
        return [*self.names] or [*map(str, range(len(data)))]
