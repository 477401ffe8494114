"""The codec of flows: images as PNG, vectors as arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec

CHANNELS = (1, 3)
"""Numbers of channels that a PNG can have."""


def png(image: npt.NDArray[Any]) -> bytes:
    """Encode ``[1 or 3, height, width]`` in [-1, 1]; values beyond are clamped."""
    levels = np.clip((image + 1) * 127.5, 0, 255).round().astype(np.uint8)
    pixels = levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class ImageCodec(Codec):
    """Adds PNG for models of images."""

    media_types: ClassVar[Mapping[str, str]] = {"png": "image/png", **Codec.media_types}
    standalone = ("png",)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples; for images that a PNG can hold, PNG is the default."""
        drawable = card.media == "image" and card.shape[0] in CHANNELS
        return ("png", "npy", "list") if drawable else super().formats(card)

    def file(self, data: npt.NDArray[Any], format: str) -> bytes:
        """Encode a sample as a file."""
        return png(data) if format == "png" else super().file(data, format)
