"""Pictures of samples, drawn beside the event loop."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Sequence

import anyio.to_thread
import mcp_types
import PIL.Image

from .._sample import Sample
from .._sheet import sheet

SHOWN = 40
"""Samples of a picture."""

LARGEST = 1024
"""Pixels of the longer side of a picture; larger ones are made smaller."""


async def picture_of(
    samples: Sequence[Sample], columns: int | None = None
) -> PIL.Image.Image | None:
    """Return samples in one picture, each with its confidence; ``None`` if they are no images."""
    shown = [sample for sample in samples if sample.data is not None and len(sample.shape) == 3]
    if not shown:
        return None
    return await drawn(lambda: sheet(shown[:SHOWN], columns))


async def drawn(draw: Callable[[], PIL.Image.Image]) -> PIL.Image.Image:
    """Return what a function draws, in a thread."""
    return await anyio.to_thread.run_sync(draw)


async def content_of(picture: PIL.Image.Image) -> mcp_types.ImageContent:
    """Return a picture as the protocol has it."""
    data = await anyio.to_thread.run_sync(_png, picture)
    return mcp_types.ImageContent(type="image", data=data, mime_type="image/png")


def _png(picture: PIL.Image.Image) -> str:
    if max(picture.size) > LARGEST:
        picture = picture.copy()
        picture.thumbnail((LARGEST, LARGEST))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return b64encode(file.getvalue()).decode()
