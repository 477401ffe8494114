"""How samples travel: the forms that a family offers, and what each makes of an array."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any, ClassVar

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
    """Arrays as nested lists and as ``.npy`` files. A family adds forms in a subclass.

    Attributes:
        media_types: Media type of each form, by the name that requests have for it. ``list`` and
            ``npy`` must be among them: what is no sample, such as a map, travels in one of these.
        alone: Forms in which a single sample can be a whole answer; see ``Accept``.
    """

    media_types: ClassVar[Mapping[str, str]] = {
        "npy": "application/x-npy",
        "list": "application/json",
    }
    alone: ClassVar[tuple[str, ...]] = ()

    def forms(self, card: ModelCard) -> tuple[str, ...]:
        """The forms that samples of a model can take, the default one first."""
        return ("list", "npy")

    def file(self, data: AnyArray, form: str) -> bytes:
        """Encode a sample ``[*shape]`` as a file of the form's media type."""
        return npy(data)

    def encode(self, data: AnyArray, form: str) -> Any:
        """Return what stands for a sample in JSON: base64 of a file, nested lists, or ``None``.

        ``None`` stands for an array with NaN or infinity, which only ``npy`` can hold.
        """
        if form != "npy" and not np.isfinite(data).all():
            return None
        if form == "list":
            return data.tolist()
        return base64.b64encode(self.file(data, form)).decode()
