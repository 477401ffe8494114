"""The tool ``score_own``."""

from __future__ import annotations

import io
from base64 import b64decode
from pathlib import Path

import anyio.to_thread
import numpy as np
import PIL.Image
from pydantic import Field, model_validator

from .._encode import Given
from .generate import awaited
from .made import Made
from .sampling import Sampling
from .tool import Answer, Call, Tool

MOST = 16
LARGEST = 1 << 20
"""Pixels of an image."""

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


class ScoreOwn(Sampling):
    """Samples of one's own: images, vectors or files."""

    images: list[str] = Field([], max_length=MOST)
    """Files in base64 or data: addresses, of the size of the model's samples."""

    values: list[list[float]] = Field([], max_length=MOST)
    """Vectors, in units of the data."""

    files: list[str] = Field([], max_length=MOST)
    """Paths of images; by stdio alone."""

    @model_validator(mode="after")
    def _some(self) -> ScoreOwn:
        if not 0 < len(self.images) + len(self.values) + len(self.files) <= MOST:
            raise ValueError(f"images: give 1 to {MOST} images, values or files")
        return self


async def _run(call: Call, asked: ScoreOwn) -> Answer:
    if asked.files and not call.files:
        raise ValueError("files: only where the tools run beside them; send images in base64")
    contents = [_content(text) for text in asked.images]
    contents += [await anyio.to_thread.run_sync(_file, path) for path in asked.files]
    given: list[Given] = [*map(_image, contents)]
    given += [np.asarray(numbers, np.float32) for numbers in asked.values]
    job = await call.client.jobs.invert(given, asked.model, rewind=True, **asked.options())
    return await awaited(call, job, asked.wait_s, asked.picture)


def _content(text: str) -> bytes:
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("images: not base64") from None


def _file(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        raise ValueError(f"files: {error}") from None


def _image(content: bytes) -> PIL.Image.Image:
    """Return an image as it is; what its levels and channels mean is said where it is sent."""
    try:
        image = PIL.Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > LARGEST:
            raise ValueError(f"images: {image.width}x{image.height} is too large")
        image.load()
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError):
        raise ValueError(f"images: not one of {', '.join(FORMATS)}") from None
    return image


SCORE_OWN = Tool(
    "score_own",
    "Have samples of your own scored: their confidence, and a handle as of any other. Slower than "
    "generate: the flow runs back and forth.",
    ScoreOwn,
    Made,
    _run,
    changes="adds",
)
